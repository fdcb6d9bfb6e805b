"""Options that commands share, and the config that they, a file and dotted overrides describe."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.models import OptionInfo

from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import AnyConfig, ConfigError, Problem, RunConfig, load_config

option = functools.partial(typer.Option, show_default=False)


class Sets(OptionInfo):
    """An option that sets a field of the config.

    Args:
        field: The field, dotted.
        help: What `--help` says.
        read: From what was typed to the field's value; None where it is the value.
    """

    def __init__(self, field: str, help: str, read: Callable[[Any], Any] | None = None) -> None:
        super().__init__(default=..., help=help, show_default=False)
        self.field = field
        self.read = read


def numbers(text: str) -> list[int | str]:
    """Return "128,64" as numbers; what is none stays text, for the config to refuse by name."""
    parts = [part.strip() for part in text.replace("-", ",").split(",")]
    return [int(part) if part.isdecimal() else part for part in parts]


ConfigFile = Annotated[Path | None, option(help="Config as JSON; options override it.")]
Assignments = Annotated[
    list[str] | None, option("--set", help="Any field, e.g. --set batch_size=50 (repeatable).")
]
Name = Annotated[str, option(help="What to call it.")]
Resume = Annotated[str | None, option(help="Continue this one from its last checkpoint.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

Data = Annotated[str | None, Sets("data.name", "Data set, e.g. digits, spirals, fashion-mnist.")]
Samples = Annotated[int | None, Sets("data.samples", "How many samples to use.")]
Widths = Annotated[str | None, Sets("model.widths", "Hidden widths, e.g. 128,64.", numbers)]
Activation = Annotated[str | None, Sets("model.activation", "Activation, e.g. relu.")]
BatchSize = Annotated[int | None, Sets("batch_size", "Samples per step.")]
Epochs = Annotated[float | None, Sets("budget.epochs", "Budget in passes through the data.")]
Seconds = Annotated[float | None, Sets("budget.seconds", "Budget in training seconds.")]
Steps = Annotated[int | None, Sets("budget.steps", "Budget in optimizer steps.")]
Seed = Annotated[int | None, Sets("seed", "Seed of weights and batch order; the first of several.")]
Seeds = Annotated[int | None, Sets("seeds", "How many seeds, 1 to 10.")]
Device = Annotated[str | None, Sets("device", "auto, cpu or cuda.")]
Precision = Annotated[str | None, Sets("precision", "float32, float64 or bfloat16.")]


def options_given(context: typer.Context) -> dict[str, Any]:
    """Return dotted field → value of the options (`Sets`) that a command was given."""
    given = {}
    for name, hint in get_type_hints(context.command.callback, include_extras=True).items():
        typed = context.params.get(name)
        for mark in get_args(hint):
            if isinstance(mark, Sets) and typed is not None:
                given[mark.field] = mark.read(typed) if mark.read else typed
    return given


def refuse_beside_resume(noun: str, resume: str | None, *choices: object) -> None:
    """Refuse choices that make a new run what it is beside the id of one to resume.

    Raises:
        BadParameter: If there are both.
    """
    if resume and any(choices):
        raise typer.BadParameter(
            f"a resumed {noun} keeps its settings; give --resume alone, or start a new {noun}."
        )


def build(
    file: Path | None,
    options: Mapping[str, Any],
    settings: Sequence[str] | None,
    start: Mapping[str, Any] | None = None,
) -> AnyConfig:
    """Return the config that a file and the options after it describe.

    Args:
        file: A config as JSON; None for `start`.
        options: Dotted field → value; None where an option was not given.
        settings: "field=value" texts; they come last.
        start: Nested fields to begin with; None for the defaults of a run.

    Raises:
        ConfigError: With every problem in words.
    """
    values: dict[str, Any] = _read(file) if file else {**(start or {})}
    given = {name: value for name, value in options.items() if value is not None}
    given |= dict(map(_assignment, settings or ()))
    limited = {"budget.seconds", "budget.steps"} & given.keys()
    if limited and "budget.epochs" not in given | _flat(values):
        given["budget.epochs"] = None  # "60 seconds" means that, not "or the default epochs"
    for name, value in given.items():
        _put(values, name, value)
    if values.get("kind", "run") == "run":
        _suit_step_size(values, given)
    return load_config(values)


def _read(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text())
    except OSError as error:
        raise ConfigError([Problem("--config", f"{file}: {error.strerror}")]) from error
    except ValueError as error:
        raise ConfigError([Problem("--config", f"{file} is not valid JSON: {error}")]) from error
    if not isinstance(values, dict):
        raise ConfigError([Problem("--config", f"{file} must hold an object with named fields")])
    return values


def _assignment(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ConfigError([Problem("--set", f"must look like direction.tau=0.1, got {text!r}")])
    try:
        return name.strip(), json.loads(value)
    except json.JSONDecodeError:
        return name.strip(), value


def _put(values: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, leaf = dotted.split(".")
    for parent in parents:
        if values.get(parent) is None:
            values[parent] = {}
        values = values[parent]
        if not isinstance(values, dict):
            raise ConfigError([Problem(dotted, f"{parent} has no fields")])
    values[leaf] = value


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: 0}
    return flat


def _suit_step_size(values: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Where optimizer or solver were chosen and η was not, take the η that suits them."""
    chosen = {"optimizer.name", "direction.solver"} & given.keys()
    if not chosen or "optimizer.lr" in _flat(values):
        return
    default = RunConfig()
    name = values.get("optimizer", {}).get("name", default.optimizer.name)
    solver = values.get("direction", {}).get("solver", default.direction.solver)
    if name in OPTIMIZERS:
        spec = OPTIMIZERS[name]
        _put(values, "optimizer.lr", spec.lr if solver == "explicit" else spec.proximal_lr)
