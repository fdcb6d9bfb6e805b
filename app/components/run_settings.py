"""What a run was set to: by its config, and by what was turned while it went on."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.services import get_store
from proxprop.runs.errors import UnknownRunError
from proxprop.runs.record import Run
from proxprop.spec.config import AnyConfig, Change, RaceConfig, RunConfig, SettingsChange
from proxprop.spec.events import Mark
from proxprop.spec.settings import LIVE


def find_run(run_id: str | None, kind: str, other: str) -> Run | None:
    """Return the run that a link names; None, said on the page, where it cannot be shown there.

    Args:
        run_id: Its id; empty for none.
        kind: "run", "race" or "sweep".
        other: What is said of another kind; "{id}" and "{kind}" are filled in.
    """
    if not run_id:
        return None
    try:
        run = get_store().run(run_id)
    except UnknownRunError as error:
        st.warning(f"{error} Choose another on the Runs page, or press Start for a new one.")
        return None
    if run.kind != kind:
        st.warning(other.format(id=run_id, kind=run.kind))
        return None
    return run


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


def replayable(run: Run) -> AnyConfig:
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


def few_evaluations(config: RunConfig | RaceConfig, most: int) -> bool:
    """Whether a run is measured at most so often: each measurement can be drawn as a point."""
    epochs = config.budget.epochs
    return epochs is not None and epochs / config.evaluation.every <= most
