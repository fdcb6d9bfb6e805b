"""`race`: a whole race as a generator of events that obeys controls."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from proxprop.data.dataset import Dataset, load
from proxprop.engine.racing.scheduler import ContenderLoop, Scheduler
from proxprop.engine.training.device import resolve_device
from proxprop.engine.training.session import Session
from proxprop.engine.training.snapshot import check_format, flatten, unflatten
from proxprop.spec.config import RaceConfig, RunConfig
from proxprop.spec.controls import Controls, Report
from proxprop.spec.events import (
    WHOLE,
    Artifact,
    Ended,
    Event,
    Notice,
    Outcome,
    Reason,
    Snapshot,
    State,
)
from proxprop.spec.racing.contenders import member_of, place_of, race_labels
from proxprop.spec.racing.search import (
    ARTIFACT,
    SearchPayload,
    Trial,
    as_raced,
    candidates,
    empty_search,
    next_trial,
    with_result,
)

FORMAT = 1
_HOST = torch.device("cpu")


def race(
    config: RaceConfig,
    controls: Controls,
    *,
    snapshot: Snapshot | None = None,
    progress: Report | None = None,
) -> Iterator[Event]:
    """Race the contenders of `config`, seed after seed.

    Args:
        config: The race.
        controls: Polled between steps and between the pieces of evaluations.
        snapshot: Where to continue, bit for bit on the CPU (a search: from its last whole trial);
            None to start.
        progress: Called with a message and a fraction while data is fetched.

    Yields:
        The events of every member under its number, and those of the whole; see
        `proxprop.engine.racing`. At last the `Ended` of member −1.

    Raises:
        ConfigError: If the config does not fit this machine or this data.
        DataError: If the data cannot be had.
        ValueError: If the snapshot belongs to another race.
    """
    device = resolve_device(config.device)
    dataset = load(config.data, device=device, progress=progress)
    config.check_fit(dataset.shape, len(dataset.classes), len(dataset.train))
    yield from _Race(config, controls, dataset, device, snapshot).events()


class _Race:
    """One race; each method yields the events of one part of it."""

    def __init__(
        self,
        config: RaceConfig,
        controls: Controls,
        dataset: Dataset,
        device: torch.device,
        snapshot: Snapshot | None,
    ) -> None:
        self._asked = config
        self._raced = config
        self._dataset = dataset
        self._device = device
        self._state = RaceState(config.members)
        self._saved = self._state.restore(snapshot) if snapshot is not None else {}
        self._contenders: list[ContenderLoop] = []
        self._scheduler = Scheduler(controls, self._capture, config.checkpoint.seconds)

    def events(self) -> Iterator[Event]:
        """Yield the whole race."""
        yield State("running", self._state.steps)
        yield from self._state.ended.values()
        if self._asked.search is not None:
            yield from self._search()
        self._raced = as_raced(self._asked, self._state.search)
        if not self._scheduler.stopping:
            self._warm_up()
        for seed_index in range(self._asked.seeds):
            if not self._scheduler.stopping:
                yield from self._round(seed_index)
        if self._scheduler.stopping:
            yield self._capture("asked")
        yield self._state.whole(self._raced, self._scheduler.stopping)

    # -- search ------------------------------------------------------------------------------

    def _search(self) -> Iterator[Event]:
        payload = self._state.search or empty_search(self._asked)
        began, first = time.monotonic(), len(payload["results"])
        while (done := len(payload["results"])) < payload["total"]:
            yield search_progress(payload["total"], done, first, time.monotonic() - began)
            trial = self._trial(payload)
            yield from self._scheduler.run([trial], silent=True)
            assert trial.ended is not None
            if trial.ended.outcome == "stopped":
                return
            payload = with_result(payload, self._asked, trial.ended)
            self._state.search = payload
            yield Artifact(ARTIFACT, len(payload["results"]), {**payload})
        if first < payload["total"]:
            yield Notice("info", f"Searched: {payload['total']} trials.", 1.0)
            yield self._capture("asked")  # a search is dear: no crash shall repeat it

    def _trial(self, payload: SearchPayload) -> ContenderLoop:
        config = trial_run(self._asked, next_trial(payload, self._asked))
        return ContenderLoop(WHOLE, "search", config, self._dataset, self._scheduler.listen)

    # -- race --------------------------------------------------------------------------------

    def _warm_up(self) -> None:
        """Take a step of each contender aside: first-use costs are not the first one's to pay."""
        for contender in range(len(self._raced.contenders)):
            session = Session(self._raced.run(contender), self._dataset, self._device)
            session.advance()
            session.flush()

    def _round(self, seed_index: int) -> Iterator[Event]:
        self._contenders = []
        for contender, label in enumerate(race_labels(self._asked)):
            member = member_of(self._raced, contender, seed_index)
            if member not in self._state.ended:
                config = self._raced.run(contender, seed_index)
                listen, saved = self._scheduler.listen, self._saved.pop(member, None)
                loop = ContenderLoop(member, label, config, self._dataset, listen, saved)
                self._contenders.append(loop)
        for event in self._scheduler.run(self._contenders):
            if isinstance(event, Ended):
                self._state.ended[event.member] = event
            yield event

    def _capture(self, reason: Reason) -> Snapshot:
        """Return a snapshot of everything; every contender has brought its own up to date.

        A stopped member counts as under way: it is what a resume goes on with.
        """
        under_way = {
            loop.member: loop.snapshot
            for loop in self._contenders
            if loop.snapshot is not None and (loop.ended is None or loop.ended.outcome == "stopped")
        }
        # What is still in `_saved` are members of a resumed race whose turn has not come again.
        return self._state.capture({**self._saved, **under_way}, reason)


