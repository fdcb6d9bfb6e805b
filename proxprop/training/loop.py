"""`train`: one run as a generator of events that obeys controls between steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Literal

import torch

from proxprop.config import ConfigError, Problem, RunConfig, SettingsChange
from proxprop.config.run import check_pairing
from proxprop.conversion import iter_prox_layers
from proxprop.data import Dataset, load
from proxprop.events import (
    Ended,
    Event,
    Mark,
    Notice,
    Outcome,
    Point,
    Snapshot,
    Started,
    State,
    Table,
)
from proxprop.instruments import LayerRecorder
from proxprop.models import weight_layers
from proxprop.training.controls import Controls, Helm
from proxprop.training.device import device_label, resolve_device
from proxprop.training.outcomes import LossWatch, Summary, collapsed, constant_loss
from proxprop.training.pictures import Pictures
from proxprop.training.session import Session
from proxprop.training.settings import Settings, changes_of, label_of
from proxprop.training.state import capture, restore
from proxprop.training.stopwatch import StepReport

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
        restore(snapshot, run.session, run.watch, run.summary)
        run.evaluated_step = snapshot.extra["evaluated_step"]
    yield from run.events(resumed=snapshot is not None)


def _check_fit(config: RunConfig, dataset: Dataset) -> None:
    if config.batch_size > len(dataset.train):
        raise ConfigError(
            [
                Problem(
                    "batch_size",
                    f"must be at most the {len(dataset.train)} training samples, "
                    f"got {config.batch_size}",
                )
            ]
        )


class _Run:
    """The course of one run; each method yields the events of one part of it."""

    def __init__(self, config: RunConfig, controls: Controls, session: Session) -> None:
        self.config = config
        self.controls = controls
        self.session = session
        self.helm = Helm(session.steps_per_epoch)
        self.watch = LossWatch()
        self.summary = Summary()
        self.evaluated_step = -1
        self._planned = list(config.changes)
        self._saved_at = time.monotonic()
        self._diverged = ""
        self._warned: set[str] = set()
        self._pictures = Pictures(session)
        self._recorder = LayerRecorder(session.model)
        self._constant = constant_loss(session.dataset.train.targets, len(session.dataset.classes))

    def events(self, resumed: bool) -> Iterator[Event]:
        yield self._started()
        yield from self._opening(resumed)
        while True:
            if self._evaluation_due():
                yield from self._evaluate()
            yield from self._obey()
            if self.helm.gait == "stop" or self.session.spent or self._diverged:
                break
            yield from self._advance()
        yield from self._report(self.session.flush())
        yield from self._finish()

    # -- beginning ---------------------------------------------------------------------------

    def _started(self) -> Started:
        session = self.session
        proximal = [name for name, _ in iter_prox_layers(session.model)]
        return Started(
            step=session.step,
            steps_per_epoch=session.steps_per_epoch,
            total_steps=session.limit,
            parameters=sum(p.numel() for p in session.model.parameters() if p.requires_grad),
            layers=tuple(weight_layers(session.model)),
            implicit=tuple(proximal) if session.settings.solver != "explicit" else (),
            train_samples=len(session.dataset.train),
            device=device_label(session.device),
            versions={"proxprop": version("proxprop"), "torch": torch.__version__},
        )

    def _opening(self, resumed: bool) -> Iterator[Event]:
        step = self.session.step
        if resumed:
            self._planned = [change for change in self._planned if change.step > step]
            yield self._mark("resumed", f"resumed at step {step}")
        else:
            yield self._settings_point()
        for words in self.session.optimizer.ignored:
            yield Notice("warning", words)
        yield State("running", step)
        yield self._pictures.opening()

    # -- steps -------------------------------------------------------------------------------

    def _advance(self) -> Iterator[Event]:
        recorder = self._recorder if self._recording_due() else None
        yield from self._report(self.session.advance(recorder))
        if recorder is not None:
            yield from self._report(self.session.flush())
            yield self._point("layers", recorder.values())
        yield from self._pictures.latest()

    def _recording_due(self) -> bool:
        step, every = self.session.step + 1, self.config.instruments.every
        return self.session.settings.instruments != "off" and (step == 1 or step % every == 0)

    def _report(self, reports: list[StepReport]) -> Iterator[Event]:
        if not reports:
            return
        seconds = self.session.seconds - sum(report.seconds for report in reports)
        for report in reports:
            if self._diverged:
                return
            seconds += report.seconds
            values = {
                "loss": report.loss,
                "seconds_forward": report.forward,
                "seconds_backward": report.backward,
                "seconds_solve": report.solve,
                "seconds_optimizer": report.optimizer,
            }
            if self.session.optimizer.spec.closure:
                values["closures"] = float(report.closures)
            yield Point(
                "steps", report.step, report.step / self.session.steps_per_epoch, seconds, values
            )
            if self.watch.diverges(report.loss):
                self._diverged = self.watch.words(report.step, report.loss)
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
        if self.evaluated_step == step or self._diverged:
            return False
        period = self.config.evaluation.every * self.session.steps_per_epoch
        crossed = math.floor(step / period + 1e-9) != math.floor((step - 1) / period + 1e-9)
        return step == 0 or crossed

    def _evaluate(self, splits: tuple[str, ...] = ("train", "validation")) -> Iterator[Event]:
        """Measure whole-set losses, unless stopped on the way."""
        yield from self._report(self.session.flush())
        values: dict[str, float] = {}
        for split in splits:
            if not len(getattr(self.session.dataset, split)):
                continue
            if split == "train" and not self.config.evaluation.train:
                continue
            evaluation = self.session.evaluation(split)
            while not evaluation.done:
                evaluation.advance()
                self.helm.take(self.controls.poll(), self.session.step)
                if self.helm.gait == "pause":
                    yield from self._hold()
                if self.helm.gait == "stop":
                    return
            if split == "validation":
                yield from self._pictures.confusion(evaluation.confusion, force=self.session.spent)
            values[f"{split}_loss"] = evaluation.loss
            values[f"{split}_accuracy"] = evaluation.accuracy
        self.summary.take(values)
        if splits == ("test",):
            return
        self.evaluated_step = self.session.step
        if self.session.scheduled and self.session.step:
            yield self._settings_point()
        if values:
            yield self._point("evaluations", values)
        self._judge(values)

    def _judge(self, values: dict[str, float]) -> None:
        for name, loss in values.items():
            if name.endswith("_loss") and not math.isfinite(loss):
                self._diverged = self.watch.words(self.session.step, loss)

    # -- controls ----------------------------------------------------------------------------

    def _obey(self) -> Iterator[Event]:
        step = self.session.step
        self.helm.take(self.controls.poll(), step)
        self.helm.arrive(step)
        while self._planned and self._planned[0].step <= step:
            yield from self._set(self._planned.pop(0).values)
        yield from self._apply_changes()
        if self.helm.gait == "pause":
            yield from self._hold()
        if self.helm.wants_checkpoint:
            yield from self._snapshot("asked")
        elif time.monotonic() - self._saved_at >= self.config.checkpoint.seconds:
            yield from self._snapshot("cadence")

    def _hold(self) -> Iterator[Event]:
        """Wait, still obeying, until the run may move on."""
        yield from self._report(self.session.flush())
        yield State("paused", self.session.step)
        yield from self._snapshot("paused")
        while self.helm.gait == "pause":
            self.helm.take(self.controls.wait(_WAIT_SECONDS), self.session.step)
            if self.helm.changes:
                # The saved state must know what the marks of this step say.
                yield from self._apply_changes()
                yield from self._snapshot("paused")
            if self.helm.wants_checkpoint:
                yield from self._snapshot("asked")
        if self.helm.gait == "run":
            yield State("running", self.session.step)

    def _apply_changes(self) -> Iterator[Event]:
        while self.helm.changes:
            values = self.helm.changes.pop(0)
            try:
                change = SettingsChange.parse(values)
            except ConfigError as error:
                yield Notice("warning", f"not changed: {error}")
                continue
            yield from self._set(change)

    def _set(self, change: SettingsChange) -> Iterator[Event]:
        yield from self._report(self.session.flush())
        before = self.session.settings
        after = before.changed(change)
        try:
            self._check_pairing(after)
        except ValueError as error:
            yield Notice("warning", f"not changed: {error}")
            return
        if after == before:
            return
        self.session.apply(after)
        yield self._mark("set", label_of(before, after), changes_of(before, after))
        yield self._settings_point()

    def _check_pairing(self, settings: Settings) -> None:
        direction = self.config.direction.replace(solver=settings.solver)
        check_pairing(self.config.optimizer, direction)

    # -- end ---------------------------------------------------------------------------------

    def _finish(self) -> Iterator[Event]:
        stopped = self.helm.gait == "stop"
        if not stopped and not self._diverged:
            if self.evaluated_step != self.session.step:
                yield from self._evaluate()
            yield from self._evaluate(("test",))
        yield from self._pictures.latest(force=True)
        outcome, words = self._outcome(stopped)
        if outcome == "diverged":
            # No snapshot: the last good one lets a person resume from before.
            yield self._mark("diverged", words)
        else:
            yield from self._snapshot("ended")
        session = self.session
        yield Ended(
            outcome, session.step, session.epoch, session.seconds, words, dict(self.summary.values)
        )

    def _outcome(self, stopped: bool) -> tuple[Outcome, str]:
        step = self.session.step
        if not self._diverged and not self._parameters_finite():
            self._diverged = f"diverged at step {step}: a weight is not finite"
        if self._diverged:
            return "diverged", self._diverged
        if stopped:
            return "stopped", f"stopped at step {step}"
        final = self.summary.values.get("train_loss", self.summary.values.get("validation_loss"))
        if final is not None and self.session.epoch >= 1 and collapsed(final, self._constant):
            return "collapsed", (
                f"collapsed: ends at loss {final:.3g}, no better than always guessing the class "
                f"frequencies ({self._constant:.3g}); lower η or raise τ"
            )
        return "finished", self._finished_words()

    def _finished_words(self) -> str:
        words = f"finished after {self.session.epoch:.4g} epochs"
        accuracy = self.summary.values.get("validation_accuracy")
        return words if accuracy is None else f"{words}: validation accuracy {accuracy:.1%}"

    def _parameters_finite(self) -> bool:
        return all(bool(p.isfinite().all()) for p in self.session.model.parameters())

    # -- events ------------------------------------------------------------------------------

    def _point(self, table: Table, values: dict[str, float]) -> Point:
        session = self.session
        return Point(table, session.step, session.epoch, session.seconds, values)

    def _settings_point(self) -> Point:
        session = self.session
        return self._point("settings", session.settings.columns(session.factor))

    def _mark(
        self,
        kind: Literal["set", "resumed", "diverged"],
        label: str,
        changes: dict[str, object] | None = None,
    ) -> Mark:
        session = self.session
        return Mark(session.step, session.epoch, session.seconds, kind, label, changes or {})

    def _snapshot(
        self, reason: Literal["cadence", "paused", "ended", "asked"]
    ) -> Iterator[Snapshot]:
        yield from ()
        self.helm.wants_checkpoint = False
        yield capture(self.session, self.watch, self.summary, self.evaluated_step, reason)
        self._saved_at = time.monotonic()
