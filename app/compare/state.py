"""What the Compare page shows: the race on the form and beside it, and how it is looked at."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr

from app.components.race_link import decode, encode
from app.components.run_settings import find_run
from app.components.transport import start
from app.guard import reporting
from app.live.chart import XAxis
from app.services import get_store
from app.state.draft import DEFAULTS, Draft, Values, check
from app.state.url_state import Query, UrlState
from proxprop.runs.record import Run
from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import ConfigError, Contender, RaceConfig, RunConfig, SearchConfig
from proxprop.spec.config.query import flatten
from proxprop.spec.racing import RacePreset, default_race

MOST = 6
FEWEST = 2
OWN = ("direction.", "optimizer.")  # fields of a contender; all others are shared
SHARED = RaceConfig.model_fields.keys() - {"kind", "contenders", "seeds", "search"}
# What "add" offers, one after the other.
PAIRINGS = (
    ("explicit", "nesterov"),
    ("exact", "nesterov"),
    ("explicit", "adam"),
    ("exact", "adam"),
    ("cg", "nesterov"),
    ("cg", "adam"),
)
NO_RACE = "{id} is a single run, not a race; it opens on the Train page."
SEARCH = SearchConfig()

Shown = Literal["train_loss", "validation_loss", "validation_accuracy"]


@dataclass
class ContenderDraft(Draft):
    """One contender's settings.

    Attributes:
        label: What a person called it; empty for a name made from its settings.
    """

    label: str = ""

    def config(self) -> RunConfig | None:
        """Return a run with the contender's settings, all others at their defaults; or None."""
        own = {name: raw for name, raw in self.values.items() if name.startswith(OWN)}
        config, self.problems = check({**DEFAULTS, **own})
        return config

    @property
    def pairing(self) -> tuple[str, str]:
        """Its direction and optimizer."""
        return self.values["direction.solver"], self.values["optimizer.name"]


