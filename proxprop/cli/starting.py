"""`proxprop train`, `race` and `sweep`: begin or resume one, follow it, report what came of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NoReturn, cast

import typer

from proxprop.cli.errors import exit_code, without_traceback
from proxprop.cli.following import begin, follow
from proxprop.cli.options import (
    Activation,
    AsJson,
    Assignments,
    BatchSize,
    ConfigFile,
    Data,
    Device,
    Epochs,
    Name,
    Precision,
    Resume,
    Samples,
    Seconds,
    Seed,
    Seeds,
    Sets,
    Steps,
    Widths,
    build,
    option,
    options_given,
    refuse_beside_resume,
)
from proxprop.cli.reports import (
    Report,
    Result,
    race_report,
    race_result,
    run_report,
    run_result,
    show,
    sweep_report,
    sweep_result,
)
from proxprop.runs.results import find_sweep
from proxprop.runs.store import Store
from proxprop.spec.config import AnyConfig, ConfigError, Problem, RaceConfig, SweepConfig
from proxprop.spec.curves import MEASURES, Measure
from proxprop.spec.racing import RACE_PRESETS
from proxprop.spec.sweeping import default_sweep, plane_sweep


@without_traceback
def train(
    context: typer.Context,
    config: ConfigFile = None,
    set_: Assignments = None,
    data: Data = None,
    data_path: Annotated[
        str | None, Sets("data.path", "Image folder, .zip or .tar (data: folder).")
    ] = None,
    samples: Samples = None,
    model: Annotated[
        str | None, Sets("model.name", "mlp, paper-mlp, paper-convnet or small-convnet.")
    ] = None,
    widths: Widths = None,
    activation: Activation = None,
    batch_size: BatchSize = None,
    solver: Annotated[
        str | None, Sets("direction.solver", "explicit, exact (implicit) or cg (implicit).")
    ] = None,
    tau: Annotated[float | None, Sets("direction.tau", "Proximal step τ > 0.")] = None,
    cg_steps: Annotated[int | None, Sets("direction.cg_steps", "CG iterations k ≥ 1.")] = None,
    optimizer: Annotated[
        str | None, Sets("optimizer.name", "Optimizer, e.g. nesterov, adam.")
    ] = None,
    lr: Annotated[
        float | None, Sets("optimizer.lr", "Step size η > 0; default suits the optimizer.")
    ] = None,
    explicit_lr: Annotated[
        float | None, Sets("optimizer.explicit_lr", "Step size of explicit layers; default η.")
    ] = None,
    momentum: Annotated[float | None, Sets("optimizer.momentum", "Momentum, 0 ≤ m < 1.")] = None,
    epochs: Epochs = None,
    seconds: Seconds = None,
    steps: Steps = None,
    seed: Seed = None,
    device: Device = None,
    precision: Precision = None,
    name: Name = "",
    resume: Resume = None,
    as_json: AsJson = False,
) -> None:
    """Train a network, with proximal or plain steps; Ctrl-C stops with a checkpoint.

    Exit status: 0 when the run came to its end (a divergence is a result), 1 failed,
    2 a setting was refused, 3 interrupted, 130 stopped by Ctrl-C.
    """
    options = options_given(context)
    if data_path is not None:
        options = {"data.name": "folder", **options}
    refuse_beside_resume("run", resume, config, set_, options)
    plan = None if resume else build(config, options, set_)
    carry_out(Store(), plan, name, resume, as_json, run_result, run_report)


@without_traceback
def race(
    context: typer.Context,
    config: ConfigFile = None,
    preset: Annotated[
        str | None, option(help="default, paper, controls, torch, optimizers, tau or cg.")
    ] = None,
    set_: Assignments = None,
    data: Data = None,
    epochs: Epochs = None,
    seconds: Seconds = None,
    steps: Steps = None,
    seed: Seed = None,
    seeds: Seeds = None,
    search: Annotated[
        int | None, Sets("search.trials", "Trials per contender to find step sizes first.")
    ] = None,
    search_epochs: Annotated[
        float | None, Sets("search.epochs", "Length of a trial in epochs.")
    ] = None,
    device: Device = None,
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
    options = options_given(context)
    refuse_beside_resume("race", resume, config, preset, set_, options)
    start = _race_start(preset, config, options)
    plan = None if resume else build(config, options, set_, start)
    store = Store()
    raced = store.run(resume or "").config if plan is None else plan
    if not isinstance(raced, RaceConfig):
        words = "--config", f"must hold a race, not a {raced.kind}"
        if resume:
            words = "--resume", f"run {resume} is a {raced.kind}, not a race"
        raise ConfigError([Problem(*words)])
    # What the table cannot be made of is refused before an hour is spent on the race.
    problems = []
    if measure not in MEASURES:
        rule = f"must be one of {', '.join(MEASURES)}, got {measure!r}"
        problems.append(Problem("--measure", rule))
    if not 1 <= baseline <= len(raced.contenders):
        rule = f"must be in 1…{len(raced.contenders)}, got {baseline}"
        problems.append(Problem("--baseline", rule))
    if problems:
        raise ConfigError(problems)
    result = partial(
        race_result, target=target, measure=cast(Measure, measure), baseline=baseline - 1
    )
    carry_out(store, plan, name, resume, as_json, result, race_report)


@without_traceback
def sweep(
    context: typer.Context,
    config: ConfigFile = None,
    plane: Annotated[bool, typer.Option("--plane", help="Map τ × η of the exact step.")] = False,
    set_: Assignments = None,
    data: Data = None,
    samples: Samples = None,
    widths: Widths = None,
    activation: Activation = None,
    batch_size: BatchSize = None,
    optimizer: Annotated[
        str | None, option(help="Optimizer of every method, e.g. sgd, nesterov.")
    ] = None,
    momentum: Annotated[float | None, option(help="Momentum of every method, 0 ≤ m < 1.")] = None,
    points: Annotated[int | None, option(help="Values of each step size.")] = None,
    steps: Annotated[int | None, Sets("steps", "Optimizer steps of every run.")] = None,
    seed: Seed = None,
    seeds: Seeds = None,
    device: Device = None,
    precision: Precision = None,
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
    options = options_given(context)
    refuse_beside_resume(
        "sweep",
        resume,
        config,
        plane,
        set_,
        options,
        optimizer,
        momentum is not None,
        points is not None,
    )
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
        report = partial(sweep_report, was_stored=True)
        show(sweep_result(store, stored.id), report, as_json)
        return
    carry_out(store, plan, name, resume, as_json, sweep_result, sweep_report)


def carry_out(
    store: Store,
    plan: AnyConfig | None,
    name: str,
    resume: str | None,
    as_json: bool,
    result: Callable[[Store, str], Result] = run_result,
    report: Callable[[Result], Report] = run_report,
) -> NoReturn:
    """Begin or resume a run, follow it, show what came of it, and end with its exit status.

    Args:
        store: The run store.
        plan: What to carry out; None to resume.
        name: What to call it.
        resume: Id of the run to resume.
        as_json: Whether the result is shown as JSON, and nothing on the way.
        result: Reads the result off the store.
        report: Makes something to read of it.
    """
    run_id = begin(store, plan, name, resume)
    ended, stopped = follow(store, run_id, quiet=as_json)
    show(result(store, run_id), report, as_json)
    raise typer.Exit(exit_code(ended.outcome, stopped))


def _race_start(preset: str | None, file: object, options: dict[str, Any]) -> dict[str, Any]:
    """Return the race that the options change."""
    configs = {known.name: known.config for known in RACE_PRESETS}
    if file and preset:
        raise ConfigError([Problem("--preset", "give a file or a preset, not both")])
    if preset is not None and preset not in configs:
        rule = f"must be one of {', '.join(configs)}, got {preset!r}"
        raise ConfigError([Problem("--preset", rule)])
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
