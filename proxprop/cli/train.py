"""`proxprop train`: one run in this process, recorded in the same store as the dashboard's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from proxprop.cli.words import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_STOPPED, in_words

Text = str | None
Number = float | None
Count = int | None


def _option(help: str, *names: str) -> Any:
    return typer.Option(*names, help=help, show_default=False)


@in_words
def train(
    config: Annotated[Path | None, _option("Config as JSON; options override it.")] = None,
    set_: Annotated[
        list[str] | None, _option("Any field, e.g. --set direction.tau=0.1 (repeatable).", "--set")
    ] = None,
    data: Annotated[Text, _option("Data set, e.g. digits, spirals, fashion-mnist.")] = None,
    data_path: Annotated[Text, _option("Image folder, .zip or .tar (data: folder).")] = None,
    samples: Annotated[Count, _option("How many samples to use.")] = None,
    model: Annotated[Text, _option("mlp, paper-mlp, paper-convnet or small-convnet.")] = None,
    widths: Annotated[Text, _option("Hidden widths, e.g. 128,64.")] = None,
    activation: Annotated[Text, _option("Activation, e.g. relu.")] = None,
    batch_size: Annotated[Count, _option("Samples per step.")] = None,
    solver: Annotated[Text, _option("explicit, exact (implicit) or cg (implicit).")] = None,
    tau: Annotated[Number, _option("Proximal step τ > 0.")] = None,
    cg_steps: Annotated[Count, _option("CG iterations k ≥ 1.")] = None,
    optimizer: Annotated[Text, _option("Optimizer, e.g. nesterov, adam.")] = None,
    lr: Annotated[Number, _option("Step size η > 0; default suits the optimizer.")] = None,
    explicit_lr: Annotated[Number, _option("Step size of explicit layers; default η.")] = None,
    momentum: Annotated[Number, _option("Momentum, 0 ≤ m < 1.")] = None,
    epochs: Annotated[Number, _option("Budget in passes through the data.")] = None,
    seconds: Annotated[Number, _option("Budget in training seconds.")] = None,
    steps: Annotated[Count, _option("Budget in optimizer steps.")] = None,
    seed: Annotated[Count, _option("Seed of initial weights and batch order.")] = None,
    device: Annotated[Text, _option("auto, cpu or cuda.")] = None,
    precision: Annotated[Text, _option("float32, float64 or bfloat16.")] = None,
    name: Annotated[str, _option("What to call the run.")] = "",
    resume: Annotated[Text, _option("Continue this run from its last checkpoint.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a network, with proximal or plain steps; Ctrl-C stops with a checkpoint.

    Exit status: 0 when the run came to its end (a divergence is a result), 1 failed,
    2 a setting was refused, 3 interrupted, 130 stopped by Ctrl-C.
    """
    from proxprop.cli.execution import begin, carry_out, show_result
    from proxprop.cli.overrides import build
    from proxprop.runs.store import Store

    options = {
        "data.name": data or ("folder" if data_path else None),
        "data.path": data_path,
        "data.samples": samples,
        "model.name": model,
        "model.widths": _numbers(widths),
        "model.activation": activation,
        "batch_size": batch_size,
        "direction.solver": solver,
        "direction.tau": tau,
        "direction.cg_steps": cg_steps,
        "optimizer.name": optimizer,
        "optimizer.lr": lr,
        "optimizer.explicit_lr": explicit_lr,
        "optimizer.momentum": momentum,
        "budget.epochs": epochs,
        "budget.seconds": seconds,
        "budget.steps": steps,
        "seed": seed,
        "device": device,
        "precision": precision,
    }
    changed = [given for given, value in options.items() if value is not None]
    if resume and (config or set_ or changed):
        raise typer.BadParameter(
            "a resumed run keeps its settings; give --resume alone, or start a new run."
        )
    plan = None if resume else build(config, options, set_ or [])
    store = Store()
    run_id = begin(store, plan, name, resume)
    ended, stopped = carry_out(store, run_id, quiet=as_json)
    if as_json:
        typer.echo(json.dumps(show_result(store, run_id, table=False)))
    else:
        show_result(store, run_id, table=True)
    codes = {"failed": EXIT_FAILED, "interrupted": EXIT_INTERRUPTED}
    raise typer.Exit(EXIT_STOPPED if stopped else codes.get(ended.outcome, 0))


def _numbers(text: str | None) -> list[int | str] | None:
    """Return "128,64" as numbers; what is none stays text, for the config to refuse by name."""
    if text is None:
        return None
    parts = [part.strip() for part in text.replace("-", ",").split(",")]
    return [int(part) if part.isdecimal() else part for part in parts]
