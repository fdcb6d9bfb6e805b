"""What a run was set to: by its config, and by what was turned while it went on."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.components.notation import as_written
from app.services import get_store
from proxprop.runs import replay
from proxprop.runs.errors import UnknownRunError
from proxprop.runs.record import Run
from proxprop.spec.config import AnyConfig, RaceConfig, RunConfig
from proxprop.spec.events import Mark


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
        st.warning(
            f"{as_written(str(error))} Choose another on the Runs page, or press Start for a new "
            "one."
        )
        return None
    if run.deleted is not None:
        st.warning(f"Run {run_id} was deleted. The Runs page can bring it back for seven days.")
        return None
    if run.kind != kind:
        st.warning(other.format(id=run_id, kind=run.kind))
        return None
    return run


def offered_runs(kind: str, limit: int, *linked: str) -> dict[str, Run]:
    """Return the latest runs of a kind by id, and those a link names; which are gone is said."""
    store = get_store()
    runs = {run.id: run for run in store.runs(kind=kind, limit=limit)}
    for run_id in {*linked} - {"", *runs}:
        run = store.get([run_id]).get(run_id)
        if run is not None and run.kind == kind and run.deleted is None:
            runs[run_id] = run
        else:
            name = as_written(repr(run_id))
            st.warning(f"There is no {kind} {name}; it may have been deleted. Choose another.")
    return runs


def single_config(run: Run) -> RunConfig:
    """Return the config of a run that is no race and no sweep.

    Raises:
        ConfigError: If nothing of it can be read.
    """
    config = run.config
    assert isinstance(config, RunConfig)
    return config


def marks_of(run_id: str) -> list[Mark]:
    """Return what was marked on a run's curve, in order."""
    return replay.marks_of(get_store(), run_id)


def changes_of(run_id: str) -> int:
    """Return how often a setting of a run was changed, planned changes included."""
    return sum(mark.kind == "set" for mark in marks_of(run_id))


def live_changes(run: Run) -> list[dict[str, Any]]:
    """Return what was changed while a single run went on, in order, but for planned changes."""
    return replay.live_changes(get_store(), run)


def settings_in_force(run: Run) -> RunConfig:
    """Return the config of a single run with every live change applied; planned ones stay so.

    Raises:
        ConfigError: If nothing of it can be read.
    """
    return replay.settings_in_force(get_store(), run)


def replayable(run: Run) -> AnyConfig:
    """Return the run's config with the live changes recorded so far as planned ones.

    Raises:
        ConfigError: If the stored config has fields that this version does not know.
    """
    return replay.replayable(get_store(), run)


def few_evaluations(config: RunConfig | RaceConfig, most: int) -> bool:
    """Whether a run is measured at most so often: each measurement can be drawn as a point."""
    epochs = config.budget.epochs
    return epochs is not None and epochs / config.evaluation.every <= most
