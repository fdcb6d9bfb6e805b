"""A run of a sweep that cannot be stacked: trained by itself, reported like the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from proxprop.data.dataset import Dataset
from proxprop.engine.sweeping.block import CURVE_POINTS, CurvePoint
from proxprop.engine.sweeping.plan import Block
from proxprop.engine.training import train
from proxprop.spec.config import Cell, SweepConfig
from proxprop.spec.controls import NoControls
from proxprop.spec.events import Ended, Point
from proxprop.spec.sweeping import RunResult

# Whole sets are measured at the start and the end only.
_NEVER = 1e4
_QUIET: dict[str, Any] = {"instruments.tier": "off", "evaluation.every": _NEVER}


class AloneRun:
    """One run in training; pausing and stopping it means not asking it to go on.

    Args:
        config: The sweep.
        block: A block with a single cell.
        dataset: The sweep's data.

    Attributes:
        step: Steps done.
        results: How it ended, by cell; empty before.
    """

    def __init__(self, config: SweepConfig, block: Block, dataset: Dataset) -> None:
        (self._cell,) = block.cells
        member = self._cell.number * config.seeds + block.seed_index
        self._run = config.run(member).replace(**_QUIET)
        self._dataset = dataset
        self._steps = config.steps
        self._points: list[CurvePoint] = []
        self.step = 0
        self.results: dict[Cell, RunResult] = {}

    def work(self) -> Iterator[None]:
        """Train the run to its end, an event at a time."""
        stride = -(-self._steps // CURVE_POINTS)
        latest: CurvePoint | None = None
        for event in train(self._run, NoControls(), dataset=self._dataset):
            if isinstance(event, Point) and event.table == "steps":
                self.step = event.step
                latest = CurvePoint(self._cell, event.step, event.values["loss"])
                if event.step in (1, self._steps) or event.step % stride == 0:
                    self._points.append(latest)
                    latest = None
            elif isinstance(event, Ended):
                self._end(event, latest)
            yield

    def points(self) -> list[CurvePoint]:
        """Return the points of the curve that came in since the last call."""
        points, self._points = self._points, []
        return points

    def _end(self, ended: Ended, latest: CurvePoint | None) -> None:
        if latest is not None:
            self._points.append(latest)
        columns = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
        found = {name: ended.summary[name] for name in columns if name in ended.summary}
        if ended.outcome == "diverged":
            found = {}
        self.results[self._cell] = RunResult(ended.outcome, ended.words, ended.step, **found)
