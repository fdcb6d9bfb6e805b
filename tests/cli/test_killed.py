"""Commands that were killed, and runs that are deleted while they go on: real processes."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from proxprop.cli import app, runs
from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Ended
from tests.runs.waiting import until

runner = CliRunner()


def train(store: Store, *options: str) -> tuple[subprocess.Popen[str], str]:
    """Start training in a process of its own; return it and its run's id once it has begun."""
    process = subprocess.Popen(
        [sys.executable, "-m", "proxprop.cli", "train", "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    (run,) = until(store.runs, "the run is listed")
    until(lambda: store.run(run.id).step >= 20, "it trains")
    return process, run.id


def test_a_killed_run_is_resumed_without_a_dashboard(store: Store) -> None:
    process, run_id = train(store, "--steps", "800", "--set", "checkpoint.seconds=0.1")
    until(lambda: store.checkpoints(run_id), "a checkpoint")
    process.kill()
    process.communicate()
    shown = json.loads(runner.invoke(app, ["runs", "show", run_id, "--json"]).stdout)
    assert (shown["status"], shown["outcome"]) == ("ended", "interrupted")
    assert "was killed" in shown["words"]
    resumed = runner.invoke(app, ["runs", "resume", run_id, "--json"])
    assert resumed.exit_code == 0, resumed.output
    assert store.run(run_id).outcome == "finished"
    assert store.points(run_id, "steps")["step"].tolist() == list(range(1, 801))


def test_a_run_that_goes_on_is_stopped_before_it_is_deleted(store: Store) -> None:
    script = (
        "import time; from proxprop.runs.process import Process\n"
        "from proxprop.runs.store import Store; from proxprop.spec.config import RunConfig\n"
        "store = Store(); run = store.create_run(RunConfig(), process=Process.current())\n"
        "print(run, flush=True)\n"
        "while not store.take_controls(run): time.sleep(0.05)\n"
        "store.end(run, 'stopped', 'stopped at step 3')"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    result = runner.invoke(app, ["runs", "delete", run_id])
    assert result.exit_code == 0, result.output
    process.communicate()
    assert process.returncode == 0
    (run,) = store.runs(deleted=True)
    assert (run.id, run.words, store.runs()) == (run_id, "stopped at step 3", [])


def test_a_waiting_run_is_deleted_as_stopped(store: Store) -> None:
    run_id = store.create_run(RunConfig())
    assert runner.invoke(app, ["runs", "delete", run_id]).exit_code == 0
    assert (store.run(run_id).words, store.queue()) == ("Stopped before it began.", [])
    (ended,) = (row.event for row in store.events(run_id))
    assert (type(ended), ended.words) == (Ended, "Stopped before it began.")  # type: ignore[union-attr]


def test_a_run_whose_process_is_held_is_given_up(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_OBEYS", 0.2)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run_id = store.create_run(RunConfig(), process=Process.of(process.pid))
    store.append(run_id, fields={"status": "running", "step": 3, "heartbeat": time.time() + 60})
    busy = runner.invoke(app, ["runs", "delete", run_id])
    assert (busy.exit_code, "is at a long step" in busy.output) == (1, True)
    os.kill(process.pid, signal.SIGSTOP)
    store.append(run_id, fields={"heartbeat": time.time() - 10})
    assert runner.invoke(app, ["runs", "delete", run_id]).exit_code == 0
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert "no sign of life" in store.run(run_id).words
