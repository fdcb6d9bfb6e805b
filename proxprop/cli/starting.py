"""`proxprop train`, `race` and `sweep`: begin or resume one, follow it, report what came of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, NoReturn, cast

import typer

from proxprop.cli import reports
from proxprop.cli.errors import exit_code, without_traceback
from proxprop.cli.following import begin, follow
from proxprop.cli.options import (
    AsJson,
    Assignments,
    ConfigFile,
    Name,
    Resume,
    build,
    choice_problems,
    option,
    refuse_beside_resume,
    takes_cluster,
    takes_settings,
)
from proxprop.data.errors import DataError
from proxprop.data.preview import check_fit
from proxprop.runs.results import find_sweep
from proxprop.runs.steering import continued
from proxprop.runs.store import Store
from proxprop.spec.config import AnyConfig, ConfigError, Problem, RaceConfig, SweepConfig
from proxprop.spec.curves import MEASURES, Measure
from proxprop.spec.racing import RACE_PRESETS
from proxprop.spec.sweeping import default_sweep, plane_sweep

_TASK = ("data", "samples", "widths", "activation", "batch_size")
_BUDGET = ("epochs", "seconds", "steps")
_GRAM = ("gram", "decay", "refresh")
_STEP = ("solver", "tau", "cg_steps", *_GRAM, "optimizer", "lr", "explicit_lr", "momentum")


@without_traceback
@takes_cluster
@takes_settings(
    *(*_TASK, "data_path", "model", *_STEP, *_BUDGET),
    *("endless", "pace", "seed", "device", "devices", "precision", "log"),
)
def train(
    config: ConfigFile = None,
    set_: Assignments = None,
    *,
    options: dict[str, Any],
    name: Name = "",
    resume: Resume = None,
    as_json: AsJson = False,
) -> None:
    """Train a network, with proximal or plain steps; Ctrl-C stops with a checkpoint.

    --resume with a larger budget, for example --epochs 40, continues a finished run, too, and with
    --devices in as many processes.
    Exit status: 0 when the run came to its end (a divergence is a result), 1 failed,
    2 a setting was refused, 3 interrupted, 130 stopped by Ctrl-C.
    """
    if "data.path" in options:
        options = {"data.name": "folder", **options}
    budget = {field: value for field, value in options.items() if field.startswith("budget.")}
    kept = {"devices", *budget}
    refuse_beside_resume("run", resume, config, set_, options.keys() - kept)
    store = Store()
    plan: AnyConfig | None = None
    if resume and options:
        plan = continued(store.run(resume), budget, options.get("devices"))
    elif not resume:
        plan = build(config, options, set_)
    carry_out(store, plan, name, resume, as_json, reports.run_result, reports.run_report)


@without_traceback
@takes_cluster
@takes_settings("data", *_BUDGET, "seed", "seeds", "search", "search_epochs", "device", "log")
def race(
    config: ConfigFile = None,
    preset: Annotated[
        str | None,
        option(help="default, seconds, behind, paper, controls, torch, optimizers, tau or cg."),
    ] = None,
    set_: Assignments = None,
    *,
    options: dict[str, Any],
    target: Annotated[float | None, option(help="Loss, or accuracy, whose time is told.")] = None,
    measure: Annotated[
        str, option(help="What the target is of: train_loss, validation_loss, …_accuracy.")
    ] = "train_loss",
    baseline: Annotated[int, option(help="Contender the ratios are to; 1 is the first.")] = 1,
    name: Name = "",
    resume: Resume = None,
    as_json: AsJson = False,
) -> None:
    """Race optimizers and directions from the same weights over the same batches.

    Without --config or --preset: plain Nesterov, implicit Nesterov and Adam on the digits. Ctrl-C
    stops with a checkpoint. Exit status: 0 when the race came to its end, 1 failed, 2 a setting
    was refused, 3 interrupted, 130 stopped by Ctrl-C.
    """
    refuse_beside_resume("race", resume, config, preset, set_, options)
    start = _race_start(preset, config, options)
    plan = None if resume else build(config, options, set_, start)
    store = Store()
    raced = store.run(resume or "").config if plan is None else plan
    if not isinstance(raced, RaceConfig):
        problem = Problem("--config", f"must hold a race, not a {raced.kind}")
        if resume:
            problem = Problem("--resume", f"run {resume} is a {raced.kind}, not a race")
        raise ConfigError([problem])
    # What the table cannot be made of is refused before an hour is spent on the race.
    problems = choice_problems("--measure", measure, MEASURES)
    if not 1 <= baseline <= len(raced.contenders):
        rule = f"must be in 1…{len(raced.contenders)}, got {baseline}"
        problems.append(Problem("--baseline", rule))
    if problems:
        raise ConfigError(problems)
    result = partial(
        reports.race_result, target=target, measure=cast(Measure, measure), baseline=baseline - 1
    )
    carry_out(store, plan, name, resume, as_json, result, reports.race_report)


@without_traceback
@takes_cluster
@takes_settings(*_TASK, "seed", "seeds", "device", "precision")
def sweep(
    config: ConfigFile = None,
    plane: Annotated[bool, typer.Option("--plane", help="Map τ × η of the exact step.")] = False,
    set_: Assignments = None,
    *,
    options: dict[str, Any],
    optimizer: Annotated[
        str | None, option(help="Optimizer of every method, e.g. sgd, nesterov.")
    ] = None,
    momentum: Annotated[float | None, option(help="Momentum of every method, 0 ≤ m < 1.")] = None,
    points: Annotated[int | None, option(help="Values of each step size.")] = None,
    steps: Annotated[int | None, option(help="Optimizer steps of every run.")] = None,
    name: Name = "",
    resume: Resume = None,
    again: Annotated[
        bool, typer.Option("--again", help="Compute even what is stored already.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train hundreds of short runs over methods and step sizes at once, and draw their losses.

    Without --config: explicit, exact and CG steps on the digits. A sweep of the same config that
    is stored is shown, not computed. Ctrl-C stops with a checkpoint. Exit status: 0 when the map
    is complete, 1 failed, 2 a setting was refused, 3 interrupted, 130 stopped by Ctrl-C.
    """
    if steps is not None:
        options = {**options, "steps": steps}
    chosen = any(value is not None for value in (optimizer, momentum, points))
    refuse_beside_resume("sweep", resume, config, plane, set_, options, chosen)
    plan = None
    if not resume:
        if config and plane:
            raise ConfigError([Problem("--plane", "give a file or --plane, not both")])
        start = (plane_sweep() if plane else default_sweep()).model_dump(mode="json")
        given = build(config, options, set_, start)
        if not isinstance(given, SweepConfig):
            raise ConfigError([Problem("--config", f"must hold a sweep, not a {given.kind}")])
        plan = _for_every_method(given, optimizer, momentum, points)
    store = Store()
    stored = None if again or plan is None else find_sweep(store, plan)
    if stored is not None:
        report = partial(reports.sweep_report, was_stored=True)
        reports.show(reports.sweep_result(store, stored.id), report, as_json)
        return
    carry_out(store, plan, name, resume, as_json, reports.sweep_result, reports.sweep_report)


