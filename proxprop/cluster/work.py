"""What a worker on another machine can carry out, as generators fed by controls. It loads torch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from proxprop.data.dataset import Dataset, load
from proxprop.engine.loops import LOOPS
from proxprop.engine.sweeping.jobs import Found
from proxprop.engine.sweeping.loop import job_of
from proxprop.engine.sweeping.plan import Task
from proxprop.engine.training.device import resolve_device
from proxprop.lessons.checking import examine
from proxprop.lessons.verdict import Verdict
from proxprop.paper.measuring import provenance
from proxprop.paper.result import Provenance
from proxprop.spec.config import DataConfig, SweepConfig
from proxprop.spec.controls import Controls, ControlState, Report
from proxprop.spec.events import Snapshot

_REPORT_SECONDS = 0.25  # between two reports of what a task has found


class PieceOfSweep(NamedTuple):
    """One task of a sweep.

    Attributes:
        config: The sweep.
        task: The task.
    """

    config: SweepConfig
    task: Task


def carry_out_piece(
    piece: PieceOfSweep,
    controls: Controls,
    *,
    snapshot: Snapshot | None = None,
    progress: Report | None = None,
) -> Iterator[Found]:
    """Yield what a task of a sweep finds; it has no state to go on from and begins anew."""
    device = resolve_device(piece.config.device)
    dataset = _data(piece.config.data, str(device))
    job = job_of(piece.config, piece.task, dataset, device, threading.Event())
    state = ControlState(steps_per_epoch=1)
    reported = time.monotonic()
    for _ in job.work():
        state.take(controls.poll(), 0)
        for _ in state.wait(controls, 0):
            pass
        if state.stopping:
            return
        if time.monotonic() - reported > _REPORT_SECONDS:
            yield job.found()
            reported = time.monotonic()
    yield job.found()


def check_lesson(
    name: str,
    controls: Controls,
    *,
    snapshot: Snapshot | None = None,
    progress: Report | None = None,
) -> Iterator[Verdict]:
    """Yield what a lesson's experiment finds."""
    yield examine(name)


def look_at_machine(
    device: str,
    controls: Controls,
    *,
    snapshot: Snapshot | None = None,
    progress: Report | None = None,
) -> Iterator[Provenance]:
    """Yield what a worker measures with."""
    yield provenance(device)


@lru_cache(maxsize=1)
def _data(config: DataConfig, device: str) -> Dataset:
    """Return a sweep's data; its tasks follow one another."""
    return load(config, device=resolve_device(device))


WORK: Mapping[str, Callable[..., Iterator[Any]]] = {
    **LOOPS,
    "piece": carry_out_piece,
    "lesson": check_lesson,
    "machine": look_at_machine,
}
