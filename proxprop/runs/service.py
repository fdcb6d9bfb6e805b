"""In charge of runs: starts workers, keeps some warm, queues, notices the dead. Loads no torch."""

from __future__ import annotations

import contextlib
import heapq
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from proxprop import paths
from proxprop.files import delete_abandoned
from proxprop.runs.backup import TEMPORARY
from proxprop.runs.errors import RunEndedError, RunError, StoreError
from proxprop.runs.fits import check_fits, machine_memory
from proxprop.runs.reading import Reading
from proxprop.runs.record import Run
from proxprop.runs.replay import back
from proxprop.runs.steering import give_up, requeue, stop
from proxprop.runs.store import Store
from proxprop.runs.turns import check_room, in_turn
from proxprop.runs.worker_process import WorkerProcess
from proxprop.spec.config import AnyConfig, SettingsChange
from proxprop.spec.controls import Control
from proxprop.spec.events import Outcome

CONCURRENCY_VARIABLE = "PROXPROP_CONCURRENCY"
_TICK = 0.2
_LOOK_AROUND = 1.0  # seconds between searches for runs whose process is gone
_SILENT = 10.0  # seconds without a sign of life after which a deleted run is not asked to stop
_HOUR = 3600.0
_SWEEP_DELAY = 60.0  # seconds until the bin and what was left unfinished are looked at first
# The next warm worker starts once the first point of the run is in, or after so many seconds.
_WARM_DELAY = 4.0
_WARM_RETRY = 30.0  # after a warm worker died by itself
# Once somebody runs, two workers wait: torch takes seconds to load, and who stops a run to start
# it with another setting does so sooner. On a small machine one.
_SPARE, _SPARE_MEMORY = 2, 4e9
_SHUTDOWN = 6.0  # a worker saves its checkpoint and exits within 5

_RECENT = 20  # ended runs whose duration stands for that of a queued one


@dataclass(frozen=True)
class QueueEntry:
    """One waiting run.

    Attributes:
        run_id: The run.
        position: 1 for the next one to start.
        eta: Estimated seconds until it starts; None where nothing is known yet.
    """

    run_id: str
    position: int
    eta: float | None


@dataclass(frozen=True)
class ServiceStatus:
    """What the service is doing.

    Attributes:
        concurrency: How many runs may go on at once.
        running: Ids of the runs that do.
        queued: The runs that wait, next one first, with position and ETA.
        warm: Whether a worker waits with torch loaded.
        trouble: What is wrong with the store, in words; empty where nothing is.
    """

    concurrency: int
    running: tuple[str, ...]
    queued: tuple[QueueEntry, ...]
    warm: bool
    trouble: str


