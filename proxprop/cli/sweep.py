"""`proxprop sweep`: the map of a network over methods and step sizes, drawn in the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxprop.cli.words import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_STOPPED, in_words

if TYPE_CHECKING:
    from proxprop.spec.config import SweepConfig

Text = str | None
Number = float | None
Count = int | None


def _option(help: str, *names: str) -> Any:
    return typer.Option(*names, help=help, show_default=False)


@in_words
def sweep(
    config: Annotated[Path | None, _option("Sweep as JSON; options override it.")] = None,
    plane: Annotated[bool, typer.Option("--plane", help="Map τ × η of the exact step.")] = False,
    set_: Annotated[
        list[str] | None, _option("Any field, e.g. --set batch_size=50 (repeatable).", "--set")
    ] = None,
    data: Annotated[Text, _option("Data set, e.g. digits, fashion-mnist.")] = None,
    samples: Annotated[Count, _option("How many samples to use.")] = None,
    widths: Annotated[Text, _option("Hidden widths, e.g. 128,64.")] = None,
    activation: Annotated[Text, _option("Activation, e.g. relu.")] = None,
    batch_size: Annotated[Count, _option("Samples per step.")] = None,
    optimizer: Annotated[Text, _option("Optimizer of every method, e.g. sgd, nesterov.")] = None,
    momentum: Annotated[Number, _option("Momentum of every method, 0 ≤ m < 1.")] = None,
    points: Annotated[Count, _option("Values of each step size.")] = None,
    steps: Annotated[Count, _option("Optimizer steps of every run.")] = None,
    seed: Annotated[Count, _option("First seed.")] = None,
    seeds: Annotated[Count, _option("How many seeds, 1 to 10.")] = None,
    device: Annotated[Text, _option("auto, cpu or cuda.")] = None,
    precision: Annotated[Text, _option("float32, float64 or bfloat16.")] = None,
    name: Annotated[str, _option("What to call the sweep.")] = "",
    resume: Annotated[Text, _option("Continue this sweep from its checkpoint.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Compute even what is stored already.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the map as JSON.")] = False,
) -> None:
    """Train hundreds of short runs over methods and step sizes at once, and draw their losses.

    Without --config: explicit, exact and CG steps on the digits. A sweep of the same config that
    is stored is shown, not computed. Ctrl-C stops with a checkpoint. Exit status: 0 when the map
    is complete, 1 failed, 2 a setting was refused, 3 interrupted, 130 stopped by Ctrl-C.
    """
    from proxprop.cli.execution import begin, carry_out
    from proxprop.cli.sweep_result import SweepBar, print_sweep, sweep_result
    from proxprop.runs.results import find_sweep
    from proxprop.runs.store import Store

    options = {
        "data.name": data,
        "data.samples": samples,
        "model.widths": _numbers(widths),
        "model.activation": activation,
        "batch_size": batch_size,
        "steps": steps,
        "seed": seed,
        "seeds": seeds,
        "device": device,
        "precision": precision,
    }
    methods = {"points": points, "optimizer": optimizer, "momentum": momentum}
    given = [value for value in (*options.values(), *methods.values()) if value is not None]
    if resume and (config or plane or set_ or given):
        raise typer.BadParameter(
            "a resumed sweep keeps its settings; give --resume alone, or start a new sweep."
        )
    plan = None if resume else _plan(config, plane, options, set_ or [], methods)
    store = Store()
    stored = None if plan is None or again else find_sweep(store, plan)
    code = 0
    if stored is not None:
        run_id = stored.id
    else:
        run_id = begin(store, plan, name, resume)
        ended, stopped = carry_out(store, run_id, quiet=as_json, shown=SweepBar)
        codes = {"failed": EXIT_FAILED, "interrupted": EXIT_INTERRUPTED}
        code = EXIT_STOPPED if stopped else codes.get(ended.outcome, 0)
    result = sweep_result(store, run_id)
    if as_json:
        typer.echo(json.dumps(result))
    else:
        print_sweep(result, was_stored=stored is not None)
    raise typer.Exit(code)


def _plan(
    file: Path | None,
    plane: bool,
    options: dict[str, Any],
    settings: list[str],
    methods: dict[str, Any],
) -> SweepConfig:
    """Return the sweep that a file or a preset, and the options after it, describe."""
    from proxprop.cli.overrides import build
    from proxprop.spec.config import ConfigError, Problem, SweepConfig
    from proxprop.spec.sweeping import default_sweep, plane_sweep

    if file and plane:
        raise ConfigError([Problem("--plane", "give a file or --plane, not both")])
    start = (plane_sweep() if plane else default_sweep()).model_dump(mode="json")
    plan = build(file, options, settings, start)
    if not isinstance(plan, SweepConfig):
        raise ConfigError([Problem("--config", f"must hold a sweep, not a {plan.kind}")])
    values = plan.model_dump(mode="json")
    for method in values["methods"]:
        for grid in (method["lr"], method["tau"]):
            if grid is not None and methods["points"] is not None:
                grid["count"] = methods["points"]
        if methods["optimizer"] is not None:
            method["optimizer"]["name"] = methods["optimizer"]
        if methods["momentum"] is not None:
            method["optimizer"]["momentum"] = methods["momentum"]
    return SweepConfig.parse(values)


def _numbers(text: str | None) -> list[int | str] | None:
    """Return "128,64" as numbers; what is none stays text, for the config to refuse by name."""
    if text is None:
        return None
    parts = [part.strip() for part in text.replace("-", ",").split(",")]
    return [int(part) if part.isdecimal() else part for part in parts]
