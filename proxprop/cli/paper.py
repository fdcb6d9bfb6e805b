"""`proxprop paper`: the paper's CIFAR-10 experiments, and what they say of its claims."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxprop.cli.words import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxprop.paper.plan import Part
    from proxprop.spec.config import DataConfig


def _option(help: str, *names: str) -> Any:
    return typer.Option(*names, help=help, show_default=False)


@in_words
def paper(
    experiment: Annotated[
        list[str] | None, _option("mlp, convnet, stability or batch (repeatable); all without.")
    ] = None,
    part: Annotated[
        list[str] | None, _option("main, controls or adam (repeatable); all without.")
    ] = None,
    scale: Annotated[str, _option("laptop (a tenth of the images) or full.")] = "laptop",
    epochs: Annotated[
        int | None, _option("Stop each race after so many epochs; more go on from there.")
    ] = None,
    seeds: Annotated[int, _option("How many seeds of each race, 1 to 10.")] = 1,
    data: Annotated[str | None, _option("Folder or archive of CIFAR-10 in class folders.")] = None,
    output: Annotated[Path | None, _option("Folder of the result files.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the parts and end.")] = False,
) -> None:
    """Carry out the experiments of the ProxProp paper on CIFAR-10, and weigh its claims.

    Every race and sweep is kept like any other and shows in the dashboard. Ctrl-C stops with a
    checkpoint; the same command goes on from there and skips what is done. Exit status: 0 when
    everything is done, 1 failed, 2 a setting was refused, 3 interrupted, 130 stopped by Ctrl-C.
    """
    import os

    from rich.console import Console

    from proxprop.cli.paper_result import print_claims, print_parts
    from proxprop.paper.estimate import weights_of
    from proxprop.paper.images import find_images
    from proxprop.paper.jobs import Task
    from proxprop.paper.recorded import results_folder
    from proxprop.runs.store import Store
    from proxprop.runs.threads import wait_politely

    images = find_images(data)
    parts = _chosen(experiment, part, scale, images.config, epochs, seeds)
    tasks = [Task.of(one, seeds, epochs) for one in parts]
    weights = [weights_of(task) for task in tasks]
    store, console = Store(), Console()
    if list_:
        print_parts(console, store, tasks, weights)
        return
    wait_politely(os.environ)  # before torch is loaded
    from proxprop.cli.paper_course import Course
    from proxprop.cli.paper_progress import Overall

    folder = output or results_folder()
    overall = Overall([weight for row in weights for weight in row])
    status = Course(store, images, folder, overall, Console(stderr=True)).carry_out(tasks)
    print_claims(console, folder, parts)
    if status:
        console.print("Not everything is done: the same command goes on.", style="yellow")
    raise typer.Exit(status)


def _chosen(
    experiments: Sequence[str] | None,
    names: Sequence[str] | None,
    scale: str,
    data: DataConfig,
    epochs: int | None,
    seeds: int,
) -> list[Part]:
    """Return the parts asked for.

    Raises:
        ConfigError: If there is no such scale, experiment or part.
    """
    from proxprop.paper.plan import plans
    from proxprop.paper.result import SCALES
    from proxprop.spec.config import ConfigError, Problem

    problems = []
    if scale not in SCALES:
        problems.append(Problem("--scale", f"must be one of {', '.join(SCALES)}, got {scale!r}"))
    if epochs is not None and epochs < 1:
        problems.append(Problem("--epochs", f"must be ≥ 1, got {epochs}"))
    if not 1 <= seeds <= 10:
        problems.append(Problem("--seeds", f"must be in 1…10, got {seeds}"))
    parts = plans(SCALES[0] if scale not in SCALES else scale, data)
    for option, given, known in (
        ("--experiment", experiments, [one.experiment for one in parts]),
        ("--part", names, [one.name for one in parts]),
    ):
        for name in given or ():
            if name not in known:
                rule = f"must be one of {', '.join(dict.fromkeys(known))}, got {name!r}"
                problems.append(Problem(option, rule))
    chosen = [
        one
        for one in parts
        if (not experiments or one.experiment in experiments) and (not names or one.name in names)
    ]
    if not chosen and not problems:
        problems.append(Problem("--part", "no experiment asked for has such a part; see --list"))
    if problems:
        raise ConfigError(problems)
    return chosen
