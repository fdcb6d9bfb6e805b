"""Configs as URL queries: only what differs from the defaults, by dotted name."""

from __future__ import annotations

import json
from typing import Any

from proxprop.config.base import Config, ConfigError, Problem
from proxprop.config.run import RunConfig


def to_query(config: RunConfig) -> dict[str, str]:
    """Return the fields of `config` that differ from the defaults, as dotted name → text."""
    default = flatten(RunConfig())
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in flatten(config).items()
        if default[name] != value
    }


def from_query(query: dict[str, str]) -> RunConfig:
    """Return the config that a query describes; the inverse of `to_query`.

    Raises:
        ConfigError: If a name is unknown or a value is refused.
    """
    known = flatten(RunConfig())
    unknown = [Problem(name, "is not a field of a run") for name in query if name not in known]
    if unknown:
        raise ConfigError(unknown)
    values: dict[str, Any] = {}
    for name, text in query.items():
        *parents, leaf = name.split(".")
        target = values
        for parent in parents:
            target = target.setdefault(parent, {})
        target[leaf] = _value(text, known[name])
    return RunConfig.parse(values)


def flatten(config: Config) -> dict[str, Any]:
    """Return every leaf field of `config` by dotted name, as JSON-able plain data."""
    return dict(_leaves(config.model_dump(mode="json"), ""))


def _leaves(values: dict[str, Any], prefix: str) -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            leaves += _leaves(value, f"{prefix}{name}.")
        else:
            leaves.append((prefix + name, value))
    return leaves


def _value(text: str, default: Any) -> Any:
    if isinstance(default, str):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
