"""What a run was set to along its way: in force, as planned changes, and back from a step on."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from proxprop import paths
from proxprop.runs.errors import RunError, disk_error
from proxprop.runs.process import Process
from proxprop.runs.reading import Reading
from proxprop.runs.record import Run
from proxprop.runs.store import Store
from proxprop.spec.config import (
    AnyConfig,
    Change,
    ConfigError,
    Problem,
    RunConfig,
    SettingsChange,
)
from proxprop.spec.controls import Control
from proxprop.spec.curves import RISING_FACTOR
from proxprop.spec.events import Mark
from proxprop.spec.settings import LIVE, changed, difference


def marks_of(store: Reading, run_id: str) -> list[Mark]:
    """Return what was marked on a run's curve, in order."""
    return [row.event for row in store.events(run_id) if isinstance(row.event, Mark)]


def live_changes(store: Reading, run: Run) -> list[dict[str, Any]]:
    """Return what was changed while a single run went on, in order, but for planned changes."""
    planned = {change.step for change in _single(run).changes}
    marks = marks_of(store, run.id)
    return [m.changes for m in marks if m.kind == "set" and m.step not in planned]


def settings_in_force(store: Reading, run: Run) -> RunConfig:
    """Return the config of a single run with every live change applied; planned ones stay so.

    Raises:
        ConfigError: If nothing of it can be read.
    """
    config = _single(run)
    if run.foreign:
        return config
    return _after(config, live_changes(store, run))


def replayable(store: Reading, run: Run) -> AnyConfig:
    """Return the run's config with the live changes recorded so far as planned ones.

    Raises:
        ConfigError: If the stored config has fields that this version does not know.
    """
    config = run.config
    if run.foreign:
        raise ConfigError([Problem("", run.foreign)])
    if not isinstance(config, RunConfig):
        return config
    made: dict[int, dict[str, Any]] = {}
    for mark in marks_of(store, run.id):
        if mark.kind == "set" and mark.changes:
            values = {LIVE[field]: value for field, value in mark.changes.items()}
            made.setdefault(mark.step, {}).update(values)
    # A planned change is recorded by a mark as well: the mark replaces the plan.
    changes = {change.step: change for change in config.changes} | {
        step: Change(step=step, values=SettingsChange(**values)) for step, values in made.items()
    }
    in_order = tuple(changes[step] for step in sorted(changes))
    return config.model_copy(update={"changes": in_order})


def steps_back(store: Reading, run: Run) -> list[int]:
    """Return the saved steps of an ended run that lie before its end, the latest first."""
    if run.kind != "run" or run.status != "ended" or run.foreign:
        return []
    return [row.step for row in store.checkpoints(run.id) if 0 < row.step < run.step]


def calm_step(store: Reading, run: Run, steps: Sequence[int]) -> int:
    """Return the last of the saved steps from which the loss had not yet begun to run away.

    What was saved at step n has the loss that step n + 1 measures; beyond `RISING_FACTOR` times the
    first one it may already be lost. Where all are, the earliest is returned.
    """
    points = store.points(run.id, "steps")
    losses = dict(zip(points["step"], points["loss"], strict=True))
    highest = RISING_FACTOR * next(iter(losses.values()), math.inf)
    calm = [step for step in steps if losses.get(step + 1, math.inf) <= highest]
    return max(calm, default=min(steps))


def wanted_at(
    store: Reading, run: Run, step: int, turned: Mapping[str, Any]
) -> tuple[RunConfig, dict[str, Any]]:
    """Return what was in force once `step` was saved, and what of it shall change there.

    A run goes on at the settings that brought it to the step; what was turned there, perhaps
    fatally, is taken back.

    Args:
        store: The run store.
        run: The run.
        step: A step it was saved at.
        turned: Settings to change on top, field → value.

    Raises:
        ConfigError: If a setting is refused.
    """
    made = [mark for mark in marks_of(store, run.id) if mark.kind == "set" and mark.step <= step]
    saved = _after(_single(run), [mark.changes for mark in made])
    before = _after(_single(run), [mark.changes for mark in made if mark.step < step])
    change = SettingsChange.parse({LIVE[field]: value for field, value in turned.items()})
    return saved, difference(saved, changed(before, change))


def back(
    store: Store,
    run_id: str,
    step: int | None = None,
    turned: Mapping[str, Any] | None = None,
    owner: str = "",
    process: Process | None = None,
) -> str:
    """Go back to a saved step of an ended run: a new run, queued, goes on from there.

    It has the old one's curve up to the step, so that the old one, and how it ended, stay.

    Args:
        store: The run store.
        run_id: The ended run.
        step: One of its saved steps; None for the last good one, see `calm_step`.
        turned: Settings to change there, field → value, see `wanted_at`.
        owner: Cookie of the browser that asks.
        process: A process that takes the new run at once; None to leave it in the queue.

    Returns:
        The new run's id.

    Raises:
        RunError: If nothing was saved at that step.
        ConfigError: If a setting is refused.
    """
    run = store.run(run_id)
    steps = steps_back(store, run)
    if not steps:
        raise RunError(f"Run {run_id} has no saved step before its end to go back to.")
    if step is None:
        step = calm_step(store, run, steps)
    if step not in steps:
        known = ", ".join(map(str, sorted(steps)))
        raise RunError(f"Run {run_id} was saved at steps {known}, not at {step}; choose one.")
    _, values = wanted_at(store, run, step, turned or {})
    control = Control("set", {LIVE[field]: value for field, value in values.items()})
    return store.branch(
        run, step, _link(store, run, step), owner, [control] if values else [], process
    )


def _link(store: Store, run: Run, step: int) -> Any:
    """Return what gives a new run a checkpoint of an old one; no byte is copied where links are."""
    (source,) = [row.path for row in store.checkpoints(run.id) if row.step == step]

    def link(new_id: str) -> str:
        target = paths.checkpoints(new_id, store.home) / os.path.basename(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            try:
                os.link(store.home / source, target)
            except OSError:  # a disk without hard links
                shutil.copy2(store.home / source, target)
        except OSError as error:
            raise disk_error(error, target) from error
        return str(target.relative_to(store.home))

    return link


def _single(run: Run) -> RunConfig:
    config = run.config
    assert isinstance(config, RunConfig)
    return config


def _after(config: RunConfig, made: Sequence[Mapping[str, Any]]) -> RunConfig:
    changes: dict[str, Any] = {}
    for change in made:
        changes.update(change)
    return config.replace(**changes) if changes else config
