"""`train`: one run as a generator of events that obeys controls between steps."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, Literal

from proxprop.conversion import iter_prox_layers
from proxprop.data.dataset import Dataset, load
from proxprop.engine.training.device import resolve_device, versions
from proxprop.engine.training.outcomes import constant_loss, verdict
from proxprop.engine.training.pictures import Pictures
from proxprop.engine.training.session import Session
from proxprop.engine.training.snapshot import capture, restore
from proxprop.engine.training.stopwatch import StepReport
from proxprop.models import weight_layers
from proxprop.spec.config import ConfigError, RunConfig, SettingsChange
from proxprop.spec.controls import WAIT_SECONDS, Controls, ControlState, Report
from proxprop.spec.events import (
    Ended,
    Event,
    Mark,
    Notice,
    Point,
    Reason,
    Snapshot,
    Started,
    State,
    Table,
)
from proxprop.spec.settings import changed, describe, difference

_FIRST_SAVED = 2  # before, to begin again costs as little
_SAVING_SHARE = 0.05  # what saving on top of the cadence may take of the time,
_SAVING_SECONDS = 0.02  # unless it takes no more than this


def train(
    config: RunConfig,
    controls: Controls,
    *,
    snapshot: Snapshot | None = None,
    progress: Report | None = None,
    dataset: Dataset | None = None,
) -> Iterator[Event]:
    """Train the run that `config` describes.

    Args:
        config: The run.
        controls: Polled between steps and between the pieces of an evaluation.
        snapshot: Where to continue, bit for bit on the CPU; None to start.
        progress: Called with a message and a fraction while data is fetched.
        dataset: The data of `config`, where the caller has loaded it already.

    Yields:
        `Started`, then points, marks, artifacts, notices, states and snapshots, at last `Ended`.
        A "steps" point carries the number of the step it describes, so that all of a run up to
        and including step n is what a snapshot of step n continues.

    Raises:
        ConfigError: If the config does not fit this machine or this data.
        DataError: If the data cannot be had.
        ValueError: If the snapshot belongs to another run.
    """
    device = resolve_device(config.device)
    if dataset is None:
        dataset = load(config.data, device=device, progress=progress)
    config.check_fit(dataset.shape, len(dataset.classes), len(dataset.train))
    run = TrainingRun(config, controls, Session(config, dataset, device))
    if snapshot is not None:
        run.resume(snapshot)
    yield from run.events()


class TrainingRun:
    """One run; each method yields the events of one part of it."""

    def __init__(self, config: RunConfig, controls: Controls, session: Session) -> None:
        self.config = config
        self.controls = controls
        self.session = session
        self.control_state = ControlState(session.steps_per_epoch)
        self._pictures = Pictures(session)
        self._recorder = session.recorder()
        self._planned = list(config.changes)
        self._resumed = self._changed = False
        self._saved_at = time.monotonic()
        self._saved_step = 0
        self._saving_seconds = 0.0
        self._stepped_at = -math.inf
        self._warned: set[str] = set()

    def resume(self, snapshot: Snapshot) -> None:
        """Go on from `snapshot` instead of the start."""
        restore(snapshot, self.session)
        self._planned = [change for change in self._planned if change.step > snapshot.step]
        self._resumed, self._saved_step = True, snapshot.step

    def events(self) -> Iterator[Event]:
        """Yield the whole run."""
        yield from self._opening()
        while True:
            if self._evaluation_due():
                yield from self._evaluate()
            yield from self._obey()
            if self.control_state.stopping or self.session.spent or self.session.watch.divergence:
                break
            if not self._held_back():
                yield from self._advance()
        yield from self._settle()
        yield from self._finish()

    def _opening(self) -> Iterator[Event]:
        session = self.session
        proximal = tuple(name for name, _ in iter_prox_layers(session.model))
        yield Started(
            step=session.step,
            steps_per_epoch=session.steps_per_epoch,
            total_steps=session.limit,
            parameters=sum(p.numel() for p in session.model.parameters() if p.requires_grad),
            layers=tuple(weight_layers(session.model)),
            implicit=proximal if session.settings.direction.solver != "explicit" else (),
            train_samples=len(session.dataset.train),
            device=session.place,
            versions=versions(),
        )
        if self._resumed:
            yield self._mark("resumed", f"resumed at step {session.step}")
        else:
            yield self._settings()
        for reason in session.optimizer.ignored:
            yield Notice("warning", reason)
        if grams := session.grams:
            yield Notice("info", grams)
        yield State("running", self.session.step)
        yield from self._pictures.opening()

    # -- steps -------------------------------------------------------------------------------

    def _held_back(self) -> bool:
        """Wait for the next step as its speed limit asks, or for a command; say whether it did."""
        pace, step = self.session.settings.pace, self.session.step
        if pace is None or self.control_state.arrives(step + 1):
            return False
        left = self._stepped_at + 1 / pace - time.monotonic()
        if left <= 0:
            return False
        self.control_state.take(self.controls.wait(min(left, WAIT_SECONDS)), step)
        return True

    def _advance(self) -> Iterator[Event]:
        self._stepped_at = time.monotonic()
        recorder = self._recorder if self._recording_due() else None
        yield from self._report(self.session.advance(recorder))
        if recorder is not None:
            self._changed = False
            yield from self._settle()
            yield self._point("layers", recorder.values())
            self._pictures.measured(recorder)
        yield from self._pictures.latest()

    def _recording_due(self) -> bool:
        step, every = self.session.step + 1, self.config.instruments.every
        # Who goes step by step, or has just changed a setting, wants to see what that did, and who
        # asks why a run diverged, what came before.
        asked = self._changed or self.control_state.arrives(step) or self.session.watch.rising
        early = step < every and _is_power_of_two(step)  # 1, 2, 4, …: most that diverge do so soon
        due = early or step % every == 0 or asked
        return self.session.settings.instruments.tier != "off" and due

    def _settle(self) -> Iterator[Event]:
        """Report what an accelerator still holds back; nothing on the CPU."""
        yield from self._report(self.session.flush())

    def _report(self, reports: list[StepReport]) -> Iterator[Event]:
        session = self.session  # whose clock holds these steps already
        seconds = session.seconds - sum(report.seconds for report in reports)
        for report in reports:
            seconds += report.seconds
            epoch = report.step / session.steps_per_epoch
            yield Point("steps", report.step, epoch, seconds, report.columns)
            session.watch.take(report.step, report.loss)
            if session.watch.divergence:
                # Later steps of the same block were computed from broken weights.
                session.rewind_clock(report.step, seconds)
                return
        if reports:
            yield from self._warn_of_failed_solves()

    def _warn_of_failed_solves(self) -> Iterator[Notice]:
        for layer in self.session.take_failures():
            if layer not in self._warned:
                self._warned.add(layer)
                yield Notice(
                    "warning",
                    f"the solve of {layer} failed at step {self.session.step}; a bounded descent "
                    "direction is used where that happens. Lower τ or use float64.",
                )

    # -- evaluations -------------------------------------------------------------------------

    def _evaluation_due(self) -> bool:
        step = self.session.step
        if self.session.evaluated_step == step or self.session.watch.divergence:
            return False
        period = self.config.evaluation.every * self.session.steps_per_epoch
        crossed = math.floor(step / period + 1e-9) != math.floor((step - 1) / period + 1e-9)
        return step == 0 or crossed

    def _evaluate(self) -> Iterator[Event]:
        """Measure losses over the training and validation set, unless stopped on the way."""
        yield from self._settle()
        values: dict[str, float] = {}
        if self.config.evaluation.train:
            yield from self._measure("train", values)
        yield from self._measure("validation", values)
        if self.control_state.stopping:
            return
        self.session.evaluated_step = self.session.step
        if self.session.scheduled and self.session.step:
            yield self._settings()
        if values:
            yield self._point("evaluations", values)
        for name, value in values.items():
            if name.endswith("_loss"):
                self.session.watch.take_whole_set(self.session.step, value)

    def _measure(self, split: str, values: dict[str, float]) -> Iterator[Event]:
        """Put loss and accuracy over one split into `values`, unless stopped or empty."""
        evaluation = self.session.evaluation(split)
        if evaluation.done or self.control_state.stopping:
            return
        while not evaluation.done:
            evaluation.advance()
            self.control_state.take(self.controls.poll(), self.session.step)
            if self.control_state.holding:
                yield from self._hold()
            if self.control_state.stopping:
                return
        measured = {f"{split}_loss": evaluation.loss, f"{split}_accuracy": evaluation.accuracy}
        values.update(measured)
        self.session.summary.take(measured)
        if split == "validation":
            yield from self._pictures.confusion(evaluation.confusion, force=self.session.spent)

    # -- controls ----------------------------------------------------------------------------

    def _obey(self) -> Iterator[Event]:
        step = self.session.step
        self.control_state.take(self.controls.poll(), step)
        self.control_state.arrive(step)
        while self._planned and self._planned[0].step <= step:
            yield from self._set(self._planned.pop(0).values)
        yield from self._apply_changes()
        if self.control_state.holding:
            yield from self._hold()
        if self.control_state.wants_checkpoint:
            yield from self._save("asked")
        elif self._saving_due():
            yield from self._save("cadence")

    def _saving_due(self) -> bool:
        step, since = self.session.step, time.monotonic() - self._saved_at
        along = step >= _FIRST_SAVED and _is_power_of_two(step) and self._keeps_along
        return along or since >= self.config.checkpoint.seconds

    @property
    def _keeps_along(self) -> bool:
        """Whether a state worth going back to may be saved now, on top of the cadence."""
        since = time.monotonic() - self._saved_at
        return (
            self.config.checkpoint.along > 0
            and self.session.step > self._saved_step
            and self._saving_seconds <= max(_SAVING_SECONDS, _SAVING_SHARE * since)
        )

    def _hold(self) -> Iterator[Event]:
        """Wait, still obeying, until the run may move on."""
        yield from self._settle()
        yield State("paused", self.session.step)
        yield from self._save("paused")
        for _ in self.control_state.wait(self.controls, self.session.step):
            if self.control_state.changes:
                # The saved state must know what the marks of this step say.
                yield from self._apply_changes()
                yield from self._save("paused")
            if self.control_state.wants_checkpoint:
                yield from self._save("asked")
        if not self.control_state.stopping:
            yield State("running", self.session.step)

    def _apply_changes(self) -> Iterator[Event]:
        while self.control_state.changes:
            try:
                change = SettingsChange.parse(self.control_state.changes.pop(0))
            except ConfigError as error:
                yield Notice("warning", f"not changed: {error}")
            else:
                yield from self._set(change)

    def _set(self, change: SettingsChange) -> Iterator[Event]:
        yield from self._settle()
        before = self.session.settings
        try:
            after = changed(before, change)
        except ConfigError as error:
            yield Notice("warning", f"not changed: {error.problems[0].message}")
            return
        if after != before:
            self.session.apply(after)
            self._changed = True
            yield self._mark("set", describe(before, after), difference(before, after))
            yield self._settings()
            if after.direction.gram != before.direction.gram and self.session.grams:
                yield Notice("info", self.session.grams)
            if self._keeps_along and not self.control_state.holding:
                yield from self._save("cadence")  # a person may want to go back to this moment

    def _save(self, reason: Reason) -> Iterator[Event]:
        yield from self._settle()
        self.control_state.wants_checkpoint = False
        began = time.monotonic()
        if not self.session.watch.divergence:
            yield capture(self.session, reason)
        self._saved_at, self._saved_step = time.monotonic(), self.session.step
        self._saving_seconds = self._saved_at - began

    # -- end ---------------------------------------------------------------------------------

    def _finish(self) -> Iterator[Event]:
        session, stopped = self.session, self.control_state.stopping
        if not stopped and not session.watch.divergence:
            if session.evaluated_step != session.step:
                yield from self._evaluate()
            if not session.watch.divergence:
                yield from self._measure("test", {})
        yield from self._pictures.latest(force=True)
        session.watch.take_weights(session.step, session.finite)
        constant = constant_loss(session.dataset.train.targets, len(session.dataset.classes))
        divergence, summary = session.watch.divergence, session.summary
        outcome, words = verdict(
            session.step, session.epoch, stopped, divergence, summary, constant
        )
        if outcome == "diverged":
            # No snapshot: the last good one lets a person resume from before.
            yield self._mark("diverged", words)
        yield from self._save("ended")
        values = dict(summary.values)
        yield Ended(outcome, session.step, session.epoch, session.seconds, words, values)

    # -- what is said of this moment -----------------------------------------------------------

    def _point(self, table: Table, values: dict[str, float]) -> Point:
        session = self.session
        return Point(table, session.step, session.epoch, session.seconds, values)

    def _settings(self) -> Point:
        """Return the settings in force; the schedule's factor stands beside them."""
        optimizer, direction = self.session.settings.optimizer, self.session.settings.direction
        values = {
            "lr": optimizer.lr,
            "explicit_lr": optimizer.last_lr,
            "tau": direction.tau,
            "cg_steps": float(direction.cg_steps),
            "factor": self.session.factor,
        }
        return self._point("settings", values)

    def _mark(
        self,
        kind: Literal["set", "resumed", "diverged"],
        label: str,
        changes: dict[str, Any] | None = None,
    ) -> Mark:
        session = self.session
        return Mark(session.step, session.epoch, session.seconds, kind, label, changes or {})


def _is_power_of_two(step: int) -> bool:
    return step > 0 and step & (step - 1) == 0
