"""`SweepConfig`: a map of many short runs over step sizes and methods."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config.base import Config, FieldError
from proxprop.spec.config.parts import BudgetConfig, Contender, OptimizerConfig, Positive
from proxprop.spec.config.run import RunConfig, Setting, check_seeds

MAX_RUNS = 20_000


class Grid(Config):
    """Logarithmically spaced values.

    Attributes:
        low: First value, > 0.
        high: Last value, ≥ low.
        count: How many.
    """

    low: Positive
    high: Positive
    count: Annotated[int, Field(ge=1, le=200)] = 25

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.high < self.low:
            raise FieldError("high", f"must be ≥ low, got low {self.low} and high {self.high}")
        return self

    def values(self) -> tuple[float, ...]:
        """Return the grid's values, ascending."""
        if self.count == 1:
            return (self.low,)
        low, high, last = math.log(self.low), math.log(self.high), self.count - 1
        inner = (math.exp(low + (high - low) * i / last) for i in range(1, last))
        # Rounding must not carry a value past the ends, which are exact.
        kept = (min(max(value, self.low), self.high) for value in inner)
        return (self.low, *kept, self.high)


class SweepMethod(Contender):
    """One row (or plane) of the map: a method and the step sizes it varies.

    Attributes:
        label: What a person reads; empty for a label made from the settings.
        direction: The method's direction; `tau` is overridden where `tau` varies.
        optimizer: The method's optimizer; `lr` is overridden where `lr` varies.
        lr: Values of η; None to keep the optimizer's.
        tau: Values of τ; None to keep the direction's.
    """

    optimizer: OptimizerConfig = OptimizerConfig(name="sgd")
    lr: Grid | None = None
    tau: Grid | None = None

    @model_validator(mode="after")
    def _varies_something(self) -> Self:
        if self.lr is None and self.tau is None:
            raise FieldError("lr", "set lr, tau or both: a method must vary some step size")
        if self.tau is not None and self.direction.solver == "explicit":
            raise FieldError("tau", "has no meaning for explicit directions; vary lr instead")
        return self

    @property
    def name(self) -> str:
        """Its label, or one made from the settings."""
        optimizer = OPTIMIZERS[self.optimizer.name]
        made = self.direction.label
        return self.label or (made if optimizer.name == "sgd" else f"{made}, {optimizer.label}")

    @property
    def varies(self) -> tuple[str, ...]:
        """Which step sizes vary: "lr", "tau" or both."""
        return tuple(name for name in ("lr", "tau") if getattr(self, name) is not None)

    @property
    def lr_values(self) -> tuple[float, ...]:
        """The values of η; one where it does not vary."""
        return self.lr.values() if self.lr else (self.optimizer.lr,)

    @property
    def tau_values(self) -> tuple[float, ...]:
        """The values of τ; one where it does not vary."""
        return self.tau.values() if self.tau else (self.direction.tau,)

    @property
    def shape(self) -> tuple[int, int]:
        """How many values of η and of τ."""
        return len(self.lr_values), len(self.tau_values)

    @property
    def axis(self) -> Literal["lr", "lr_tau"]:
        """What the explicit limit of its steps is, the map's step size s.

        η·τ for proximal directions, unless the optimizer's step does not scale with the direction.
        """
        rescales = OPTIMIZERS[self.optimizer.name].scale_invariant
        return "lr" if rescales or self.direction.solver == "explicit" else "lr_tau"

    def place(self, lr: float, tau: float) -> float:
        """Return where (η, τ) lies on the map's step size s."""
        return lr * tau if self.axis == "lr_tau" else lr


class Cell(NamedTuple):
    """One point of the map: a method at one pair of step sizes, run once per seed.

    Attributes:
        number: Among all cells of the sweep.
        method: Which method.
        position: Index of η and of τ among the method's values.
        lr: η.
        tau: τ.
    """

    number: int
    method: int
    position: tuple[int, int]
    lr: float
    tau: float


class SweepConfig(Setting):
    """Short runs over methods × step sizes × seeds, trained as one batched computation.

    Attributes:
        kind: Always "sweep".
        methods: The map's rows.
        steps: Optimizer steps of every run.
        seeds: How many seeds, `seed`, `seed + 1`, …
    """

    kind: Literal["sweep"] = "sweep"
    methods: Annotated[tuple[SweepMethod, ...], Field(min_length=1, max_length=6)]
    steps: Annotated[int, Field(ge=1, le=100_000)] = 100
    seeds: Annotated[int, Field(ge=1, le=10)] = 3

    @model_validator(mode="after")
    def _seeds_exist(self) -> Self:
        check_seeds(self.seed, self.seeds)
        return self

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        if self.members > MAX_RUNS:
            raise FieldError(
                "methods",
                f"ask for {self.members} runs, at most {MAX_RUNS} are allowed; lower a count or "
                "seeds",
            )
        return self

    @property
    def not_in_digest(self) -> dict[str, Any]:
        """What determines no numbers."""
        each = [{"direction": method.direction.as_before} for method in self.methods]
        return super().not_in_digest | {"methods": dict(enumerate(each))}

    @property
    def budget(self) -> BudgetConfig:
        """What every run may spend."""
        return BudgetConfig(epochs=None, steps=self.steps)

    @property
    def members(self) -> int:
        """How many runs it stands for: every cell with every seed."""
        return self.seeds * sum(math.prod(method.shape) for method in self.methods)

    def cells(self) -> tuple[Cell, ...]:
        """Return the map's points: method after method, η (outer) by τ (inner)."""
        places = (
            (method, (i, j), lr, tau)
            for method, varied in enumerate(self.methods)
            for i, lr in enumerate(varied.lr_values)
            for j, tau in enumerate(varied.tau_values)
        )
        return tuple(Cell(number, *place) for number, place in enumerate(places))

    def member(self, cell: Cell, seed_index: int) -> int:
        """Return the number under which a cell's run with one seed is stored."""
        return cell.number * self.seeds + seed_index

    def run(self, member: int) -> RunConfig:
        """Return the run that member ``cell · seeds + seed index`` is, on its own.

        Raises:
            IndexError: If there is no such member.
        """
        if not 0 <= member < self.members:
            raise IndexError(f"member must be in 0…{self.members - 1}, got {member}")
        number, seed = divmod(member, self.seeds)
        cell = self.cells()[number]
        method = self.methods[cell.method]
        shared = self.model_dump(exclude={"kind", "methods", "steps", "seeds", "seed"})
        return RunConfig.parse(
            {
                **shared,
                "seed": self.seed + seed,
                "direction": method.direction.replace(tau=cell.tau),
                "optimizer": method.optimizer.replace(lr=cell.lr),
                "budget": self.budget,
            }
        )