class RaceState:
    """What a race has come to apart from the members that are under way.

    Args:
        members: How many members the race has.

    Attributes:
        ended: Member → how it ended.
        search: The search so far; None where there is none.
    """

    def __init__(self, members: int) -> None:
        self.ended: dict[int, Ended] = {}
        self.search: SearchPayload | None = None
        self._members = members

    def capture(
        self,
        under_way: Mapping[int, Snapshot],
        reason: Reason,
    ) -> Snapshot:
        """Return the race as it is.

        Tensors are named "<member>/<name in the member's snapshot>". The states of members that
        have ended are not kept: nothing can follow from them.

        Args:
            under_way: Members that go on after a resume, with their own snapshots.
            reason: Why now.
        """
        tensors: dict[str, Tensor] = {}
        extras: dict[str, Any] = {}
        steps = {str(member): -1 for member in range(self._members)}
        for member, snapshot in under_way.items():
            tensors |= {f"{member}/{name}": value for name, value in snapshot.tensors.items()}
            extras[str(member)] = {"step": snapshot.step, "extra": snapshot.extra}
            steps[str(member)] = snapshot.step
        ended = {}
        for member, end in self.ended.items():
            if str(member) not in extras:
                ended[str(member)] = flatten(asdict(end), str(member), {}, _HOST)
                steps[str(member)] = end.step
        extra = {
            "race_format": FORMAT,
            "member_steps": steps,
            "lanes": extras,  # the name of version 0.1.0
            "ended": ended,
            "search": self.search,
        }
        return Snapshot(sum(max(0, step) for step in steps.values()), tensors, extra, reason)

    @property
    def steps(self) -> int:
        """Steps of all members that have ended."""
        return sum(end.step for end in self.ended.values())

    def whole(self, raced: RaceConfig, stopping: bool) -> Ended:
        """Return the end of the whole race.

        Args:
            raced: The race, at the step sizes that a search has found.
            stopping: Whether it was told to stop.
        """
        outcome: Outcome = "stopped" if stopping else "finished"
        words, summary = _verdict(raced, self.ended)
        if stopping:
            words = f"stopped after {self.steps} steps in all"
        ends = self.ended.values()
        epoch = max((end.epoch for end in ends), default=0.0)
        seconds = sum(end.seconds for end in ends)
        return Ended(outcome, self.steps, epoch, seconds, words, summary, WHOLE)

    def restore(self, snapshot: Snapshot) -> dict[int, Snapshot]:
        """Take over what `capture` returned; return the members under way.

        Raises:
            ValueError: If the snapshot is no race's, or another race's.
        """
        extra = snapshot.extra
        check_format(extra, "race_format", FORMAT)
        if len(extra["member_steps"]) != self._members:
            raise ValueError(
                f"snapshot is of a race of {len(extra['member_steps'])} members, not of "
                f"{self._members}; resume with its own config"
            )
        self.search = extra["search"]
        ended = unflatten(extra["ended"], {}, _HOST)
        self.ended = {int(member): Ended(**values) for member, values in ended.items()}
        under_way = {}
        for member, own in extra["lanes"].items():
            prefix = f"{member}/"
            tensors = {
                name.removeprefix(prefix): value
                for name, value in snapshot.tensors.items()
                if name.startswith(prefix)
            }
            under_way[int(member)] = Snapshot(own["step"], tensors, own["extra"], snapshot.reason)
        return under_way


