"""Runs, races and sweeps on a cluster: the loops of `proxprop.engine.loops`, their parts spread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

from proxprop.cluster.blocks import SweepOnTeam
from proxprop.cluster.races import RaceOnTeam
from proxprop.cluster.spreading import Spreading
from proxprop.cluster.team import Lost, Part, Team
from proxprop.data.dataset import load
from proxprop.engine.sweeping.loop import Sweep
from proxprop.spec.config import RaceConfig, RunConfig, SweepConfig
from proxprop.spec.config.run import Change
from proxprop.spec.controls import Controls, Loop, Report
from proxprop.spec.events import Ended, Event, Mark, Snapshot
from proxprop.spec.placing import WHOLE_RUN
from proxprop.spec.settings import LIVE


class Loops:
    """The loops of every kind of config, on the teams that `hire` returns.

    Args:
        hire: Returns a team for one run.
        kind: "cpu" or "cuda": what its workers compute on.
    """

    def __init__(self, hire: Callable[[], Team], kind: str) -> None:
        self._hire = hire
        self._kind = kind

    def train(
        self,
        config: RunConfig,
        controls: Controls,
        *,
        snapshot: Snapshot | None = None,
        progress: Report | None = None,
    ) -> Iterator[Event]:
        """Train a run on one worker; see `proxprop.engine.training.train`."""
        step = 0 if snapshot is None else snapshot.step
        words = "stopped while it waited for room in the cluster"
        ended = Ended("stopped", step, 0.0, 0.0, words)
        part = Part(0, WHOLE_RUN, "run", config, (0,), snapshot)
        with closing(self._hire()) as team:
            for event in Spreading(team, controls).carry_out([part], _as_it_is):
                if isinstance(event, Ended):
                    ended = event  # said last, after where it was
                else:
                    yield event
        yield ended

    def race(
        self,
        config: RaceConfig,
        controls: Controls,
        *,
        snapshot: Snapshot | None = None,
        progress: Report | None = None,
    ) -> Iterator[Event]:
        """Race contenders, a worker per seed; see `proxprop.engine.racing.race`."""
        with closing(self._hire()) as team:
            yield from RaceOnTeam(config, controls, team, snapshot).events()

    def sweep(
        self,
        config: SweepConfig,
        controls: Controls,
        *,
        snapshot: Snapshot | None = None,
        progress: Report | None = None,
    ) -> Iterator[Event]:
        """Draw a map, a worker per block; see `proxprop.engine.sweeping.sweep`."""
        dataset = load(config.data, progress=progress)
        run = Sweep(config, controls, dataset, self._kind, f"Ray, {self._kind}", snapshot)
        with closing(self._hire()) as team:
            yield from run.events(SweepOnTeam(config, team))

    @property
    def by_kind(self) -> Mapping[str, Loop]:
        """Kind of config → its loop."""
        return {"run": self.train, "race": self.race, "sweep": self.sweep}


def _as_it_is(part: Part, event: Any) -> Iterator[Event]:
    """Yield a run's event; a worker that takes over is told of settings changed on the way."""
    if isinstance(event, Mark) and event.kind == "set":
        values = {LIVE[field]: value for field, value in event.changes.items()}
        change = Change.parse({"step": event.step, "values": values})
        if change not in part.config.changes:
            changes = sorted([*part.config.changes, change], key=lambda change: change.step)
            part.config = part.config.replace(changes=changes)
    if event is not None and not isinstance(event, Lost):
        yield event
