"""A disk that stays full: the run ends within its patience, and its true cause is told."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxprop.cli import app
from proxprop.runs.service import RunService
from proxprop.runs.store import Store
from proxprop.runs.worker_process import WorkerProcess
from proxprop.spec.config import RunConfig

from .waiting import until

ENDLESS = RunConfig().replace(
    **{"budget.epochs": None, "budget.steps": 10**8, "checkpoint.seconds": 1000.0}
)
PATIENCE = 1.0


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory on a disk of 3 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    monkeypatch.setenv("PROXPROP_HOME", str(folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PROXPROP_PATIENCE", str(PATIENCE))
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill a disk to its last byte; return the file that does so."""
    path = folder / "filling"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    return path


def test_a_worker_names_the_cause_once_there_is_room_again(small_disk: Path) -> None:
    store = Store()
    service = RunService(store, concurrency=1, prewarm=False)
    try:
        run_id = service.start(ENDLESS)
        until(lambda: store.run(run_id).step >= 20, "it trains")
        worker = service._workers[run_id]
        filling = fill(small_disk)
        until(lambda: worker.exit_code is not None, "the worker gives up", seconds=30)
        assert store.run(run_id).status == "running"  # nobody could write its end
        filling.unlink()
        until(lambda: store.run(run_id).status == "ended", "its end is written")
        run = store.run(run_id)
        assert run.outcome == "failed"
        assert "database or disk is full. Free some space" in run.words
        assert "exit status" not in run.words
        kept = store.points(run_id, "steps")["step"].tolist()
        assert kept == list(range(1, len(kept) + 1))
    finally:
        service.shutdown()
        store.close()


def test_the_command_line_ends_and_its_run_reads_as_interrupted(small_disk: Path) -> None:
    train = ["train", "--steps", "100000000", "--json", "--set", "checkpoint.seconds=1000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "proxprop.cli", *train], stderr=subprocess.PIPE, text=True
    )
    store = Store()
    (run,) = until(store.runs, "the run is listed")
    until(lambda: store.run(run.id).step >= 20, "it trains")
    full = time.monotonic()
    fill(small_disk)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert time.monotonic() - full < PATIENCE + 10
    assert "database or disk is full. Free some space" in err
    assert "Traceback" not in err
    result = CliRunner().invoke(app, ["runs", "list", "--json"])  # while the disk is still full
    (listed,) = json.loads(result.stdout)
    assert (listed["status"], listed["outcome"]) == ("ended", "interrupted")
    store.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT])
def test_a_killed_command_reads_as_interrupted_and_can_be_resumed(
    store: Store, number: signal.Signals
) -> None:
    script = (
        "from tests.runs.test_full_disk import *; from proxprop.runs.process import Process\n"
        "print(Store().create_run(ENDLESS, process=Process.current()), flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()

    def standing() -> tuple[str, str]:
        shown = json.loads(CliRunner().invoke(app, ["runs", "show", run_id, "--json"]).stdout)
        return shown["status"], shown["outcome"]

    assert standing() == ("starting", None)
    process.send_signal(number)
    process.communicate()
    assert standing() == ("ended", "interrupted")
    assert store.run(run_id).status == "starting"  # reading wrote nothing
    shown = CliRunner().invoke(app, ["runs", "list", "--status", "interrupted"]).stdout
    assert run_id in shown
    store.append(run_id, fields={"step": 0})
    result = CliRunner().invoke(app, ["runs", "delete", run_id])
    assert result.exit_code == 0, result.output
    assert store.run(run_id).outcome == "interrupted"


def test_a_worker_that_cannot_open_the_store_says_why(store: Store) -> None:
    no_store = store.home / "notes" / "proxprop.db"
    no_store.parent.mkdir()
    no_store.write_bytes(b"somebody's notes" * 100)
    worker = WorkerProcess(no_store)
    until(lambda: worker.exit_code is not None, "it ends")
    killed, cause = worker.cause_of_death()
    worker.close()
    assert not killed
    assert "is damaged or no run store" in cause
