"""`sweep`: a map of many short runs as a generator of events that obeys controls."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import torch

from proxprop.data.dataset import Dataset, load
from proxprop.engine.sweeping.block import AloneRun, BlockRun
from proxprop.engine.sweeping.jobs import Advance, Job, Jobs, threads_on
from proxprop.engine.sweeping.plan import Block, Prediction, Task, plan, reason_alone
from proxprop.engine.sweeping.predictions import Predictions
from proxprop.engine.training.device import device_label, resolve_device, versions
from proxprop.engine.training.outcomes import constant_loss
from proxprop.engine.training.snapshot import check_format
from proxprop.spec.config import SweepConfig
from proxprop.spec.controls import Controls, ControlState, Report
from proxprop.spec.events import (
    WHOLE,
    Artifact,
    Ended,
    Event,
    Mark,
    Notice,
    Outcome,
    Point,
    Reason,
    Rewound,
    Snapshot,
    Started,
    State,
    Table,
)
from proxprop.spec.sweeping import Board

FORMAT = 1
_POLL_SECONDS = 0.05  # seconds until controls are asked again
_SECONDS_BETWEEN_MAPS = 0.25


def sweep(
    config: SweepConfig,
    controls: Controls,
    *,
    snapshot: Snapshot | None = None,
    progress: Report | None = None,
) -> Iterator[Event]:
    """Train all runs of a sweep, as many at a time as fit.

    Args:
        config: The sweep.
        controls: Polled several times between two slices of computing; "pause", "resume", "stop"
            and "checkpoint" are obeyed, settings stay as they are.
        snapshot: Where to continue, bit for bit on the same kind of device; None to start.
        progress: Called with a message and a fraction while data is fetched.

    Yields:
        `Started`, then points, artifacts "map", notices, states and snapshots, at last one `Ended`
        for the whole; see `proxprop.engine.sweeping` for what they hold.

    Raises:
        ConfigError: If the config does not fit this machine or this data.
        DataError: If the data cannot be had.
        ValueError: If the snapshot was written by another version.
    """
    device = resolve_device(config.device)
    dataset = load(config.data, device=device, progress=progress)
    run = Sweep(config, controls, dataset, device.type, device_label(device), snapshot)
    cancelled = threading.Event()

    def make(task: Task) -> Job:
        return job_of(config, task, dataset, device, cancelled)

    with threads_on(device, make) as threads:
        try:
            yield from run.events(threads)
        finally:
            cancelled.set()


def job_of(
    config: SweepConfig,
    task: Task,
    dataset: Dataset,
    device: torch.device,
    cancelled: threading.Event,
) -> Job:
    """Return the job that carries out a task of a sweep.

    Args:
        config: The sweep.
        task: One of its tasks.
        dataset: Its data, on `device`.
        device: Where to compute.
        cancelled: Set from elsewhere to stop.
    """
    if isinstance(task, Prediction):
        layers = config.model.layers(dataset.shape, len(dataset.classes))
        return Predictions(config, task.seed_index, dataset, device, layers, cancelled)
    if task.stacked:
        constant = constant_loss(dataset.train.targets, len(dataset.classes))
        return BlockRun(config, task, dataset, device, constant)
    return AloneRun(config, task, dataset)


class Sweep:
    """One sweep; each method yields the events of one part of it.

    Args:
        config: The sweep.
        controls: See `sweep`.
        dataset: Its data.
        kind: "cpu" or "cuda": what it is computed on.
        label: What a person calls that.
        snapshot: Where to continue; None to start.

    Raises:
        ConfigError: If the config does not fit this data.
        ValueError: If the snapshot was written by another version.
    """

    def __init__(
        self,
        config: SweepConfig,
        controls: Controls,
        dataset: Dataset,
        kind: str,
        label: str,
        snapshot: Snapshot | None,
    ) -> None:
        config.check_fit(dataset.shape, len(dataset.classes), len(dataset.train))
        self.config = config
        self._controls = controls
        self._dataset = dataset
        self._kind = kind
        self._label = label
        self._control_state = ControlState(steps_per_epoch=1)
        self._layers = config.model.layers(dataset.shape, len(dataset.classes))
        self._board = Board(config, constant_loss(dataset.train.targets, len(dataset.classes)))
        self._settled: set[int] = set()
        self._per_epoch = -(-len(dataset.train) // config.batch_size)
        self._seconds = 0.0
        self._resumed = False
        self._drawn_at = 0.0
        if snapshot is not None:
            self._resume(snapshot)

    def _resume(self, snapshot: Snapshot) -> None:
        check_format(snapshot.extra, "format", FORMAT)
        self._board.load(snapshot.extra["board"])
        self._settled = set(self._board.results)
        self._seconds = snapshot.extra["seconds"]
        self._resumed = True

    def events(self, jobs: Jobs) -> Iterator[Event]:
        """Yield the whole sweep, carried out by `jobs`."""
        yield from self._opening()
        waiting = self._tasks()
        upcoming = next(waiting, None)
        while upcoming is not None or jobs.busy:
            yield from self._obey(jobs)
            if self._control_state.stopping:
                break
            while upcoming is not None and jobs.free:
                jobs.add(upcoming)
                upcoming = next(waiting, None)
            began = time.perf_counter()
            advances = jobs.go_on(_POLL_SECONDS)
            self._seconds += time.perf_counter() - began
            for advance in advances:
                yield from self._news(advance)
            yield from jobs.events()
        yield self._ended()

    def _opening(self) -> Iterator[Event]:
        direction = [method.direction for method in self.config.methods]
        names = tuple(row.name for row in self._layers if row.parameters)
        implicit = any(d.solver != "explicit" for d in direction)
        every = any(d.solver != "explicit" and d.layers == "all" for d in direction)
        yield Started(
            step=self._steps_done,
            steps_per_epoch=self._per_epoch,
            total_steps=self.config.steps,
            parameters=sum(row.parameters for row in self._layers),
            layers=names,
            implicit=(names if every else names[:-1]) if implicit else (),
            train_samples=len(self._dataset.train),
            device=self._label,
            versions=versions(),
            member=WHOLE,
        )
        if self._resumed:
            label = f"resumed with {len(self._settled)} runs done"
            yield Mark(self._steps_done, 0.0, self._seconds, "resumed", label)
        for method in self.config.methods:
            if reason := reason_alone(self.config, method):
                yield Notice("info", f"Runs of {method.name!r} are trained one by one: {reason}.")
        yield State("running", self._steps_done)
        yield self._map()

    def _tasks(self) -> Iterator[Task]:
        """What there is to do, in order."""
        methods = range(len(self.config.methods))
        known = self._board.limits
        first_of = {
            seed
            for seed in range(self.config.seeds)
            if not all((method, seed) in known for method in methods)
        }
        for block in plan(self.config, self._layers, self._kind):
            # A block whose runs have partly ended is not resumed: its runs are settled together.
            if not self._settled.issuperset(block.members):
                yield block
            if block.seed_index in first_of:  # its first cells come before what is predicted
                first_of.discard(block.seed_index)
                yield Prediction(block.seed_index)

    # -- what has been computed --------------------------------------------------------------

    def _news(self, advance: Advance) -> Iterator[Event]:
        """Yield what is new of a task that has come further."""
        task, found, ended, lost = advance
        if lost:
            yield from self._void(task, lost)
        if isinstance(task, Prediction):
            for number, limit in found.limits.items():
                self._board.limits[number, task.seed_index] = limit
            if found.initial_loss is not None:
                self._board.initial_losses[task.seed_index] = found.initial_loss
        for member, step, loss in found.points:
            yield self._point("steps", step, {"loss": loss}, member)
        for member, result in found.results.items():
            if member not in self._board.results:
                self._board.results[member] = result
                yield self._point("evaluations", result.step, result.columns, member)
        if ended and isinstance(task, Block):
            self._settled.update(task.members)
        if ended or time.monotonic() - self._drawn_at >= _SECONDS_BETWEEN_MAPS:
            yield self._map()
        if ended:
            yield self._snapshot("cadence")

    def _void(self, task: Task, lost: str) -> Iterator[Event]:
        """Forget what a task had found: it begins again."""
        if isinstance(task, Block):
            for member in task.members:
                self._board.results.pop(member, None)
            yield Rewound(dict.fromkeys(task.members, -1))
        yield Notice("warning", lost)

    def _point(self, table: Table, step: int, values: dict[str, float], member: int) -> Point:
        return Point(table, step, step / self._per_epoch, self._seconds, values, member)

    def _map(self) -> Artifact:
        self._drawn_at = time.monotonic()
        return Artifact("map", len(self._board.results), {**self._board.payload()})

    @property
    def _steps_done(self) -> int:
        """Steps asked of the runs that whole blocks have settled; those that diverged count too."""
        return self.config.steps * len(self._settled)

    def _snapshot(self, reason: Reason) -> Snapshot:
        """Everything that whole blocks have found; what is under way begins again."""
        members = range(self.config.members)
        results = self._board.results
        steps = {m: results[m].step if m in self._settled else -1 for m in members}
        extra = {
            "format": FORMAT,
            "board": self._board.state(self._settled),
            "seconds": self._seconds,
            "member_steps": {str(member): step for member, step in steps.items()},
        }
        return Snapshot(self._steps_done, {}, extra, reason)

    # -- controls ----------------------------------------------------------------------------

    def _obey(self, jobs: Jobs) -> Iterator[Event]:
        self._control_state.take(self._controls.poll(), 0)
        yield from self._answer()
        if self._control_state.holding:
            jobs.hold()
            yield State("paused", self._steps_done)
            yield self._snapshot("paused")
            for _ in self._control_state.wait(self._controls, 0):
                yield from self._answer()
            if not self._control_state.stopping:
                yield State("running", self._steps_done)

    def _answer(self) -> Iterator[Event]:
        if self._control_state.changes:
            self._control_state.changes.clear()
            yield Notice("warning", "not changed: a sweep keeps the settings of its map.")
        if self._control_state.wants_checkpoint:
            self._control_state.wants_checkpoint = False
            yield self._snapshot("asked")

    # -- end ---------------------------------------------------------------------------------

    def _ended(self) -> Ended:
        counts = self._board.outcomes
        runs = self.config.members
        words = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        outcome: Outcome = "finished"
        if self._control_state.stopping:
            outcome, words = "stopped", f"stopped after {sum(counts.values())} of {runs} runs"
        summary = {"runs": float(runs)} | {name: float(count) for name, count in counts.items()}
        step = self._steps_done
        epoch = self.config.steps / self._per_epoch
        return Ended(outcome, step, epoch, self._seconds, words, summary, WHOLE)
