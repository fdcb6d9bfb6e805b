"""Options that commands share, and the config that they, a file and dotted overrides describe."""

from __future__ import annotations

import functools
import inspect
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from proxprop.cluster.settings import ADDRESS, CORES, GPUS, ClusterSettings
from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import AnyConfig, ConfigError, Problem, RunConfig, load_config

option = functools.partial(typer.Option, show_default=False)

# ValueError: also a number of thousands of digits; RecursionError: thousands of brackets.
_NOT_JSON = (ValueError, RecursionError)

ConfigFile = Annotated[Path | None, option(help="Config as JSON; options override it.")]
Assignments = Annotated[
    list[str] | None, option("--set", help="Any field, e.g. --set batch_size=50 (repeatable).")
]
Name = Annotated[str, option(help="What to call it.")]
Resume = Annotated[str | None, option(help="Continue this one from its last checkpoint.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


class Setting(NamedTuple):
    """An option that sets a field of the config.

    Attributes:
        field: The field, dotted.
        type: What is typed.
        help: What `--help` says.
    """

    field: str
    type: type
    help: str


SETTINGS = {
    "data": Setting("data.name", str, "Data set, e.g. digits, spirals, fashion-mnist."),
    "data_path": Setting("data.path", str, "Image folder, .zip, .tar or table (data: folder)."),
    "samples": Setting("data.samples", int, "How many samples to use."),
    "model": Setting("model.name", str, "mlp, paper-mlp, paper-convnet or small-convnet."),
    "widths": Setting("model.widths", str, "Hidden widths, e.g. 128,64."),
    "activation": Setting("model.activation", str, "Activation, e.g. relu."),
    "batch_size": Setting("batch_size", int, "Samples per step."),
    "solver": Setting("direction.solver", str, "explicit, exact (implicit) or cg (implicit)."),
    "tau": Setting("direction.tau", float, "Proximal step τ > 0."),
    "cg_steps": Setting("direction.cg_steps", int, "CG iterations k ≥ 1."),
    "gram": Setting("direction.gram", str, "batch, running (an average), or auto (the cheaper)."),
    "decay": Setting("direction.decay", float, "What a refresh keeps of a running Gram, 0 to 1."),
    "refresh": Setting("direction.refresh", int, "Steps between refreshes of a running Gram."),
    "optimizer": Setting("optimizer.name", str, "Optimizer, e.g. nesterov, adam."),
    "lr": Setting("optimizer.lr", float, "Step size η > 0; default suits the optimizer."),
    "explicit_lr": Setting("optimizer.explicit_lr", float, "η of explicit layers; default η."),
    "momentum": Setting("optimizer.momentum", float, "Momentum, 0 ≤ m < 1."),
    "epochs": Setting("budget.epochs", float, "Budget in passes through the data."),
    "seconds": Setting("budget.seconds", float, "Budget in training seconds."),
    "steps": Setting("budget.steps", int, "Budget in optimizer steps."),
    "endless": Setting("budget.endless", bool, "No end: it goes on until it is stopped."),
    "pace": Setting("pace", float, "Speed limit in steps a second."),
    "seed": Setting("seed", int, "Seed of initial weights and batch order; of several, the first."),
    "seeds": Setting("seeds", int, "How many seeds, 1 to 10."),
    "search": Setting("search.trials", int, "Trials per contender to find step sizes first."),
    "search_epochs": Setting("search.epochs", float, "Length of a trial in epochs."),
    "device": Setting("device", str, "auto, cpu or cuda."),
    "devices": Setting("devices", int, "Processes that share every batch; the same step."),
    "precision": Setting("precision", str, "float32, float64 or bfloat16."),
    "log": Setting("log", str, "Log live to tensorboard, wandb or trackio, too."),
}


def takes_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each of these `SETTINGS`, in place of its parameter `options`.

    The command is handed those that were typed as one dict, dotted field → value.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        parameters: list[inspect.Parameter] = []
        for parameter in own.parameters.values():
            if parameter.name != "options":
                parameters.append(parameter)
                continue
            for name in names:
                _, kind, help = SETTINGS[name]
                hint = Annotated[kind | None, option(help=help)]  # type: ignore[valid-type]
                parameters.append(parameter.replace(name=name, default=None, annotation=hint))

        @functools.wraps(command)
        def wrapped(**typed: Any) -> None:
            values = {name: typed.pop(name) for name in names}
            command(
                options={
                    SETTINGS[name].field: _numbers(value) if name == "widths" else value
                    for name, value in values.items()
                    if value is not None
                },
                **typed,
            )

        wrapped.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        return wrapped

    return decorate


_CLUSTER = {
    "ray": (ADDRESS, str, "Ray cluster for the parts: HOST:PORT of its head, auto, or local."),
    "ray_cores": (CORES, int, "Cores of each part on it; default 1."),
    "ray_gpus": (GPUS, float, "GPUs of each part on it, e.g. 0.5; default 0."),
}


def takes_cluster(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a cluster; they are left in the environment, their other place.

    What carries out runs looks there, in this process and in those it starts.
    """
    own = inspect.signature(command, eval_str=True)
    parameters = [*own.parameters.values()]
    for name, (variable, kind, help) in _CLUSTER.items():
        hint = Annotated[kind | None, option(help=help, envvar=variable, show_envvar=False)]  # type: ignore[valid-type]
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(name, keyword, default=None, annotation=hint))

    @functools.wraps(command)
    def wrapped(**typed: Any) -> None:
        for name, (variable, _, _) in _CLUSTER.items():
            value = typed.pop(name)
            if value is not None:
                os.environ[variable] = str(value)
        ClusterSettings.chosen(os.environ)  # refused before anything is begun
        command(**typed)

    wrapped.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    return wrapped


def _numbers(text: str) -> list[int | str]:
    """Return "128,64" as numbers; what is none stays text, for the config to refuse by name."""
    parts = [part.strip() for part in text.replace("-", ",").split(",")]
    return [int(part) if part.isdecimal() and len(part) < 20 else part for part in parts]


def refuse_beside_resume(noun: str, resume: str | None, *choices: object) -> None:
    """Refuse choices that make a new run what it is beside the id of one to resume.

    Raises:
        BadParameter: If there are both.
    """
    if resume and any(choices):
        raise typer.BadParameter(
            f"a resumed {noun} keeps its settings; give --resume alone, or start a new {noun}."
        )


def choice_problems(name: str, choice: str, known: Iterable[str]) -> list[Problem]:
    """Return what is wrong with an option's value that is none of the known ones."""
    known = list(dict.fromkeys(known))
    rule = f"must be one of {', '.join(known)}, got {choice!r}"
    return [] if choice in known else [Problem(name, rule)]


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
    for name, value in given.items():
        _put(values, name, value)
    budget = values.get("budget")
    if {"budget.seconds", "budget.steps"} & given.keys() and isinstance(budget, dict):
        # "60 seconds" means that, not "or the default epochs".
        budget.setdefault("epochs", None)
    config = load_config(values)
    chosen = {"optimizer.name", "direction.solver"} & given.keys()
    if isinstance(config, RunConfig) and chosen and "lr" not in values.get("optimizer", {}):
        spec = OPTIMIZERS[config.optimizer.name]
        lr = spec.lr if config.direction.solver == "explicit" else spec.proximal_lr
        config = config.replace(**{"optimizer.lr": lr})  # η was not chosen: the one that suits
    return config


def _read(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([Problem("--config", f"{file}: {error.strerror}")]) from error
    except _NOT_JSON as error:
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
    except _NOT_JSON as error:
        raise ConfigError([Problem(name.strip(), f"cannot be read: {error}")]) from error


def _put(values: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, leaf = dotted.split(".")
    for parent in parents:
        if values.get(parent) is None:
            values[parent] = {}
        values = values[parent]
        if not isinstance(values, dict):
            raise ConfigError([Problem(dotted, f"{parent} has no fields")])
    values[leaf] = value
