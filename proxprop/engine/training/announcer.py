"""Turns the state of a session into events."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, Literal

import torch

from proxprop.conversion import iter_prox_layers
from proxprop.engine.training.device import device_label
from proxprop.engine.training.session import Session
from proxprop.engine.training.settings import Settings, changes_of, label_of
from proxprop.engine.training.stopwatch import StepReport
from proxprop.models import weight_layers
from proxprop.spec.events import Mark, Point, Started, Table


class Announcer:
    """Makes events that speak of a session as it is now.

    Args:
        session: What is trained.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def started(self) -> Started:
        """Return what is known before the first batch."""
        session = self._session
        proximal = tuple(name for name, _ in iter_prox_layers(session.model))
        return Started(
            step=session.step,
            steps_per_epoch=session.steps_per_epoch,
            total_steps=session.limit,
            parameters=sum(p.numel() for p in session.model.parameters() if p.requires_grad),
            layers=tuple(weight_layers(session.model)),
            implicit=proximal if session.settings.solver != "explicit" else (),
            train_samples=len(session.dataset.train),
            device=device_label(session.device),
            versions={"proxprop": version("proxprop"), "torch": torch.__version__},
        )

    def point(self, table: Table, values: dict[str, float]) -> Point:
        """Return a point measured now."""
        session = self._session
        return Point(table, session.step, session.epoch, session.seconds, values)

    def settings(self) -> Point:
        """Return the settings in force; the schedule's factor stands beside them."""
        return self.point("settings", self._session.settings.columns(self._session.factor))

    def steps(self, reports: list[StepReport]) -> Iterator[Point]:
        """Yield a point for each of the latest steps; the clock already holds them."""
        seconds = self._session.seconds - sum(report.seconds for report in reports)
        per_epoch = self._session.steps_per_epoch
        for report in reports:
            seconds += report.seconds
            values = {
                "loss": report.loss,
                "seconds_forward": report.forward,
                "seconds_backward": report.backward,
                "seconds_solve": report.solve,
                "seconds_optimizer": report.optimizer,
            }
            if report.closures:
                values["closures"] = float(report.closures)
            yield Point("steps", report.step, report.step / per_epoch, seconds, values)

    def mark(
        self,
        kind: Literal["set", "resumed", "diverged"],
        label: str,
        changes: dict[str, Any] | None = None,
    ) -> Mark:
        """Return a mark at this step."""
        session = self._session
        return Mark(session.step, session.epoch, session.seconds, kind, label, changes or {})

    def change(self, before: Settings, after: Settings) -> Mark:
        """Return the mark of a change of settings."""
        return self.mark("set", label_of(before, after), changes_of(before, after))
