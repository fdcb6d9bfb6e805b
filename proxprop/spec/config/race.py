"""`RaceConfig`: several contenders on one task, under equal conditions."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from proxprop.spec.config.base import Config, FieldError
from proxprop.spec.config.parts import (
    BudgetConfig,
    CheckpointConfig,
    Contender,
    InstrumentsConfig,
    Tracker,
)
from proxprop.spec.config.run import RunConfig, Setting, check_seeds


class SearchConfig(Config):
    """An equal-budget search per contender before the race.

    Plain contenders search η; proximal ones (η, τ, explicit η). Ranges are logarithmic. The best
    trials of each are repeated with further seeds: what one lucky seed chose may fail with another.

    Attributes:
        trials: Short trials per contender, the same for all; the first is its present setting.
        epochs: Length of a trial.
        criterion: What the best trial minimises.
        finalists: How many of each contender's trials are repeated.
        seeds: With how many seeds in all; 1 repeats none.
    """

    trials: Annotated[int, Field(ge=1, le=200)] = 12
    epochs: Annotated[float, Field(gt=0, le=1000)] = 2.0
    criterion: Literal["validation_loss", "train_loss"] = "validation_loss"
    finalists: Annotated[int, Field(ge=1, le=20)] = 3
    seeds: Annotated[int, Field(ge=1, le=10)] = 3

    @property
    def as_before(self) -> set[str]:
        """Fields that version 0.1.0 did not have, while none is in use: no digest counts them."""
        return {"finalists", "seeds"} if self.seeds == 1 else set()

    @property
    def runs(self) -> int:
        """Trials of one contender, the repeated ones among them."""
        return self.trials + min(self.finalists, self.trials) * (self.seeds - 1)


class RaceConfig(Setting):
    """Contenders with the same initial weights, batches and data, interleaved in one worker.

    Attributes:
        kind: Always "race".
        contenders: Two to six pairings.
        seeds: How many seeds, `seed`, `seed + 1`, …
        budget: Equal for all: epochs, or training seconds of each contender's own clock.
        search: Search of each contender's step sizes first; None for none.
        instruments: Layerwise measures of every contender.
        checkpoint: How often the race is saved.
        log: Where every contender's points are logged, too, as a run's.
    """

    kind: Literal["race"] = "race"
    contenders: Annotated[tuple[Contender, ...], Field(min_length=2, max_length=6)]
    seeds: Annotated[int, Field(ge=1, le=10)] = 1
    budget: BudgetConfig = BudgetConfig()
    search: SearchConfig | None = None
    instruments: InstrumentsConfig = InstrumentsConfig(tier="off")
    checkpoint: CheckpointConfig = CheckpointConfig()
    log: Tracker = "off"

    @property
    def not_in_digest(self) -> dict[str, Any]:
        """What determines no numbers: how it is saved and logged, what contenders are called."""
        each = [{"label": True, "direction": c.direction.as_before} for c in self.contenders]
        own = {"checkpoint": True, "log": True, "budget": {"endless"}}
        own["contenders"] = dict(enumerate(each))
        if self.search is not None:
            own["search"] = self.search.as_before
        return super().not_in_digest | own

    @model_validator(mode="after")
    def _it_ends(self) -> Self:
        self.budget.check_ends()
        return self

    @model_validator(mode="after")
    def _seeds_exist(self) -> Self:
        check_seeds(self.seed, max(self.seeds, self.search.seeds if self.search else 1))
        return self

    @model_validator(mode="after")
    def _search_has_its_criterion(self) -> Self:
        search = self.search
        if search and search.criterion == "validation_loss" and self.data.validation == 0:
            raise FieldError(
                "search.criterion",
                "must be 'train_loss' where data.validation is 0: there is no validation set; or "
                "set samples aside",
            )
        return self

    @property
    def members(self) -> int:
        """How many runs it stands for: every contender with every seed."""
        return len(self.contenders) * self.seeds

    def run(self, contender: int, seed_index: int = 0) -> RunConfig:
        """Return the run that one contender makes with one of the seeds."""
        chosen = self.contenders[contender]
        shared = self.model_dump(exclude={"kind", "contenders", "seeds", "search", "seed"})
        return RunConfig.parse(
            {
                **shared,
                "seed": self.seed + seed_index,
                "direction": chosen.direction,
                "optimizer": chosen.optimizer,
            }
        )
