"""The paper's experiments in the terminal: the list of parts, and the table claim by claim."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from proxprop.cli.paper_progress import duration
from proxprop.paper.claims import CLAIMS, Assessment, assess
from proxprop.paper.jobs import Task, find, is_done
from proxprop.paper.plan import Part
from proxprop.paper.recorded import read_folder
from proxprop.runs.store import Store

_STYLES = {
    "confirmed": "green",
    "partly": "yellow",
    "not confirmed": "red",
    "not measured": "dim",
}


def print_parts(
    console: Console, store: Store, tasks: Sequence[Task], weights: Sequence[Sequence[float]]
) -> None:
    """Print what would be carried out, how long it takes on two cores, and what is done."""
    grid = Table(title="The paper's experiments", title_justify="left")
    for heading in ("part", "what", "contenders", "epochs", "two CPU cores", "done"):
        grid.add_column(heading)
    for task, row in zip(tasks, weights):
        jobs = [(job, find(store, job)) for job in task.jobs]
        done = sum(is_done(store, job, run, task.epochs) for job, run in jobs)
        part = task.part
        names = sum(len(one.keys) for one in part.fields)
        methods = 0 if part.sweep is None else len(part.sweep.methods)
        grid.add_row(
            part.place,
            part.title,
            str(names or methods),
            str(task.epochs) if task.epochs else "–",
            duration(sum(row)),
            f"{done} of {len(jobs)}",
        )
    console.print(grid)
    total = sum(map(sum, weights))
    console.print(f"About {duration(total)} in all, and half a minute to decode the images once.")


def print_claims(console: Console, folder: Path, parts: Sequence[Part]) -> None:
    """Print what the results in `folder` say of the claims that `parts` can decide."""
    found = read_folder(folder)
    for words in found.problems:
        console.print(words, style="yellow")
    places = {f"{one.experiment}-{one.name}" for one in parts}
    asked = {claim.key for claim in CLAIMS if claim.place in places}
    grid = Table(title="Claim by claim", title_justify="left", show_lines=True)
    for heading in ("claim", "", "measured"):
        grid.add_column(heading, ratio=None if not heading else 1)
    for one in assess(found.results, parts[0].scale):
        if one.key in asked:
            grid.add_row(*_row(one))
    console.print(grid)
    console.print(f"Results are in {folder}.", highlight=False)


def _row(one: Assessment) -> tuple[str, str, str]:
    style = _STYLES[one.verdict]
    basis = f"\n[dim]{one.basis}[/]" if one.basis else ""
    return (
        f"{one.statement}\n[dim]{one.source}[/]",
        f"[{style}]{one.verdict}[/]",
        f"{one.measured}{basis}",
    )
