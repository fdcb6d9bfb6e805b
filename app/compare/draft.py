"""The race a person is setting up: a shared setting, contenders, how many seeds, the search."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.live.chart import XAxis
from app.state.draft import DEFAULTS, Values, check
from app.state.editing import Draft
from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import ConfigError, Contender, RaceConfig, RunConfig, SearchConfig
from proxprop.spec.config.query import flatten

MOST = 6
FEWEST = 2
OWN = ("direction.", "optimizer.")  # fields of a contender; all others are shared
# What "add" offers, one after the other.
PAIRINGS = (
    ("explicit", "nesterov"),
    ("exact", "nesterov"),
    ("explicit", "adam"),
    ("exact", "adam"),
    ("cg", "nesterov"),
    ("cg", "adam"),
)
SHARED = tuple(RaceConfig.model_fields.keys() - {"kind", "contenders", "seeds", "search"})


@dataclass
class Part(Draft):
    """One contender's settings, or those all share.

    Attributes:
        label: What a person called the contender; empty for a name made from its settings.
    """

    label: str = ""

    def locked(self, name: str) -> bool:
        """Whether the race goes on: nothing can change under way, or it would not be fair."""
        return self.live


@dataclass
class RaceDraft:
    """The settings on the screen.

    Attributes:
        task: What all contenders share.
        contenders: Their own settings.
        seeds: How many seeds.
        search: Search of step sizes before the race; None for none.
        base: What the link is compared with: the default race, or the attached one.
        race: The race the page shows, if any.
        added: Ids of finished runs drawn beside it.
        baseline: Which contender times are compared with.
        targets: Target by quantity; the page's own choice where there is none.
        quantity: Measure looked at; a key of `app.compare.chart.QUANTITIES`.
        axis: Horizontal axis of the chart.
        log: Whether the vertical axis is logarithmic; None for what suits the quantity.
        smooth: Whether the chart draws running means.
        searched: Whether the search is looked at in place of the race.
        lecture: Whether the last row must be able to read it: no form, large type, thick lines.
        problem: What is wrong with the race as a whole, in words.
        notice: What could not be read of the link, in words.
        written: The query last written to the URL, and when.
    """

    task: Part
    contenders: list[Part]
    seeds: int
    search: SearchConfig | None
    base: RaceConfig
    race: str | None = None
    added: list[str] = field(default_factory=list)
    baseline: int = 0
    targets: dict[str, float] = field(default_factory=dict)
    quantity: str = "train_loss"
    axis: XAxis = "epoch"
    log: bool | None = None
    smooth: bool = False
    searched: bool = False
    lecture: bool = False
    problem: str = ""
    notice: str = ""
    written: dict[str, str] = field(default_factory=dict)
    written_at: float = 0.0
    _touched: bool = False
    _made: int = 0

    @classmethod
    def of(cls, config: RaceConfig, base: RaceConfig | None = None) -> RaceDraft:
        """Return the draft that shows `config`."""
        draft = cls(Part({}), [], 1, None, base or config)
        draft.show(config)
        return draft

    def show(self, config: RaceConfig) -> None:
        """Put `config` on the form."""
        run = config.run(0)
        self.task = Part(flatten(run), place="task.")
        self.contenders = []
        for index, contender in enumerate(config.contenders):
            part = Part(flatten(config.run(index)), place=self._place(), label=contender.label)
            self.contenders.append(part)
        self.seeds, self.search = config.seeds, config.search
        self.baseline = min(self.baseline, len(self.contenders) - 1)

    @property
    def live(self) -> bool:
        """Whether the attached race goes on."""
        return self.task.live

    def set_live(self, live: bool) -> None:
        """Lock the settings while a race goes on, or let them go."""
        for part in (self.task, *self.contenders):
            part.live = live

    @property
    def touched(self) -> bool:
        """Whether a control changed in this rerun."""
        return self._touched or any(part.touched for part in (self.task, *self.contenders))

    def touch(self) -> None:
        """Remember that a control changed."""
        self._touched = True

    def settle(self) -> None:
        """Forget which controls changed."""
        self._touched = False
        for part in (self.task, *self.contenders):
            part.touched = False

    def add(self) -> None:
        """Add the first of the paper's pairings that does not compete yet, else another copy."""
        competing = {_pairing(part.values) for part in self.contenders}
        shared = {n: raw for n, raw in self.contenders[-1].values.items() if not n.startswith(OWN)}
        for solver, optimizer in PAIRINGS:
            if (solver, optimizer) not in competing:
                spec = OPTIMIZERS[optimizer]
                lr = spec.lr if solver == "explicit" else spec.proximal_lr
                own = {"direction.solver": solver, "optimizer.name": optimizer, "optimizer.lr": lr}
                values = {**DEFAULTS, **shared, **own}
                self._insert(len(self.contenders), Part(values, place=self._place()))
                return
        self.duplicate(len(self.contenders) - 1)

    def duplicate(self, index: int) -> None:
        """Put a copy of a contender below it."""
        twin = self.contenders[index]
        self._insert(index + 1, Part(dict(twin.values), place=self._place()))

    def _insert(self, at: int, part: Part) -> None:
        if len(self.contenders) < MOST:
            self.contenders.insert(at, part)
            self.baseline += self.baseline >= at
            self.touch()

    def remove(self, index: int) -> None:
        """Remove a contender; two stay."""
        if len(self.contenders) > FEWEST:
            del self.contenders[index]
            self.baseline -= self.baseline > index
            self.baseline = min(self.baseline, len(self.contenders) - 1)
            self.touch()

    def config(self) -> RaceConfig | None:
        """Return the race described, or None; the parts' problems then say why."""
        shared, self.task.problems = check(self.task.values)
        runs: list[RunConfig | None] = []
        for part in self.contenders:
            own = {name: raw for name, raw in part.values.items() if name.startswith(OWN)}
            run, part.problems = check({**DEFAULTS, **own})
            runs.append(run)
        self.problem = ""
        if shared is None or any(run is None for run in runs):
            return None
        try:
            return RaceConfig.parse(self._values(shared, [run for run in runs if run is not None]))
        except ConfigError as error:
            self.problem = str(error)
            return None

    def _values(self, shared: RunConfig, runs: list[RunConfig]) -> dict[str, Any]:
        contenders = [
            Contender(label=part.label, direction=run.direction, optimizer=run.optimizer)
            for part, run in zip(self.contenders, runs, strict=True)
        ]
        values: dict[str, Any] = shared.model_dump(include=set(SHARED))
        return {
            **values,
            "contenders": contenders,
            "seeds": self.seeds,
            "search": self.search,
        }

    def _place(self) -> str:
        self._made += 1
        return f"c{self._made}."


def _pairing(values: Values) -> tuple[str, str]:
    return values["direction.solver"], values["optimizer.name"]
