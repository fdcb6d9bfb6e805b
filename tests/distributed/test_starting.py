"""How runs over several processes are asked for, and what a run in one does without."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from typer.testing import CliRunner

from proxprop.cli import app
from proxprop.distributed.group import backend
from proxprop.distributed.loop import own_device
from proxprop.runs.store import Store
from proxprop.spec.catalog import optimizers
from proxprop.spec.config import ConfigError, RunConfig
from proxprop.spec.memory import least_memory
from tests.architecture.sources import imports

runner = CliRunner()
OPTIONS = ["--json", "--steps", "12", "--set", "model.widths=[8]", "--set", "precision=float64"]


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    return Store()


@pytest.mark.slow
def test_one_process_needs_nothing_of_it() -> None:
    script = (
        "import sys\n"
        "from proxprop.engine import load_loops, warm_up\n"
        "load_loops(); warm_up()\n"
        "assert not [name for name in sys.modules if name.startswith('proxprop.distributed')]\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    asking = {
        found.importer
        for found in imports()
        if found.module.startswith("torch.distributed") and not found.late
    }
    assert asking
    assert all(name.startswith("proxprop.distributed") for name in asking)


def test_the_command_line_starts_followers_and_resumes_without_them(store: Store) -> None:
    done = runner.invoke(app, ["train", *OPTIONS, "--devices", "2"])
    assert done.exit_code == 0, done.output
    (run,) = store.runs()
    assert (run.outcome, run.config.devices, run.step) == ("finished", 2, 12)
    longer = runner.invoke(
        app, ["train", "--json", "--resume", run.id, "--steps", "20", "--devices", "1"]
    )
    assert longer.exit_code == 0, longer.output
    run = store.run(run.id)
    assert (run.outcome, run.config.devices, run.step) == ("finished", 1, 20)
    refused = runner.invoke(app, ["runs", "resume", run.id, "--devices", "2"])
    assert refused.exit_code == 1
    assert "cannot be resumed: it is finished" in refused.output


@pytest.mark.slow
def test_torchrun(store: Store) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, "-m", "proxprop.train", *OPTIONS], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    (run,) = store.runs()
    assert json.loads(done.stdout)["id"] == run.id
    assert (run.outcome, run.config.devices, run.step) == ("finished", 2, 12)
    refused = subprocess.run(
        [*command, "-m", "proxprop.train", "--lr", "-1"], capture_output=True, text=True
    )
    assert refused.returncode != 0
    assert "optimizer.lr: must be > 0" in refused.stderr


def test_what_cannot_be_shared_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="devices: must be at most the 10 samples of a batch"):
        RunConfig(batch_size=10).replace(devices=11)
    monkeypatch.setattr(optimizers, "find_spec", lambda package: package)
    hessian_free = {
        "direction": {"solver": "explicit"}, "optimizer": {"name": "hessian-free"}, "devices": 2,
    }  # fmt: skip
    with pytest.raises(ConfigError, match="devices: must be 1 with Hessian-free"):
        RunConfig.parse(hessian_free)


def test_the_number_of_processes_changes_no_digest_but_the_memory() -> None:
    one, four = RunConfig(), RunConfig(devices=4)
    assert one.digest == four.digest
    assert least_memory(four) == 4 * least_memory(one)


def test_the_means_are_chosen_by_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert backend("cpu") == "gloo"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    assert backend("cpu") == "gloo"
    assert backend("auto") == "cpu:gloo,cuda:nccl"
    assert own_device(RunConfig(devices=2), 1) == torch.device("cuda", 1)
    with pytest.raises(ConfigError, match="devices: must be at most the 2 GPUs of this machine"):
        own_device(RunConfig(devices=3), 1)
