"""Real workers, real signals: runs go on, obey, wait their turn, die and come back."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from proxprop import paths
from proxprop.runs.errors import RunError
from proxprop.runs.process import Process
from proxprop.runs.record import Run
from proxprop.runs.service import RunService
from proxprop.runs.store import Store
from proxprop.runs.worker_process import WorkerProcess
from proxprop.spec.config import ConfigError, RunConfig
from proxprop.spec.controls import Control
from proxprop.spec.events import Mark

from .waiting import until

ENDLESS = RunConfig().replace(**{"budget.epochs": None, "budget.steps": 10**8})
# Long enough to be killed on the way, with a checkpoint every few dozen steps.
LONG = RunConfig().replace(
    **{"budget.epochs": None, "budget.steps": 1500, "checkpoint.seconds": 0.1}
)
Serve = Callable[..., RunService]


@pytest.fixture
def serve(store: Store) -> Iterator[Serve]:
    services: list[RunService] = []

    def serve(concurrency: int = 1, prewarm: bool = False) -> RunService:
        services.append(RunService(store, concurrency, prewarm))
        return services[-1]

    yield serve
    for service in services:
        service.shutdown()


def reach(store: Store, run_id: str, step: int) -> Run:
    return until(
        lambda: (run := store.run(run_id)).step >= step and run, f"run {run_id} at step {step}"
    )


def status(store: Store, run_id: str, wanted: str) -> Run:
    return until(
        lambda: (run := store.run(run_id)).status == wanted and run, f"run {run_id} {wanted}"
    )


def kill(store: Store, run_id: str, number: int) -> int:
    pid = store.run(run_id).pid
    assert pid is not None
    os.kill(pid, number)
    return pid


def numbers(store: Store, run_id: str, table: str) -> pd.DataFrame:
    frame = store.points(run_id, table)
    return frame[[name for name in frame if not name.startswith("seconds")]]


def weights(store: Store, run_id: str) -> dict[str, torch.Tensor]:
    return load_file(paths.checkpoints(run_id, store.home) / "weights.safetensors")


@pytest.mark.slow
def test_a_killed_run_keeps_its_points_and_resumes_to_the_same_numbers(
    store: Store, serve: Serve
) -> None:
    service = serve(concurrency=2)
    run_id = service.start(LONG)
    until(lambda: store.checkpoints(run_id), "a checkpoint")
    reach(store, run_id, store.checkpoints(run_id)[0].step + 50)
    kill(store, run_id, signal.SIGKILL)
    died = time.monotonic()
    run = status(store, run_id, "ended")
    assert time.monotonic() - died < 2.0
    assert run.outcome == "interrupted"
    assert "SIGKILL" in run.words
    assert f"continues from step {store.checkpoints(run_id)[0].step}" in run.words
    assert store.points(run_id, "steps")["step"].tolist() == list(range(1, run.step + 1))

    service.resume(run_id)
    reference = service.start(LONG)
    assert status(store, run_id, "ended").outcome == "finished"
    assert status(store, reference, "ended").outcome == "finished"
    assert (store.run(run_id).revision, store.run(reference).revision) == (1, 0)
    for table in ("steps", "evaluations", "layers", "settings"):
        resumed, whole = numbers(store, run_id, table), numbers(store, reference, table)
        pd.testing.assert_frame_equal(resumed, whole, check_exact=True)
    assert len(store.points(run_id, "steps")) == 1500
    resumed_weights, whole_weights = weights(store, run_id), weights(store, reference)
    assert resumed_weights.keys() == whole_weights.keys()
    assert all(torch.equal(resumed_weights[k], whole_weights[k]) for k in whole_weights)


def test_a_run_obeys_every_command_and_records_it(store: Store, serve: Serve) -> None:
    service = serve()
    run_id = service.start(ENDLESS)
    reach(store, run_id, 20)
    service.control(run_id, Control("pause"))
    paused = status(store, run_id, "paused")
    until(lambda: len(store.points(run_id, "steps")) == store.run(run_id).step, "all points in")
    before = store.run(run_id).step
    assert before >= paused.step

    service.control(run_id, Control("step"))
    until(lambda: len(store.points(run_id, "steps")) == before + 1, "one more batch")
    status(store, run_id, "paused")
    service.control(run_id, Control("epoch"))
    per_epoch = store.run(run_id).started_info.steps_per_epoch  # type: ignore[union-attr]
    end = ((before + 1) // per_epoch + 1) * per_epoch
    reach(store, run_id, end)
    status(store, run_id, "paused")
    assert store.run(run_id).step == end

    service.control(run_id, Control("set", {"tau": 0.5, "lr": 0.25}))
    service.control(run_id, Control("resume"))
    reach(store, run_id, end + 20)
    marks = [row.event for row in store.events(run_id) if isinstance(row.event, Mark)]
    assert [(mark.kind, mark.step) for mark in marks] == [("set", end)]
    assert store.points(run_id, "settings")["tau"].tolist() == [0.05, 0.5]
    assert store.points(run_id, "settings")["lr"].tolist() == [1.0, 0.25]

    with pytest.raises(ConfigError, match="tau"):
        service.control(run_id, Control("set", {"tau": -1.0}))
    service.control(run_id, Control("stop"))
    assert status(store, run_id, "ended").outcome == "stopped"
    assert store.checkpoints(run_id)[0].step == store.run(run_id).step
    with pytest.raises(RunError, match="has ended"):
        service.control(run_id, Control("pause"))
    # SIGTERM, on the way back: an interruption after a checkpoint.
    service.resume(run_id)
    reach(store, run_id, store.run(run_id).step + 20)
    kill(store, run_id, signal.SIGTERM)
    run = status(store, run_id, "ended")
    assert run.outcome == "interrupted"
    assert "SIGTERM" in run.words
    assert store.checkpoints(run_id)[0].step == run.step


def test_runs_wait_for_their_turn(store: Store, serve: Serve) -> None:
    service = serve(concurrency=1)
    first, second, third = (service.start(ENDLESS, name) for name in "abc")
    assert service.status().running == (first,)
    assert [(e.run_id, e.position) for e in service.status().queued] == [(second, 1), (third, 2)]
    service.control(second, Control("stop"))
    assert store.run(second).words == "Stopped before it began."
    reach(store, first, 5)
    assert store.run(third).status == "queued"
    service.delete(first)
    reach(store, third, 5)
    assert store.run(first).outcome == "stopped"
    assert [run.id for run in store.runs(deleted=True)] == [first]
    service.shutdown()
    run = store.run(third)
    assert (run.status, run.outcome) == ("ended", "interrupted")
    assert "server" in run.words
    assert store.checkpoints(third)[0].step == run.step
    with pytest.raises(RunError, match="shutting down"):
        service.start(ENDLESS)


def test_the_death_of_a_server_leaves_no_orphan(store: Store, serve: Serve) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.runs.fake_server", store.path, ENDLESS.model_dump_json()],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert server.stdout is not None
    run_id = server.stdout.readline().strip()
    reach(store, run_id, 20)
    children = until(lambda: len(c := _children(server.pid)) == 2 and c, "the next warm worker")
    assert store.run(run_id).pid in {child.pid for child in children}
    server.kill()
    server.wait()
    server.stdout.close()
    until(lambda: not any(child.alive(None) for child in children), "no orphan", seconds=5)
    run = store.run(run_id)
    assert (run.status, run.outcome) == ("ended", "interrupted")
    assert store.checkpoints(run_id)[0].step == run.step
    assert store.points(run_id, "steps")["step"].tolist() == list(range(1, run.step + 1))


def test_a_starting_service_ends_runs_of_dead_processes_only(store: Store, serve: Serve) -> None:
    host, _, _ = Process.current().token.rpartition(":")
    dead = store.create_run(ENDLESS, process=Process(os.getpid(), f"{host}:1"))
    living = store.create_run(ENDLESS, process=Process.current())
    serve()
    run = store.run(dead)
    assert (run.status, run.outcome) == ("ended", "interrupted")
    assert "gone" in run.words
    assert store.run(living).status == "starting"


def test_a_worker_that_cannot_write_says_so_and_keeps_what_it_wrote(
    store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    monkeypatch.setenv("PROXPROP_PATIENCE", "0.5")
    service = serve()
    run_id = service.start(ENDLESS)
    pid = reach(store, run_id, 20).pid
    assert pid is not None
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, 4096))
    run = status(store, run_id, "ended")
    assert run.outcome == "failed"
    assert "disk" in run.words
    kept = store.points(run_id, "steps")["step"].tolist()
    assert kept == list(range(1, len(kept) + 1))
    assert len(kept) >= 20


def test_a_warm_worker_takes_the_run(store: Store, serve: Serve) -> None:
    service = serve(prewarm=True)
    assert not service.status().warm
    until(lambda: service.status().warm, "a warm worker")
    run_id = service.start(ENDLESS)
    first = reach(store, run_id, 1).pid
    until(lambda: service.status().warm, "the next warm worker")
    service.control(run_id, Control("stop"))
    status(store, run_id, "ended")
    second = service.start(ENDLESS)
    reach(store, second, 1)
    assert store.run(second).pid != first


class Echo(WorkerProcess):
    """A worker that does nothing: it is ready once the test says so, and ends when let go."""

    made: ClassVar[list["Echo"]] = []

    def __init__(self, path: Path) -> None:
        self._child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process = Process.of(self._child.pid)
        self.given, self.run = 0.0, ""
        self._ready, self._output = False, ""
        self.made.append(self)

    def get_ready(self) -> None:
        self._ready = True

    def assign(self, run_id: str) -> None:
        self.run = run_id


def test_once_somebody_runs_two_workers_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxprop.runs.service.machine_memory", lambda: 8e9)
    made = Echo.made = []
    service = RunService(store, concurrency=3, executor=Echo)
    try:
        made[0].get_ready()
        runs = [service.start(ENDLESS)]
        until(lambda: len(made) == 2, "the next worker")
        made[1].get_ready()
        until(lambda: len(made) == 3, "one more, now that the next one is warm")
        runs += [service.start(ENDLESS), service.start(ENDLESS)]
        assert [worker.run for worker in made[:3]] == runs
    finally:
        service.shutdown()
    assert all(worker.exit_code is not None for worker in made)


@pytest.mark.slow
def test_a_held_worker_is_given_up_and_frees_its_place(store: Store, serve: Serve) -> None:
    service = serve(concurrency=1)
    held, waiting = service.start(ENDLESS), service.start(ENDLESS)
    reach(store, held, 5)
    with pytest.raises(RunError, match="answers; stop it instead"):
        service.give_up(held)
    pid = kill(store, held, signal.SIGSTOP)
    until(lambda: store.run(held).stale, "no sign of life")
    assert store.run(waiting).status == "queued"
    service.give_up(held)
    until(lambda: not Process.of(pid).token.rpartition(":")[2], "its process is gone")
    run = store.run(held)
    assert (run.outcome, "no sign of life" in run.words) == ("interrupted", True)
    assert "SIGKILL" not in run.words
    reach(store, waiting, 1)


def test_what_killed_processes_left_unfinished_is_swept(
    store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxprop.runs.service._SWEEP_DELAY", 0.0)
    old = [
        store.home / "checkpoints" / "abc" / ".0000000100.safetensors.1a2b.part",
        store.home / "uploads" / "abc" / ".mine.csv.1a2b.part",
        store.home / ".backup-x" / "proxprop.db",
    ]
    new = store.home / "checkpoints" / "abc" / ".0000000200.safetensors.1a2b.part"
    for path in (*old, new):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    for path in (*old, old[-1].parent):
        os.utime(path, (0, 0))
    serve()
    until(lambda: not any(path.exists() for path in old), "the old ones are gone")
    assert new.exists()


@pytest.mark.parametrize("text", ["0", "many", "1.5"])
def test_a_senseless_concurrency_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("PROXPROP_CONCURRENCY", text)
    with pytest.raises(ValueError, match="≥ 1"):
        RunService(store)


def test_a_finished_run_is_not_resumed(store: Store, serve: Serve) -> None:
    run_id = store.create_run(ENDLESS, process=Process.current())
    store.end(run_id, "finished", "done")
    with pytest.raises(RunError, match="cannot be resumed: it is finished"):
        serve().resume(run_id)


def test_neither_service_nor_command_line_loads_torch() -> None:
    code = (
        "import sys, proxprop.runs.service, proxprop.runs.store, proxprop.cli;"
        "print([m for m in ('torch', 'streamlit', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _children(pid: int) -> list[Process]:
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [Process.of(int(child)) for child in found.stdout.split()]
