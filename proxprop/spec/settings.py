"""Settings that may be turned while a run goes on, and how a change of them is described.

What is in force at a moment is the run's config with every change so far applied.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

from proxprop.spec.config import RunConfig, SettingsChange

# Field of a run's config → its name in a `SettingsChange` and in a "set" control.
LIVE = {
    "optimizer.lr": "lr",
    "optimizer.explicit_lr": "explicit_lr",
    "direction.tau": "tau",
    "direction.cg_steps": "cg_steps",
    "direction.solver": "solver",
    "direction.gram": "gram",
    "direction.decay": "decay",
    "direction.refresh": "refresh",
    "instruments.tier": "instruments",
    "pace": "pace",
}
SYMBOLS = {
    "optimizer.lr": "η",
    "optimizer.explicit_lr": "explicit η",
    "direction.tau": "τ",
    "direction.cg_steps": "k",
    "direction.solver": "direction",
    "direction.gram": "Gram",
    "direction.decay": "decay",
    "direction.refresh": "refresh",
    "instruments.tier": "instruments",
    "pace": "steps a second",
}
NONE = {"optimizer.explicit_lr": "as η", "pace": "any"}  # what the absence of a value is called


def live_values(config: RunConfig) -> dict[str, Any]:
    """Return field → value of the settings that may be turned."""
    return {field: reduce(getattr, field.split("."), config) for field in LIVE}


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
        f"{SYMBOLS[field]} {_shown(field, old[field])} → {_shown(field, value)}"
        for field, value in difference(before, after).items()
    )


def _shown(field: str, value: object) -> str:
    if value is None:
        return NONE[field]
    return f"{value:.4g}" if isinstance(value, float) else str(value)
