"""Configs as URL queries: only what differs from the defaults, by dotted name."""

from __future__ import annotations

import json
from typing import Any

from proxprop.spec.config.base import Config, ConfigError, Problem
from proxprop.spec.config.run import RunConfig


def to_query(config: RunConfig, base: RunConfig | None = None) -> dict[str, str]:
    """Return the fields of `config` that differ from `base`, as dotted name → text.

    Args:
        config: What is written down.
        base: What it is compared with; the defaults if None.
    """
    known = flatten(RunConfig())
    start = known if base is None else flatten(base)
    return {
        name: _write_value(value, known[name])
        for name, value in flatten(config).items()
        if start[name] != value
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
        values[name] = read_value(text, known[name])
    return RunConfig.parse(nest(values))


def flatten(config: Config) -> dict[str, Any]:
    """Return every leaf field of `config` by dotted name, as JSON-able plain data."""
    return dict(_leaves(config.model_dump(mode="json"), ""))


def nest(leaves: dict[str, Any]) -> dict[str, Any]:
    """Return nested plain data for leaves given by dotted name; the inverse of `flatten`."""
    values: dict[str, Any] = {}
    for name, value in leaves.items():
        *parents, leaf = name.split(".")
        target = values
        for parent in parents:
            target = target.setdefault(parent, {})
        target[leaf] = value
    return values


def read_value(text: str, like: Any) -> Any:
    """Return what `text` of a query says for a field whose default is `like`."""
    if isinstance(like, str):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # no JSON, or absurdly long or deep
        return text


def _write_value(value: Any, like: Any) -> str:
    plain = isinstance(value, str) and read_value(value, like) == value
    return value if plain else json.dumps(value)


def _leaves(values: dict[str, Any], prefix: str) -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            leaves += _leaves(value, f"{prefix}{name}.")
        else:
            leaves.append((prefix + name, value))
    return leaves
