"""Stopping, giving up, continuing: what service and command line ask of any run of a store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxprop.runs.errors import RunError
from proxprop.runs.process import Process
from proxprop.runs.record import Run
from proxprop.runs.store import Store
from proxprop.spec.config import AnyConfig, ConfigError, Problem, RunConfig
from proxprop.spec.controls import Control

GIVEN_UP = "Given up: its process showed no sign of life and was ended."


def stop(store: Store, run_id: str) -> None:
    """Stop a run: at once where it waits, else by a command to its process."""
    if not store.cancel(run_id):
        store.put_control(run_id, Control("stop"))


def give_up(store: Store, run_id: str) -> None:
    """Kill the process of a run that shows no sign of life, and end the run as interrupted.

    Raises:
        RunError: If it does show one, or its process is another machine's or another person's.
    """
    run = store.run(run_id)
    if not run.stale or run.pid is None:
        raise RunError(f"Run {run_id} is {run.outcome or run.status} and answers; stop it instead.")
    try:
        Process(run.pid, run.process or "").kill()
    except OSError as error:
        raise RunError(f"The process of run {run_id} cannot be ended: {error}.") from error
    store.end_for(run, "interrupted", GIVEN_UP)


def begins_again(store: Store, run: Run) -> bool:
    """Whether nothing was saved of what a run recorded: resumed, it throws that away."""
    return run.step > 0 and not store.checkpoints(run.id)


def requeue(
    store: Store,
    run_id: str,
    process: Process | None = None,
    config: AnyConfig | None = None,
    begin_again: bool = False,
) -> None:
    """Put an ended run back in the queue.

    Args:
        store: The run store.
        run_id: The run.
        process: A process that takes it at once; None to leave it in the queue.
        config: Its config with a larger budget, see `extended`; None to leave it as it is.
        begin_again: Whether to begin again, without what it recorded, where no checkpoint is left.

    Raises:
        RunError: If it goes on, has nothing left to do, or would begin again without leave.
    """
    store.end_orphans()
    run = store.run(run_id)
    if run.status != "ended":
        raise RunError(f"Run {run_id} cannot be resumed: it is {run.status}.")
    if run.foreign:
        raise RunError(run.foreign)
    if not run.resumable and config is None:
        longer = f"Extend on its page, or proxprop train --resume {run_id} --epochs N"
        hint = f" A larger budget continues it: {longer}" if run.extendable else ""
        raise RunError(f"Run {run_id} cannot be resumed: it is {run.outcome}.{hint}")
    if not begin_again and begins_again(store, run):
        raise RunError(
            f"Run {run_id} has no saved state: it can only begin again, and the {run.step} steps "
            f"it recorded are thrown away. To do so: proxprop runs resume {run_id} --begin-again"
        )
    if not store.requeue(run_id, process, config, begin_again):
        raise RunError(f"Run {run_id} cannot be resumed: another window was faster.")


def continued(run: Run, budget: Mapping[str, Any], devices: int | None) -> RunConfig:
    """Return the config of an ended run with another budget, over another number of processes.

    Args:
        run: The run.
        budget: As for `extended`; empty to leave it as it is.
        devices: How many processes; None for as many as before.

    Raises:
        ConfigError: If the budget cannot be had, or the run is none that processes share.
        RunError: If there is nothing left to do.
    """
    config = extended(run, budget) if budget else run.config
    if not isinstance(config, RunConfig):
        raise ConfigError([Problem("devices", f"run {run.id} is a {run.kind}: in one process")])
    if not budget and not run.resumable:
        raise RunError(f"Run {run.id} cannot be resumed: it is {run.outcome or run.status}.")
    return config if devices is None else config.replace(devices=devices)


def extended(run: Run, budget: Mapping[str, Any]) -> RunConfig:
    """Return the config of an ended run with another budget, which must not be spent yet.

    Args:
        run: The run.
        budget: "budget.epochs", "budget.seconds", "budget.steps" → value; the run's own limits go.

    Raises:
        ConfigError: If the run has no budget of its own, or has done as much already.
    """
    config = run.config
    if run.foreign:
        raise ConfigError([Problem("--resume", run.foreign)])
    if not isinstance(config, RunConfig):
        rule = (
            f"run {run.id} is a {run.kind}, whose budget cannot grow: no state is kept of what has "
            "ended in it; start another with a larger budget"
        )
        raise ConfigError([Problem("--resume", rule)])
    limits = dict.fromkeys(("epochs", "seconds", "steps"))
    given = {field.removeprefix("budget."): value for field, value in budget.items()}
    config = config.replace(budget={**limits, **given})
    began = run.started_info
    total = None if began is None else config.budget.step_limit(began.steps_per_epoch)
    if config.budget.share(run.step, run.seconds, total) == 1.0:
        done = f"{run.epoch:g} epochs, {run.step} steps and {run.seconds:.3g} seconds"
        rule = f"run {run.id} has done {done} already; give a larger one"
        raise ConfigError([Problem(next(iter(budget)), rule)])
    return config