class RunService:
    """Starts, steers and watches over runs; one per server.

    Args:
        store: Where runs are recorded.
        concurrency: How many runs may go on at once, ≥ 1; default `PROXPROP_CONCURRENCY`, else 2.
        prewarm: Whether workers wait with torch loaded, so that a run starts at once.
        executor: Starts a worker for the runs of a store's file. The public face of `WorkerProcess`
            is all that is asked of a worker; one elsewhere would have the same.

    Raises:
        ValueError: If the concurrency is no whole number ≥ 1.
    """

    def __init__(
        self,
        store: Store,
        concurrency: int | None = None,
        prewarm: bool = True,
        executor: Callable[[Path], WorkerProcess] = WorkerProcess,
    ) -> None:
        self.store = store
        self._executor = executor
        self.concurrency = _concurrency() if concurrency is None else concurrency
        if self.concurrency < 1:
            raise ValueError(f"concurrency must be ≥ 1, got {self.concurrency}")
        self._prewarm = prewarm
        self._lock = threading.RLock()
        self._workers: dict[str, WorkerProcess] = {}
        self._warm: list[WorkerProcess] = []  # longest waiting first
        self._warmed_for = ""
        self._spare = _SPARE if machine_memory() >= _SPARE_MEMORY else 1
        self._warm_again = 0.0
        self._damage = self._trouble = ""
        self._closing = threading.Event()
        self._end_orphans()
        if prewarm:
            self._warm.append(executor(store.path))
        self._thread = threading.Thread(target=self._watch, name="run-service", daemon=True)
        self._thread.start()
        threading.Thread(target=self._examine, name="examination", daemon=True).start()

    def start(self, config: AnyConfig, name: str = "", owner: str = "") -> str:
        """Start a run, or queue it if as many as allowed go on; return its id.

        Args:
            config: What to run.
            name: What a person calls it.
            owner: Cookie of the browser that starts it.

        Raises:
            RunError: If it needs more memory than there is, or the owner's queue is full.
            StoreError: If it cannot be recorded.
        """
        self._check_open()
        check_fits(config)
        check_room(self.store.queue(), owner)
        run_id = self.store.create_run(config, name, owner)
        self._dispatch()
        return run_id

    def resume(
        self, run_id: str, config: AnyConfig | None = None, begin_again: bool = False
    ) -> None:
        """Let an ended run go on from its last checkpoint, as soon as there is room.

        Args:
            run_id: The run.
            config: Its config with a larger budget, see `extended`; None to leave it as it is.
            begin_again: Whether to begin again, without what it recorded, where no checkpoint is.

        Raises:
            RunError: If it has not ended, there is nothing left to do, or no checkpoint is left.
        """
        self._check_open()
        requeue(self.store, run_id, config=config, begin_again=begin_again)
        self._dispatch()

    def back(
        self, run_id: str, step: int | None, turned: Mapping[str, Any], owner: str = ""
    ) -> str:
        """Go back to a saved step of an ended run, as a new run; return its id.

        Args:
            run_id: The ended run.
            step: One of its saved steps; None for the last good one.
            turned: Settings to change there, field → value.
            owner: Cookie of the browser that asks.

        Raises:
            RunError: If nothing was saved at that step.
        """
        self._check_open()
        check_room(self.store.queue(), owner)
        new_id = back(self.store, run_id, step, turned, owner)
        self._dispatch()
        return new_id

    def control(self, run_id: str, control: Control) -> None:
        """Send a command to a run; it obeys within 0.2 s or at the end of its current step.

        Raises:
            RunEndedError: If the run has ended.
            ConfigError: If a "set" has a value out of range.
        """
        if control.action == "set":
            SettingsChange.parse(control.values)
        run = self.store.run(run_id)
        if run.status == "ended":
            raise RunEndedError(run_id)
        if control.action == "stop":
            stop(self.store, run_id)
        else:
            self.store.put_control(run_id, control)

    def give_up(self, run_id: str) -> None:
        """End the process of a run that shows no sign of life, and the run as interrupted.

        Raises:
            RunError: If it answers after all, or belongs to another machine or person.
        """
        with self._lock:  # or its worker's death would be told instead
            give_up(self.store, run_id)

    def delete(self, run_id: str) -> None:
        """Put a run in the bin, stopped if it goes on, given up if it shows no sign of life."""
        run = self.store.run(run_id)
        with contextlib.suppress(RunError):
            if run.stale and time.time() - (run.heartbeat or 0.0) > _SILENT:
                self.give_up(run_id)
            elif run.status != "ended":
                stop(self.store, run_id)
        self.store.delete(run_id)

    def status(self) -> ServiceStatus:
        """Return what goes on and who waits."""
        with self._lock:
            running = tuple(self._workers)
            warm = any(worker.ready for worker in self._warm)
        queue = self._queue(running)
        entries = waiting(self.store, queue, running, self.concurrency) if queue else ()
        return ServiceStatus(self.concurrency, running, entries, warm, self.trouble)

    @property
    def trouble(self) -> str:
        """What is wrong with the store, in words; empty where nothing is."""
        return self._damage or self._trouble

    def shutdown(self) -> None:
        """Interrupt all workers after a checkpoint each and wait for their end; safe to repeat."""
        self._closing.set()
        self._thread.join()
        with self._lock:
            workers = [*self._workers.values(), *self._warm]
            for worker in workers:
                worker.let_go()
            deadline = time.monotonic() + _SHUTDOWN
            for worker in workers:
                worker.wait(max(0.0, deadline - time.monotonic()))
            while self._warm:
                self._warm.pop().close()
            with contextlib.suppress(StoreError):
                self._settle()

    def _check_open(self) -> None:
        if self._closing.is_set():
            raise RunError("The server is shutting down; start the run again once it is back.")

    def _watch(self) -> None:
        look_around, sweep = 0.0, time.monotonic() + _SWEEP_DELAY  # when to do so next
        while not self._closing.wait(_TICK):
            try:
                self._settle()
                self._dispatch()
                self._keep_warm()
                if (now := time.monotonic()) >= look_around:
                    look_around = now + _LOOK_AROUND
                    self._end_orphans()
                if now >= sweep:
                    sweep = now + _HOUR
                    self.store.empty_bin()
                    for pattern in ("**/.*.part", *TEMPORARY):
                        delete_abandoned(self.store.home, pattern)
            except Exception as error:  # whatever it is, the next round may go well
                self._trouble = str(error)
            else:
                self._trouble = ""

    def _examine(self) -> None:
        """Look for damage in the store; of a large one that takes a while."""
        with contextlib.suppress(StoreError):
            self._damage = self.store.damage()

    def _dispatch(self) -> None:
        """Give queued runs to workers while there is room."""
        with self._lock:
            while len(self._workers) < self.concurrency and not self._closing.is_set():
                # A resumed run whose former process is still on its way out waits for that.
                queue = self._queue(tuple(self._workers))
                ready = [run.id for run in queue if run.id not in self._workers]
                if not ready:
                    return
                self._launch(ready[0])

    def _queue(self, running: tuple[str, ...]) -> list[Run]:
        """Return the queued runs, next one first."""
        queue = self.store.queue()
        if len({run.owner for run in queue}) < 2:
            return queue  # nobody to take turns with
        return in_turn(queue, [run.owner for run in self.store.get(running).values()])

    def _launch(self, run_id: str) -> None:
        self._forget_dead()
        worker = self._warm.pop(0) if self._warm else self._executor(self.store.path)
        if not self.store.claim(run_id, worker.process):  # another service was faster
            self._warm.insert(0, worker)
            return
        self._workers[run_id] = worker
        self._warmed_for = run_id
        worker.assign(run_id)  # if it died this instant, `_settle` says so

    def _settle(self) -> None:
        """Let go of workers that have ended, and end the runs of those that could not."""
        with self._lock:
            for run_id, worker in list(self._workers.items()):
                if worker.exit_code is None:
                    continue
                run = self.store.get([run_id]).get(run_id)
                if run is not None and run.live and run.pid == worker.process.pid:
                    killed, cause = worker.cause_of_death()
                    if not killed:
                        cause += f" Look into {paths.log(run.id, self.store.home)}."
                    outcome: Outcome = "interrupted" if killed else "failed"
                    self.store.end_for(run, outcome, cause)
                worker.close()
                del self._workers[run_id]

    def _end_orphans(self) -> None:
        """End runs whose process is gone."""
        with self._lock:
            self.store.end_orphans(self._workers)

    def _keep_warm(self) -> None:
        """Start the next warm worker, but not while it would slow down a run's first second."""
        with self._lock:
            if self._forget_dead():
                self._warm_again = time.monotonic() + _WARM_RETRY
            wanted = self._spare if self._warmed_for else 1
            enough = len(self._warm) >= wanted or not all(worker.ready for worker in self._warm)
            if not self._prewarm or enough or time.monotonic() < self._warm_again:
                return
            worker = self._workers.get(self._warmed_for)
            if worker is not None and time.monotonic() - worker.given < _WARM_DELAY:
                begun = self.store.run(self._warmed_for)
                if begun.step == 0 or time.monotonic() - worker.given < 1.0:
                    return
            self._warm.append(self._executor(self.store.path))

    def _forget_dead(self) -> bool:
        """Forget waiting workers that have died; return whether there were any."""
        dead = [worker for worker in self._warm if worker.exit_code is not None]
        for worker in dead:
            worker.close()
            self._warm.remove(worker)
        return bool(dead)