class RaceState(UrlState):
    """The race and how it is looked at; in the address, the form is one word of its own.

    Attributes:
        race: Id of the race the page shows, if any.
        runs: Ids of finished runs drawn beside it.
        baseline: Which contender times are compared with, from 1.
        quantity: What is looked at.
        axis: Horizontal axis of the chart.
        log: Whether the vertical axis is logarithmic; None for what suits the quantity.
        smooth: Whether the chart draws running means.
        searched: Whether the search is looked at in place of the race.
        grouped: Whether the table's rows stand by direction or by optimizer.
        activations: Whether the contenders' activation updates are shown below the table.
        target: Where a target was dragged to, by quantity.
        task: What all contenders share, on the form.
        contenders: Their own settings.
        seeds: How many seeds.
        search_first: Whether step sizes are searched before the race,
        trials: by so many trials of each contender,
        epochs: each so long,
        criterion: of which the best has the lowest of this.
        finalists: How many trials of each contender are repeated,
        final_seeds: with how many seeds in all.
        base: What the form is compared with: the default race, or the one shown.
        problem: What is wrong with the race as a whole, in words.
        notice: What could not be read of the link, in words.
    """

    prefix = "race."

    race: str = ""
    runs: tuple[str, ...] = ()
    baseline: Annotated[int, Field(ge=1)] = 1
    quantity: Shown = Field("train_loss", alias="show")
    axis: XAxis = Field("epoch", alias="x")
    log: bool | None = None
    smooth: bool = False
    searched: bool = Field(False, alias="search")
    grouped: Literal["", "direction", "optimizer"] = Field("", alias="group")
    activations: bool = False
    target: dict[Shown, Annotated[float, Field(gt=0, lt=1e12)]] = Field({})

    task: Draft = Field(default_factory=Draft, exclude=True)
    contenders: list[ContenderDraft] = Field([], exclude=True)
    seeds: int = Field(1, exclude=True)
    search_first: bool = Field(False, exclude=True)
    trials: int = Field(SEARCH.trials, exclude=True)
    epochs: float = Field(SEARCH.epochs, exclude=True)
    criterion: Literal["validation_loss", "train_loss"] = Field(SEARCH.criterion, exclude=True)
    finalists: int = Field(SEARCH.finalists, exclude=True)
    final_seeds: int = Field(SEARCH.seeds, exclude=True)
    base: RaceConfig = Field(default_factory=default_race, exclude=True)
    problem: str = Field("", exclude=True)
    notice: str = Field("", exclude=True)

    _numbers: Iterator[int] = PrivateAttr(default_factory=lambda: itertools.count(1))

    @classmethod
    def from_query(cls, query: Query) -> Self:
        """Take form and view from the link, on top of the race that it names."""
        state = super().from_query(query)
        race = find_run(state.race, "race", NO_RACE)
        state.race = race.id if race is not None else ""
        if race is not None:
            assert isinstance(race.config, RaceConfig)
            state.base = race.config
        config = state.base
        if form := query.get("form"):
            try:
                config = decode(form)
            except ConfigError as error:
                state.notice = f"The link's settings cannot be used: {error}"
        known = get_store().get(list(state.runs)) if state.runs else {}
        state.runs = tuple(run for run in state.runs if run in known and known[run].kind == "run")
        state.put(config)
        return state

    def to_query(self) -> Query | None:
        """Return what differs from the shown race and the usual view; None for a form refused."""
        config = self.config()
        if config is None:
            return None
        form = {} if config == self.base else {"form": encode(config)}
        return form | (super().to_query() or {})

    def put(self, config: RaceConfig) -> None:
        """Put a race on the form."""
        self.task = Draft.of(config.run(0), place="task.")
        self.contenders = [
            self._draft(flatten(config.run(index)), contender.label)
            for index, contender in enumerate(config.contenders)
        ]
        search = config.search or SEARCH
        self.change(
            seeds=config.seeds,
            search_first=config.search is not None,
            trials=search.trials,
            epochs=search.epochs,
            criterion=search.criterion,
            finalists=search.finalists,
            final_seeds=search.seeds,
            baseline=min(self.baseline, len(self.contenders)),
        )

    def follow(self) -> Run | None:
        """Return the race the page shows, if any; while it goes on, nothing can be changed."""
        race = find_run(self.race, "race", NO_RACE)
        live = race is not None and race.status != "ended"
        for draft in (self.task, *self.contenders):
            draft.live = live  # changed under way, the race would not be fair
        self.config()
        return race

    def config(self) -> RaceConfig | None:
        """Return the race on the form, or None; the drafts' problems and `problem` say why."""
        shared = self.task.config()
        runs = [draft.config() for draft in self.contenders]
        self.problem = ""
        if shared is None or None in runs:
            return None
        contenders = [
            Contender(label=draft.label, direction=run.direction, optimizer=run.optimizer)
            for draft, run in zip(self.contenders, runs, strict=True)
            if run is not None
        ]
        values: dict[str, Any] = shared.model_dump(include=set(SHARED))
        try:
            search = self.search_first and SearchConfig(
                trials=self.trials,
                epochs=self.epochs,
                criterion=self.criterion,
                finalists=self.finalists,
                seeds=self.final_seeds,
            )
            return RaceConfig.parse(
                values | {"contenders": contenders, "seeds": self.seeds, "search": search or None}
            )
        except ConfigError as error:
            self.problem = str(error)
            return None

    @property
    def live(self) -> bool:
        """Whether the race shown goes on."""
        return self.task.live

    def start(self) -> None:
        """Start the race on the form and show that."""
        config = self.config()
        if race := start(config):
            self.change(race=race, base=config)

    def take_preset(self, preset: RacePreset) -> None:
        """Put a preset's contenders on the form; data, network and budget stay."""
        config = self.config()
        with reporting():
            self.put(preset.config if config is None else preset.applied(config))

    def add(self) -> None:
        """Add the first of the paper's pairings that does not compete yet, else another copy."""
        competing = {draft.pairing for draft in self.contenders}
        last = self.contenders[-1].values
        shared = {name: raw for name, raw in last.items() if not name.startswith(OWN)}
        for solver, optimizer in PAIRINGS:
            if (solver, optimizer) not in competing:
                spec = OPTIMIZERS[optimizer]
                lr = spec.lr if solver == "explicit" else spec.proximal_lr
                own = {"direction.solver": solver, "optimizer.name": optimizer, "optimizer.lr": lr}
                self._insert(len(self.contenders), {**DEFAULTS, **shared, **own})
                return
        self.duplicate(len(self.contenders) - 1)

    def duplicate(self, index: int) -> None:
        """Put a copy of a contender below it."""
        self._insert(index + 1, dict(self.contenders[index].values))

    def remove(self, index: int) -> None:
        """Remove a contender; two stay."""
        if len(self.contenders) > FEWEST:
            del self.contenders[index]
            self.baseline -= self.baseline - 1 > index
            self.baseline = min(self.baseline, len(self.contenders))

    def _insert(self, at: int, values: Values) -> None:
        if len(self.contenders) < MOST:
            self.contenders.insert(at, self._draft(values))
            self.baseline += self.baseline - 1 >= at

    def _draft(self, values: Values, label: str = "") -> ContenderDraft:
        return ContenderDraft(values, place=f"c{next(self._numbers)}.", label=label)
