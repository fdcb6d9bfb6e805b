"""From options to a config: a file, dotted overrides, and step sizes that suit the optimizer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import AnyConfig, ConfigError, Problem, RunConfig, load_config


def build(
    file: Path | None,
    options: Mapping[str, Any],
    settings: Sequence[str],
    start: Mapping[str, Any] | None = None,
) -> AnyConfig:
    """Return the config that a file and the options after it describe.

    Args:
        file: A config as JSON; None for `start`.
        options: Dotted field → value; None where an option was not given.
        settings: "field=value" texts; they come last.
        start: Nested fields to begin with; None for the defaults of a run.

    Raises:
        ConfigError: With every problem in words.
    """
    values: dict[str, Any] = _read(file) if file else {**(start or {})}
    given = {name: value for name, value in options.items() if value is not None}
    given |= dict(map(_assignment, settings))
    limited = {"budget.seconds", "budget.steps"} & given.keys()
    if limited and "budget.epochs" not in given | _flat(values):
        given["budget.epochs"] = None  # "60 seconds" means that, not "or the default epochs"
    for name, value in given.items():
        _put(values, name, value)
    if values.get("kind", "run") == "run":
        _suit_step_size(values, given)
    return load_config(values)


def _read(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text())
    except OSError as error:
        raise ConfigError([Problem("--config", f"{file}: {error.strerror}")]) from error
    except ValueError as error:
        raise ConfigError([Problem("--config", f"{file} is not valid JSON: {error}")]) from error
    if not isinstance(values, dict):
        raise ConfigError([Problem("--config", f"{file} must hold an object with named fields")])
    return values


def _assignment(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ConfigError([Problem("--set", f"must look like direction.tau=0.1, got {text!r}")])
    try:
        return name.strip(), json.loads(value)
    except json.JSONDecodeError:
        return name.strip(), value


def _put(values: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, leaf = dotted.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise ConfigError([Problem(dotted, f"{parent} has no fields")])
    values[leaf] = value


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: 0}
    return flat


def _suit_step_size(values: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Where optimizer or solver were chosen and η was not, take the η that suits them."""
    chosen = {"optimizer.name", "direction.solver"} & given.keys()
    if not chosen or "optimizer.lr" in _flat(values):
        return
    default = RunConfig()
    name = values.get("optimizer", {}).get("name", default.optimizer.name)
    solver = values.get("direction", {}).get("solver", default.direction.solver)
    if name in OPTIMIZERS:
        spec = OPTIMIZERS[name]
        _put(values, "optimizer.lr", spec.lr if solver == "explicit" else spec.proximal_lr)