def _concurrency() -> int:
    text = os.environ.get(CONCURRENCY_VARIABLE, "2")
    try:
        return int(text)
    except ValueError:
        raise ValueError(
            f"{CONCURRENCY_VARIABLE} must be a whole number ≥ 1, got {text!r}"
        ) from None


def waiting(
    store: Reading, queue: Sequence[Run], running: Sequence[str], concurrency: int
) -> tuple[QueueEntry, ...]:
    """Return the queue with its estimates.

    Args:
        store: Where the runs are.
        queue: Queued runs, next one first.
        running: Ids of the runs that go on.
        concurrency: How many may go on at once.
    """
    left = [run.eta for run in store.get(running).values()]
    durations = [
        run.ended - run.started
        for run in store.runs(status="ended", limit=_RECENT)
        if run.started is not None and run.ended is not None
    ]
    usual = median(durations) if durations else None
    free = [0.0] * max(0, concurrency - len(left))
    known = [seconds for seconds in left if seconds is not None]
    slots: list[float] = free + known
    heapq.heapify(slots)
    entries = []
    for position, run in enumerate(queue, start=1):
        eta = heapq.heappop(slots) if slots else None
        entries.append(QueueEntry(run.id, position, eta))
        if eta is not None and usual is not None:
            heapq.heappush(slots, eta + usual)
    return tuple(entries)