def trial_run(config: RaceConfig, trial: Trial) -> RunConfig:
    """Return the run that is a trial of a race's search."""
    search = config.search
    assert search is not None
    contender = config.contenders[trial.contender]
    tried = candidates(contender, search.trials, config.seed)[trial.trial]
    return config.run(trial.contender, trial.seed).replace(
        **{
            "direction": tried.direction.model_dump(),
            "optimizer": tried.optimizer.model_dump(),
            "budget": {"epochs": search.epochs},
            "evaluation": {"every": search.epochs, "train": search.criterion == "train_loss"},
            "instruments.tier": "off",
        }
    )


def search_progress(total: int, done: int, first: int, elapsed: float) -> Notice:
    """Return how far a search is.

    Args:
        total: Trials in all.
        done: Trials that are through.
        first: How many of them were so when it began or went on.
        elapsed: Seconds since then.
    """
    message = f"Searching step sizes: trial {done + 1} of {total}"
    if done > first:
        left = elapsed / (done - first) * (total - done)
        message += f", about {left:.0f} s left"
    return Notice("info", message, done / total)


def _verdict(config: RaceConfig, ended: dict[int, Ended]) -> tuple[str, dict[str, float]]:
    """Return who ends lowest in words, and its final values averaged over seeds."""
    names = race_labels(config)
    ended = dict(sorted(ended.items()))  # sums must not depend on who was faster
    diverged = [e for e in ended.values() if e.outcome == "diverged"]
    who = sorted({place_of(config, end.member).contender for end in diverged})
    tail = f"; diverged: {', '.join(names[contender] for contender in who)}" if who else ""
    column = "train_loss" if config.evaluation.train else "validation_loss"
    means: dict[int, dict[str, float]] = {}
    for contender in range(len(names)):
        mine = [e.summary for e in ended.values() if place_of(config, e.member)[0] == contender]
        if contender not in who and mine and all(column in summary for summary in mine):
            means[contender] = {
                name: sum(summary[name] for summary in mine) / len(mine)
                for name in mine[0]
                if all(name in summary for summary in mine)
            }
    counts = {"diverged": float(len(diverged))}
    if not means:
        return f"no contender came to an end{tail}", counts
    best = min(means, key=lambda contender: _orderable(means[contender][column]))
    measure = column.replace("train", "training").replace("_", " ")
    words = f"{names[best]} ends lowest: {measure} {means[best][column]:.3g}{tail}"
    return words, {**means[best], "contender": float(best), **counts}


def _orderable(value: float) -> float:
    return value if math.isfinite(value) else math.inf