def carry_out(
    store: Store,
    plan: AnyConfig | None,
    name: str,
    resume: str | None,
    as_json: bool,
    result: Callable[[Store, str], reports.Result] = reports.run_result,
    report: Callable[[reports.Result], reports.Report] = reports.run_report,
    begin_again: bool = False,
) -> NoReturn:
    """Begin or resume a run, follow it, show what came of it, and end with its exit status.

    Args:
        store: The run store.
        plan: What to carry out; None to resume a run as it is.
        name: What to call it.
        resume: Id of the run to resume.
        as_json: Whether the result is shown as JSON, and nothing on the way.
        result: Reads the result off the store.
        report: Makes something to read of it.
        begin_again: Whether a resumed run may begin again where no checkpoint is left.
    """
    if plan is not None:
        with suppress(DataError):  # the run itself fails by it, and is kept
            check_fit(plan)
    conclude(store, begin(store, plan, name, resume, begin_again), as_json, result, report)


def conclude(
    store: Store,
    run_id: str,
    as_json: bool,
    result: Callable[[Store, str], reports.Result] = reports.run_result,
    report: Callable[[reports.Result], reports.Report] = reports.run_report,
) -> NoReturn:
    """Follow a run that this process has taken, as `carry_out` does."""
    ended, stopped = follow(store, run_id, quiet=as_json)
    reports.show(result(store, run_id), report, as_json)
    raise typer.Exit(exit_code(ended.outcome, stopped))


def _race_start(preset: str | None, file: object, options: dict[str, Any]) -> dict[str, Any]:
    """Return the race that the options change."""
    configs = {known.name: known.config for known in RACE_PRESETS}
    if file and preset:
        raise ConfigError([Problem("--preset", "give a file or a preset, not both")])
    if preset is not None and (problems := choice_problems("--preset", preset, configs)):
        raise ConfigError(problems)
    start = configs[preset or RACE_PRESETS[0].name].model_dump(mode="json")
    if any(field.startswith("budget.") for field in options):
        del start["budget"]  # "5 seconds" means that, not "or the preset's epochs"
    return start


def _for_every_method(
    plan: SweepConfig, optimizer: str | None, momentum: float | None, points: int | None
) -> SweepConfig:
    """Return a sweep with these in all its methods; None leaves them as they are."""
    values = plan.model_dump(mode="json")
    for method in values["methods"]:
        for grid in (method["lr"], method["tau"]):
            if grid is not None and points is not None:
                grid["count"] = points
        for field, value in (("name", optimizer), ("momentum", momentum)):
            if value is not None:
                method["optimizer"][field] = value
    return SweepConfig.parse(values)
