"""`proxprop paper` on a tiny CIFAR-10 in class folders, in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from proxprop.cli import app
from proxprop.paper.result import Result, read_result
from proxprop.runs.record import Run
from proxprop.runs.store import Store
from tests.data.crafted import cifar10_folders, image, write_folder
from tests.runs.waiting import until

runner = CliRunner()
CONVNET = ("--experiment", "convnet", "--part", "main")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cifar10_folders(tmp_path_factory.mktemp("data") / "cifar10")


def call(home: Path, images: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PROXPROP_HOME": str(home),
        "PROXPROP_DATA": str(images.parent),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "150",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "proxprop.cli", "paper", *CONVNET, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def recorded(home: Path) -> Result:
    found = read_result(home / "paper" / "convnet-main-laptop.json")
    assert isinstance(found, Result)
    return found


def evaluations(store: Store, run: Run) -> int:
    return sum(len(store.points(run.id, "evaluations", member)) for member in range(5))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_and_interrupted_it_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, images: Path
) -> None:
    home = tmp_path / "home"
    store = Store(home / "proxprop.db")

    process = call(home, images)
    (run,) = until(store.runs, "the race is listed")
    until(lambda: evaluations(store, run) >= 5, "it races", 240)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)  # as timeout(1) does: still one press of Ctrl-C
    code, out, err = finish(process)
    assert code == 130, err
    assert store.run(run.id).outcome == "stopped"
    assert "Not everything is done: the same command goes on." in out
    assert not recorded(home).complete

    code, out, err = finish(call(home, images, "--epochs", "2"))
    assert code == 0, err
    partial = recorded(home)
    assert partial.complete
    assert (partial.epochs, partial.planned_epochs) == (2, 20)
    for contender in partial.contenders:
        (seed,) = contender.seeds
        assert seed.outcome == "finished"
        assert seed.epoch == (0, 1, 2)
        assert seed.test_accuracy in [n / 20 for n in range(21)]
    assert (partial.data.train, partial.data.validation, partial.data.test) == (525, 175, 20)
    assert partial.data.stored == "class folders"
    assert partial.provenance.threads == 1
    assert partial.contenders[0].config["data"]["path"] == "cifar10"

    process = call(home, images, "--epochs", "4")
    until(lambda: evaluations(store, run) >= 16, "it goes on from the second epoch", 240)
    process.kill()
    finish(process)
    code, out, err = finish(call(home, images, "--epochs", "4"))
    assert code == 0, err
    assert len(store.runs()) == 1
    store.close()

    code, _, err = finish(call(tmp_path / "other", images, "--epochs", "4"))
    assert code == 0, err
    for again, straight in zip(
        recorded(home).contenders, recorded(tmp_path / "other").contenders, strict=True
    ):
        (mine,), (theirs,) = again.seeds, straight.seeds
        assert mine.epoch == (0, 1, 2, 3, 4)
        assert mine.train_loss == theirs.train_loss
        assert mine.validation_accuracy == theirs.validation_accuracy
        assert mine.test_accuracy == theirs.test_accuracy


def test_what_is_done_is_not_done_again(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    monkeypatch.setenv("PROXPROP_DATA", str(images.parent))
    monkeypatch.setenv("COLUMNS", "150")
    arguments = ["paper", *CONVNET, "--epochs", "1", "--output", str(tmp_path / "out")]
    first = runner.invoke(app, arguments)
    assert first.exit_code == 0, first.output
    assert "On the ConvNet, Adam is faster per epoch on implicit directions." in first.output
    path = tmp_path / "out" / "convnet-main-laptop.json"
    least, most = json.loads(path.read_text())["provenance"]["load"]
    assert 0 <= least <= most
    before, (run,) = path.read_text(), Store().runs()
    assert run.name == "Paper: convnet/main, laptop scale, seed 0"

    assert runner.invoke(app, arguments).exit_code == 0
    (same,) = Store().runs()
    assert same.revision == run.revision
    assert json.loads(path.read_text()) == json.loads(before)
    listed = runner.invoke(app, ["paper", *CONVNET, "--epochs", "1", "--list"])
    assert "1 of 1" in listed.output


def test_the_list_needs_no_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    monkeypatch.setenv("PROXPROP_DATA", str(tmp_path / "none"))
    monkeypatch.setenv("COLUMNS", "150")
    result = runner.invoke(app, ["paper", "--list", "--scale", "full"])
    assert result.exit_code == 0, result.output
    for place in ("mlp/main", "mlp/controls", "mlp/adam", "convnet/main", "stability/main"):
        assert place in result.output
    assert Store().runs() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--experiment", "cnn"], "--experiment: must be one of mlp, convnet, stability, batch"),
        (["--part", "second"], "--part: must be one of main, controls, adam"),
        (["--experiment", "convnet", "--part", "adam"], "no experiment asked for has such a part"),
        (["--scale", "huge"], "--scale: must be one of laptop, full"),
        (["--epochs", "0"], "--epochs: must be ≥ 1"),
        (["--seeds", "11"], "--seeds: must be in 1…10"),
    ],
)
def test_refusals_cost_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    result = runner.invoke(app, ["paper", *arguments])
    assert result.exit_code == 2
    assert words in result.output
    assert not (tmp_path / "proxprop.db").exists()


def test_another_data_set_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    pets = {f"{name}/{i}.png": image(np.zeros((32, 32, 3), np.uint8))
            for name in ("cat", "dog") for i in range(6)}  # fmt: skip
    folder = write_folder(tmp_path / "pets", pets)
    result = runner.invoke(app, ["paper", *CONVNET, "--data", str(folder)])
    assert result.exit_code == 1
    assert "the paper's experiments need CIFAR-10's" in result.output
