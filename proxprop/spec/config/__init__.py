"""The one description of a run: read by the command line, encoded by URLs, kept by the store.

`RunConfig` is one training run, `RaceConfig` several contenders under equal conditions,
`SweepConfig` a map of many short runs. `load_config` reads any of them from plain data.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from proxprop.spec.config.base import ConfigError, Problem, validating
from proxprop.spec.config.parts import (
    Contender,
    DataConfig,
    DirectionConfig,
    ModelConfig,
    OptimizerConfig,
    SettingsChange,
    Tracker,
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


_ROUNDS = 20  # what stands behind a refused field may be refused in turn


def load_known(
    values: dict[str, Any],
) -> tuple[RunConfig | RaceConfig | SweepConfig | None, tuple[Problem, ...]]:
    """Return the config of another version as far as this one knows it, and what it does not.

    Fields that are refused are left out, and so get their defaults.

    Args:
        values: Nested fields.

    Returns:
        None for the config where no part can be read.
    """
    unknown: list[Problem] = []
    for _ in range(_ROUNDS):
        try:
            return load_config(values), tuple(unknown)
        except ConfigError as error:
            unknown += error.problems
            for problem in error.problems:
                values = _without(values, problem.field.split("."))
    return None, tuple(unknown[:1])


def _without(values: Any, path: list[str]) -> Any:
    """Return nested fields without the one at `path`; as they are where there is none."""
    name, *rest = path
    if isinstance(values, list) and name.isdecimal() and rest:
        return [
            _without(value, rest) if index == int(name) else value
            for index, value in enumerate(values)
        ]
    if not isinstance(values, dict) or name not in values:
        return values
    inner = values[name]
    if rest and (changed := _without(inner, rest)) != inner:
        return {**values, name: changed}
    return {field: value for field, value in values.items() if field != name}


__all__ = [
    # whole descriptions
    "AnyConfig",
    "RunConfig",
    "RaceConfig",
    "SweepConfig",
    "load_config",
    "load_known",
    "from_query",
    "to_query",
    # parts
    "Cell",
    "Change",
    "Contender",
    "DataConfig",
    "DirectionConfig",
    "Grid",
    "ModelConfig",
    "OptimizerConfig",
    "SearchConfig",
    "SettingsChange",
    "SweepMethod",
    "Tracker",
    # errors
    "ConfigError",
    "Problem",
]
