"""Settings that may be turned while a run goes on, and how a change of them is described.

What is in force at a moment is the run's config with every change so far applied.
"""

from __future__ import annotations

from typing import Any

from proxprop.spec.config import RunConfig, SettingsChange

# Field of a run's config → its name in a `SettingsChange` and in a "set" control.
LIVE = {
    "optimizer.lr": "lr",
    "optimizer.explicit_lr": "explicit_lr",
    "direction.tau": "tau",
    "direction.cg_steps": "cg_steps",
    "direction.solver": "solver",
    "instruments.tier": "instruments",
}
SYMBOLS = {
    "optimizer.lr": "η",
    "optimizer.explicit_lr": "explicit η",
    "direction.tau": "τ",
    "direction.cg_steps": "k",
    "direction.solver": "direction",
    "instruments.tier": "instruments",
}


def live_values(config: RunConfig) -> dict[str, Any]:
    """Return field → value of the settings that may be turned."""
    values = {}
    for field in LIVE:
        part, _, leaf = field.partition(".")
        values[field] = getattr(getattr(config, part), leaf)
    return values


def changed(config: RunConfig, change: SettingsChange) -> RunConfig:
    """Return the config with a change applied.

    Raises:
        ConfigError: If the optimizer does not take the new direction.
    """
    given = change.given()
    return config.replace(**{field: given[name] for field, name in LIVE.items() if name in given})


def difference(before: RunConfig, after: RunConfig) -> dict[str, Any]:
    """Return field → new value where the settings differ; what a "set" mark holds."""
    old = live_values(before)
    return {field: value for field, value in live_values(after).items() if old[field] != value}


def describe(before: RunConfig, after: RunConfig) -> str:
    """Return a change as a chart shows it, for example "τ 0.05 → 0.5"."""
    old = live_values(before)
    return ", ".join(
        f"{SYMBOLS[field]} {_shown(old[field])} → {_shown(value)}"
        for field, value in difference(before, after).items()
    )


def _shown(value: object) -> str:
    if value is None:
        return "as η"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
