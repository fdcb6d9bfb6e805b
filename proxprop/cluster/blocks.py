"""A sweep on a team: each of its blocks, and the predictions of each seed, are a part."""

from __future__ import annotations

from itertools import count

from proxprop.cluster.team import Lost, Part, Team
from proxprop.cluster.work import PieceOfSweep
from proxprop.engine.sweeping.jobs import Advance, Found
from proxprop.engine.sweeping.plan import Block, Task
from proxprop.spec.config import SweepConfig
from proxprop.spec.controls import Control
from proxprop.spec.events import Event


class SweepOnTeam:
    """Where a sweep's tasks are carried out, see `proxprop.engine.sweeping.jobs.Jobs`.

    Args:
        config: The sweep.
        team: Who carries them out.
    """

    def __init__(self, config: SweepConfig, team: Team) -> None:
        self._config = config
        self._team = team
        self._held = False
        self._numbers = count(1)
        self._tasks: dict[int, Task] = {}

    @property
    def free(self) -> int:
        """How many more tasks there is room for."""
        return max(0, self._team.free)

    @property
    def busy(self) -> bool:
        """Whether there is any task that has not ended."""
        return bool(self._team.parts)

    def add(self, task: Task) -> None:
        """Take in a task."""
        number = next(self._numbers)
        self._tasks[number] = task
        name = f"block {number}"
        if not isinstance(task, Block):
            name = f"predictions of seed {self._config.seed + task.seed_index}"
        self._team.begin(Part(number, name, "piece", PieceOfSweep(self._config, task)))

    def go_on(self, seconds: float) -> list[Advance]:
        """Let every task go on; return those of which something is new."""
        if self._held:
            self._held = False
            self._team.send(Control("resume"))
        advances = []
        for part, event in self._team.go_on(seconds):
            task = self._tasks[part.number]
            if event is None:
                advances.append(Advance(task, Found(), ended=True))
            elif isinstance(event, Lost):
                advances.append(Advance(task, Found(), False, _words(part, task, event)))
            elif isinstance(event, Found):
                advances.append(Advance(task, event, ended=False))
        return advances

    def hold(self) -> None:
        """Let nothing go on until `go_on` is called again."""
        self._held = True
        self._team.send(Control("pause"))

    def events(self) -> list[Event]:
        """Return where parts are, if that has changed."""
        return [*self._team.placement()]


def _words(part: Part, task: Task, lost: Lost) -> str:
    again = f"Its {len(task.members)} runs are" if isinstance(task, Block) else "It is"
    name = part.name.capitalize()
    return f"{name} lost its worker on {lost.node}: {lost.reason} {again} done again."
