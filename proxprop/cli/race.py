"""`proxprop race`: several contenders under equal conditions, and the table of how they did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from proxprop.cli.words import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_STOPPED, in_words

Number = float | None
Count = int | None


def _option(help: str, *names: str) -> Any:
    return typer.Option(*names, help=help, show_default=False)


@in_words
def race(
    config: Annotated[Path | None, _option("Race as JSON; options override it.")] = None,
    preset: Annotated[
        str | None, _option("default, paper, controls, torch, optimizers, tau or cg.")
    ] = None,
    set_: Annotated[
        list[str] | None, _option("Any field, e.g. --set batch_size=50 (repeatable).", "--set")
    ] = None,
    data: Annotated[str | None, _option("Data set, e.g. digits, fashion-mnist.")] = None,
    epochs: Annotated[Number, _option("Budget of each contender in epochs.")] = None,
    seconds: Annotated[Number, _option("Budget in seconds of its own clock.")] = None,
    steps: Annotated[Count, _option("Budget in optimizer steps.")] = None,
    seed: Annotated[Count, _option("First seed.")] = None,
    seeds: Annotated[Count, _option("How many seeds, 1 to 10.")] = None,
    search: Annotated[Count, _option("Trials per contender to find step sizes first.")] = None,
    search_epochs: Annotated[Number, _option("Length of a trial in epochs.")] = None,
    device: Annotated[str | None, _option("auto, cpu or cuda.")] = None,
    target: Annotated[Number, _option("Loss, or accuracy, whose time is told.")] = None,
    measure: Annotated[
        str, _option("What the target is of: train_loss, validation_loss, …_accuracy.")
    ] = "train_loss",
    baseline: Annotated[int, _option("Contender the ratios are to; 1 is the first.")] = 1,
    name: Annotated[str, _option("What to call the race.")] = "",
    resume: Annotated[str | None, _option("Continue this race from its checkpoint.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Race optimizers and directions from the same weights over the same batches.

    Without --config or --preset: plain Nesterov, implicit Nesterov and Adam on the digits. Ctrl-C
    stops with a checkpoint. Exit status: 0 when the race came to its end, 1 failed, 2 a setting
    was refused, 3 interrupted, 130 stopped by Ctrl-C.
    """
    from proxprop.cli.execution import begin, carry_out
    from proxprop.cli.race_result import RaceBar, check_choices, print_race, race_result
    from proxprop.runs.store import Store

    options = {
        "data.name": data,
        "budget.epochs": epochs,
        "budget.seconds": seconds,
        "budget.steps": steps,
        "seed": seed,
        "seeds": seeds,
        "search.trials": search,
        "search.epochs": search_epochs,
        "device": device,
    }
    given = config or preset or set_ or any(value is not None for value in options.values())
    if resume and given:
        raise typer.BadParameter(
            "a resumed race keeps its settings; give --resume alone, or start a new race."
        )
    plan = None if resume else _plan(config, preset, options, set_ or [])
    store = Store()
    check_choices(store, plan, resume, measure, baseline)
    run_id = begin(store, plan, name, resume)
    ended, stopped = carry_out(store, run_id, quiet=as_json, shown=RaceBar)
    result = race_result(store, run_id, target, measure, baseline - 1)
    if as_json:
        typer.echo(json.dumps(result))
    else:
        print_race(result)
    codes = {"failed": EXIT_FAILED, "interrupted": EXIT_INTERRUPTED}
    raise typer.Exit(EXIT_STOPPED if stopped else codes.get(ended.outcome, 0))


def _plan(
    file: Path | None, preset: str | None, options: dict[str, Any], settings: list[str]
) -> Any:
    """Return the race that a file or a preset, and the options after it, describe."""
    from proxprop.cli.overrides import build
    from proxprop.spec.config import ConfigError, Problem, RaceConfig
    from proxprop.spec.racing import RACE_PRESETS

    known = {known.name: known for known in RACE_PRESETS}
    if file and preset:
        raise ConfigError([Problem("--preset", "give a file or a preset, not both")])
    if preset is not None and preset not in known:
        raise ConfigError(
            [Problem("--preset", f"must be one of {', '.join(known)}, got {preset!r}")]
        )
    start = known[preset or RACE_PRESETS[0].name].config.model_dump(mode="json")
    if any(options[f"budget.{limit}"] is not None for limit in ("epochs", "seconds", "steps")):
        del start["budget"]  # "5 seconds" means that, not "or the preset's epochs"
    if start["search"] is None:
        del start["search"]
    plan = build(file, options, settings, start)
    if not isinstance(plan, RaceConfig):
        raise ConfigError([Problem("--config", f"must hold a race, not a {plan.kind}")])
    return plan
