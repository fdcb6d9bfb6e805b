"""The one description of a run: read by the command line, encoded by URLs, kept by the store.

`RunConfig` is one training run, `RaceConfig` several contenders under equal conditions,
`SweepConfig` a map of many short runs. `load_config` reads any of them from plain data.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from proxprop.spec.config.base import Config, ConfigError, Problem, validating
from proxprop.spec.config.parts import (
    BudgetConfig,
    CheckpointConfig,
    Contender,
    DataConfig,
    DirectionConfig,
    EvaluationConfig,
    InstrumentsConfig,
    ModelConfig,
    OptimizerConfig,
    ScheduleConfig,
    SettingsChange,
)
from proxprop.spec.config.query import from_query, to_query
from proxprop.spec.config.race import RaceConfig, SearchConfig
from proxprop.spec.config.run import Change, RunConfig
from proxprop.spec.config.sweep import Cell, Grid, SweepConfig, SweepMethod

AnyConfig = Annotated[RunConfig | RaceConfig | SweepConfig, Field(discriminator="kind")]

_ADAPTER: TypeAdapter[RunConfig | RaceConfig | SweepConfig] = TypeAdapter(AnyConfig)


def load_config(values: dict[str, Any]) -> RunConfig | RaceConfig | SweepConfig:
    """Return the config that `values` (plain data, for example parsed JSON) describes.

    Args:
        values: Nested fields; `kind` is "run" (default), "race" or "sweep".

    Raises:
        ConfigError: With every problem in words, each naming its field.
    """
    if not isinstance(values, dict):
        raise ConfigError([Problem("", "a config must be an object with named fields")])
    with validating():
        return _ADAPTER.validate_python({"kind": "run", **values})


__all__ = [
    # whole descriptions
    "AnyConfig",
    "RunConfig",
    "RaceConfig",
    "SweepConfig",
    "load_config",
    "from_query",
    "to_query",
    # parts
    "BudgetConfig",
    "Cell",
    "Change",
    "CheckpointConfig",
    "Contender",
    "DataConfig",
    "DirectionConfig",
    "EvaluationConfig",
    "Grid",
    "InstrumentsConfig",
    "ModelConfig",
    "OptimizerConfig",
    "ScheduleConfig",
    "SearchConfig",
    "SettingsChange",
    "SweepMethod",
    # errors
    "Config",
    "ConfigError",
    "Problem",
]
