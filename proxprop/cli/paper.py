"""`proxprop paper`: the paper's CIFAR-10 experiments, and what they say of its claims."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from proxprop.cli.errors import without_traceback
from proxprop.cli.options import choice_problems, option, takes_cluster
from proxprop.cli.reports import Report, duration, show, table
from proxprop.cluster import hire
from proxprop.cluster.asking import answers
from proxprop.cluster.settings import ClusterSettings
from proxprop.cluster.team import Part as ClusterPart
from proxprop.paper.claims import assess
from proxprop.paper.images import find_images
from proxprop.paper.jobs import Task, find, is_done
from proxprop.paper.plan import Part, plans
from proxprop.paper.result import SCALES, Provenance, read_folder, results_folder
from proxprop.runs.store import Store
from proxprop.runs.threads import wait_politely
from proxprop.spec.config import ConfigError, DataConfig, Problem

_STYLES = {
    "confirmed": "green",
    "partly": "yellow",
    "not confirmed": "red",
    "not measured": "dim",
}


@without_traceback
@takes_cluster
def paper(
    experiment: Annotated[
        list[str] | None, option(help="mlp, convnet, stability or batch (repeatable); all without.")
    ] = None,
    part: Annotated[
        list[str] | None, option(help="main, controls, adam or rivals (repeatable); all without.")
    ] = None,
    scale: Annotated[str, option(help="laptop (a tenth of the images) or full.")] = "laptop",
    epochs: Annotated[
        int | None, option(help="Stop each race after so many epochs; more go on from there.")
    ] = None,
    seeds: Annotated[int, option(help="How many seeds of each race, 1 to 10.")] = 1,
    data: Annotated[
        str | None, option(help="Folder or archive of CIFAR-10 in class folders.")
    ] = None,
    output: Annotated[Path | None, option(help="Folder of the result files.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the parts and end.")] = False,
) -> None:
    """Carry out the experiments of the ProxProp paper on CIFAR-10, and weigh its claims.

    Every race and sweep is kept like any other and shows in the dashboard. Ctrl-C stops with a
    checkpoint; the same command goes on from there and skips what is done. On a cluster as many
    races go on at once as there is room for. Exit status: 0 when everything is done, 1 failed,
    2 a setting was refused, 3 interrupted, 130 stopped by Ctrl-C.
    """
    images = find_images(data)
    parts = _chosen(experiment, part, scale, images.config, epochs, seeds)
    tasks = [Task.of(part, seeds, epochs) for part in parts]
    store, folder = Store(), output or results_folder()
    if list_:
        show(tasks, lambda tasks: _listing(store, tasks), as_json=False)
        return
    wait_politely(os.environ)
    # Late: it loads torch, whose threads wait as the line above says.
    from proxprop.cli.paper_runs import PaperRuns
    from proxprop.paper.measuring import machine_load, provenance  # likewise

    measure, load, beside = partial(provenance, "auto"), machine_load, 1
    if (settings := ClusterSettings.chosen(os.environ)) is not None:
        measure, load, beside = partial(_machine, settings), _unknown, _room(settings)
    console = Console(stderr=True)
    status = PaperRuns(store, images, folder, tasks, console, measure, load, beside).carry_out()
    show(status, lambda status: _claims(folder, parts, status), as_json=False)
    raise typer.Exit(status)


def _unknown() -> None:
    """Return how busy the machines of a cluster are."""


def _room(settings: ClusterSettings) -> int:
    """Return how many jobs a cluster carries at once."""
    with closing(hire(settings)) as team:
        return team.free


def _machine(settings: ClusterSettings) -> Provenance:
    """Return what one of a cluster's workers measures with, as if all were alike."""
    part = ClusterPart(0, "what it computes with", "machine", settings.device)
    with closing(hire(settings)) as team:
        (found,) = answers(team, [part], lambda message: None)
    assert isinstance(found, Provenance)
    return found


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
    problems = choice_problems("--scale", scale, SCALES)
    if epochs is not None and epochs < 1:
        problems.append(Problem("--epochs", f"must be ≥ 1, got {epochs}"))
    if not 1 <= seeds <= 10:
        problems.append(Problem("--seeds", f"must be in 1…10, got {seeds}"))
    parts = plans(SCALES[0] if scale not in SCALES else scale, data)
    for name, given, known in (
        ("--experiment", experiments, [part.experiment for part in parts]),
        ("--part", names, [part.name for part in parts]),
    ):
        for choice in given or ():
            problems += choice_problems(name, choice, known)
    chosen = [
        part
        for part in parts
        if (not experiments or part.experiment in experiments) and (not names or part.name in names)
    ]
    if not chosen and not problems:
        problems.append(Problem("--part", "no experiment asked for has such a part; see --list"))
    if problems:
        raise ConfigError(problems)
    return chosen


def _listing(store: Store, tasks: Sequence[Task]) -> Report:
    """Return what would be carried out, how long it takes on two cores, and what is done."""
    columns = ("part", "what", "contenders", "epochs", "two CPU cores", "done")
    seconds = [sum(job.seconds(task.epochs) for job in task.jobs) for task in tasks]
    rows = []
    for task, weight in zip(tasks, seconds):
        done = sum(is_done(store, job, find(store, job), task.epochs) for job in task.jobs)
        part = task.part
        contenders = sum(len(field.keys) for field in part.fields)
        methods = 0 if part.sweep is None else len(part.sweep.methods)
        epochs = str(task.epochs) if task.epochs else "–"
        of_all = f"{done} of {len(task.jobs)}"
        names = (part.place, part.title, str(contenders or methods), epochs)
        rows.append((*names, duration(weight), of_all))
    yield table("The paper's experiments", columns, rows, right=False)
    total = duration(sum(seconds))
    yield f"About {total} in all, and half a minute to decode the images once."


def _claims(folder: Path, parts: Sequence[Part], status: int) -> Report:
    """Return what the results in `folder` say of the claims that `parts` can decide."""
    recorded = read_folder(folder)
    for problem in recorded.problems:
        yield Text(problem, style="yellow")
    places = {f"{part.experiment}-{part.name}" for part in parts}
    grid = Table(title="Claim by claim", title_justify="left", show_lines=True)
    for heading in ("claim", "", "measured"):
        grid.add_column(heading, ratio=1 if heading else None)
    for assessed in assess(recorded.results, parts[0].scale):
        if assessed.claim.place in places:
            basis = f"\n[dim]{assessed.basis}[/]" if assessed.basis else ""
            grid.add_row(
                f"{assessed.claim.statement}\n[dim]{assessed.claim.source}[/]",
                f"[{_STYLES[assessed.verdict]}]{assessed.verdict}[/]",
                f"{assessed.measured}{basis}",
            )
    yield grid
    yield f"Results are in {folder}."
    if status:
        yield Text("Not everything is done: the same command goes on.", style="yellow")
