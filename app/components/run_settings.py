"""What a run was set to: by its config, and by what was turned while it went on."""

from __future__ import annotations

from typing import Any

from app.services import get_store
from proxprop.runs.record import Run
from proxprop.spec.config import Change, RunConfig, SettingsChange
from proxprop.spec.config.base import Config
from proxprop.spec.events import Mark

# What a running run takes at once: config field → name of the value in its control.
LIVE = {
    "direction.solver": "solver",
    "direction.tau": "tau",
    "direction.cg_steps": "cg_steps",
    "optimizer.lr": "lr",
    "optimizer.explicit_lr": "explicit_lr",
    "instruments.tier": "instruments",
}


def marks_of(run_id: str) -> list[Mark]:
    """Return what was marked on a run's curve, in order."""
    events = (row.event for row in get_store().events(run_id))
    return [event for event in events if isinstance(event, Mark)]


def settings_in_force(run: Run) -> RunConfig:
    """Return the config of a single run with every live change applied; planned ones stay so.

    Raises:
        ConfigError: If another version of proxprop wrote it.
    """
    config = run.config
    assert isinstance(config, RunConfig)
    planned = {change.step for change in config.changes}
    changes: dict[str, Any] = {}
    for mark in marks_of(run.id):
        if mark.kind == "set" and mark.step not in planned:
            changes.update(mark.changes)
    return config.replace(**changes) if changes else config


def replayable(run: Run) -> Config:
    """Return the run's config with the live changes recorded so far as planned ones.

    Raises:
        ConfigError: If the stored config has fields that this version does not know.
    """
    config = run.config
    if not isinstance(config, RunConfig):
        return config
    made: dict[int, dict[str, Any]] = {}
    for mark in marks_of(run.id):
        if mark.kind == "set" and mark.changes:
            values = {LIVE[field]: value for field, value in mark.changes.items()}
            made.setdefault(mark.step, {}).update(values)
    # A planned change is recorded by a mark as well: the mark replaces the plan.
    changes = {change.step: change for change in config.changes} | {
        step: Change(step=step, values=SettingsChange(**values)) for step, values in made.items()
    }
    in_order = tuple(changes[step] for step in sorted(changes))
    return config.model_copy(update={"changes": in_order})
