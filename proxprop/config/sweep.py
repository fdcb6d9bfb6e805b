"""`SweepConfig`: a map of many short runs over step sizes and methods."""

from __future__ import annotations

from math import exp, log
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from proxprop.config.base import Config, FieldError
from proxprop.config.parts import DirectionConfig, OptimizerConfig, Positive
from proxprop.config.run import Setting, check_pairing, check_seeds


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
        low, high, last = log(self.low), log(self.high), self.count - 1
        inner = (exp(low + (high - low) * i / last) for i in range(1, last))
        # Rounding must not carry a value past the ends, which are exact.
        kept = (min(max(value, self.low), self.high) for value in inner)
        return (self.low, *kept, self.high)


class SweepMethod(Config):
    """One row (or plane) of the map: a method and the step sizes it varies.

    Attributes:
        label: What a person reads; empty for a label made from the settings.
        direction: The method's direction; `tau` is overridden where `tau` varies.
        optimizer: The method's optimizer; `lr` is overridden where `lr` varies.
        lr: Values of η; None to keep the optimizer's.
        tau: Values of τ; None to keep the direction's.
    """

    label: Annotated[str, Field(max_length=60)] = ""
    direction: DirectionConfig = DirectionConfig()
    optimizer: OptimizerConfig = OptimizerConfig(name="sgd")
    lr: Grid | None = None
    tau: Grid | None = None

    @model_validator(mode="after")
    def _varies_something(self) -> Self:
        check_pairing(self.optimizer, self.direction)
        if self.lr is None and self.tau is None:
            raise FieldError("lr", "set lr, tau or both: a method must vary some step size")
        if self.tau is not None and self.direction.solver == "explicit":
            raise FieldError("tau", "has no meaning for explicit directions; vary lr instead")
        return self


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
