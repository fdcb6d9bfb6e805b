"""`train`: one run as a generator of events that obeys controls between steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Literal

from proxprop.analysis.recorder import LayerRecorder
from proxprop.data.dataset import Dataset, load
from proxprop.engine.training.announcer import Announcer
from proxprop.engine.training.control_state import ControlState
from proxprop.engine.training.device import resolve_device
from proxprop.engine.training.outcomes import LossWatch, Summary, constant_loss, verdict
from proxprop.engine.training.pictures import Pictures
from proxprop.engine.training.session import Session
from proxprop.engine.training.state import capture, restore
from proxprop.engine.training.stopwatch import StepReport
from proxprop.spec.config import ConfigError, Problem, RunConfig, SettingsChange
from proxprop.spec.config.run import check_pairing
from proxprop.spec.controls import Controls
from proxprop.spec.events import Ended, Event, Notice, Snapshot, State

_WAIT_SECONDS = 0.2


def train(
    config: RunConfig,
    controls: Controls,
    *,
    snapshot: Snapshot | None = None,
    progress: Callable[[str, float | None], None] | None = None,
    dataset: Dataset | None = None,
) -> Iterator[Event]:
    """Train the run that `config` describes.

    Args:
        config: The run.
        controls: Polled between steps and between the pieces of an evaluation.
        snapshot: Where to continue, bit for bit on the CPU; None to start.
        progress: Called with words and a fraction while data is fetched.
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
    _check_fit(config, dataset)
    run = _Run(config, controls, Session(config, dataset, device))
    if snapshot is not None:
        run.resume(snapshot)
    yield from run.events()


def _check_fit(config: RunConfig, dataset: Dataset) -> None:
    if config.batch_size > len(dataset.train):
        rule = f"must be at most the {len(dataset.train)} training samples"
        raise ConfigError([Problem("batch_size", f"{rule}, got {config.batch_size}")])


class _Run:
    """The course of one run; each method yields the events of one part of it."""

    def __init__(self, config: RunConfig, controls: Controls, session: Session) -> None:
        self.config = config
        self.controls = controls
        self.session = session
        self.announcer = Announcer(session)
        self.control_state = ControlState(session.steps_per_epoch)
        self.watch = LossWatch()
        self.summary = Summary()
        self._pictures = Pictures(session)
        self._recorder = LayerRecorder(session.model)
        self._planned = list(config.changes)
        self._resumed = False
        self._evaluated_step = -1
        self._saved_at = time.monotonic()
        self._warned: set[str] = set()

    def resume(self, snapshot: Snapshot) -> None:
        """Go on from `snapshot` instead of the start."""
        restore(snapshot, self.session, self.watch, self.summary)
        self._evaluated_step = snapshot.extra["evaluated_step"]
        self._planned = [change for change in self._planned if change.step > snapshot.step]
        self._resumed = True

    def events(self) -> Iterator[Event]:
        """Yield the whole run."""
        yield from self._opening()
        while True:
            if self._evaluation_due():
                yield from self._evaluate()
            yield from self._obey()
            if self.control_state.stopping or self.session.spent or self.watch.words:
                break
            yield from self._advance()
        yield from self._settle()
        yield from self._finish()

    def _opening(self) -> Iterator[Event]:
        yield self.announcer.started()
        if self._resumed:
            yield self.announcer.mark("resumed", f"resumed at step {self.session.step}")
        else:
            yield self.announcer.settings()
        for words in self.session.optimizer.ignored:
            yield Notice("warning", words)
        yield State("running", self.session.step)
        yield self._pictures.opening()

    # -- steps -------------------------------------------------------------------------------

    def _advance(self) -> Iterator[Event]:
        recorder = self._recorder if self._recording_due() else None
        yield from self._report(self.session.advance(recorder))
        if recorder is not None:
            yield from self._settle()
            yield self.announcer.point("layers", recorder.values())
        yield from self._pictures.latest()

    def _recording_due(self) -> bool:
        step, every = self.session.step + 1, self.config.instruments.every
        return self.session.settings.instruments != "off" and (step == 1 or step % every == 0)

    def _settle(self) -> Iterator[Event]:
        """Report what an accelerator still holds back; nothing on the CPU."""
        yield from self._report(self.session.flush())

    def _report(self, reports: list[StepReport]) -> Iterator[Event]:
        for point in self.announcer.steps(reports):
            yield point
            self.watch.take(point.step, point.values["loss"])
            if self.watch.words:
                # Later steps of the same block were computed from broken weights.
                self.session.rewind_clock(point.step, point.seconds)
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
        if self._evaluated_step == step or self.watch.words:
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
        self._evaluated_step = self.session.step
        if self.session.scheduled and self.session.step:
            yield self.announcer.settings()
        if values:
            yield self.announcer.point("evaluations", values)
        for name, value in values.items():
            if name.endswith("_loss"):
                self.watch.take_whole_set(self.session.step, value)

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
        values[f"{split}_loss"] = evaluation.loss
        values[f"{split}_accuracy"] = evaluation.accuracy
        self.summary.take({name: value for name, value in values.items() if name.startswith(split)})
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
        elif time.monotonic() - self._saved_at >= self.config.checkpoint.seconds:
            yield from self._save("cadence")

    def _hold(self) -> Iterator[Event]:
        """Wait, still obeying, until the run may move on."""
        yield from self._settle()
        yield State("paused", self.session.step)
        yield from self._save("paused")
        while self.control_state.holding:
            self.control_state.take(self.controls.wait(_WAIT_SECONDS), self.session.step)
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
        after = before.changed(change)
        try:
            direction = self.config.direction.replace(solver=after.solver)
            check_pairing(self.config.optimizer, direction)
        except ValueError as error:
            yield Notice("warning", f"not changed: {error}")
            return
        if after != before:
            self.session.apply(after)
            yield self.announcer.change(before, after)
            yield self.announcer.settings()

    def _save(self, reason: Literal["cadence", "paused", "ended", "asked"]) -> Iterator[Event]:
        yield from self._settle()
        self.control_state.wants_checkpoint = False
        if not self.watch.words:
            yield capture(self.session, self.watch, self.summary, self._evaluated_step, reason)
        self._saved_at = time.monotonic()

    # -- end ---------------------------------------------------------------------------------

    def _finish(self) -> Iterator[Event]:
        stopped = self.control_state.stopping
        if not stopped and not self.watch.words:
            if self._evaluated_step != self.session.step:
                yield from self._evaluate()
            if not self.watch.words:
                yield from self._measure("test", {})
        yield from self._pictures.latest(force=True)
        session = self.session
        if not self.watch.words and not session.finite:
            self.watch.words = f"diverged at step {session.step}: a weight is not finite"
        targets, classes = session.dataset.train.targets, len(session.dataset.classes)
        outcome, words = verdict(
            session.step,
            session.epoch,
            stopped,
            self.watch.words,
            self.summary,
            constant_loss(targets, classes),
        )
        if outcome == "diverged":
            # No snapshot: the last good one lets a person resume from before.
            yield self.announcer.mark("diverged", words)
        yield from self._save("ended")
        values = dict(self.summary.values)
        yield Ended(outcome, session.step, session.epoch, session.seconds, words, values)
