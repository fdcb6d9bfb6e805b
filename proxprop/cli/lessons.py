"""`proxprop lessons`: the claims, and whether they hold on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from proxprop.cli.errors import EXIT_FAILED, without_traceback
from proxprop.cli.options import option, takes_cluster
from proxprop.cli.reports import Report, show, table
from proxprop.cluster import hire
from proxprop.cluster.asking import answers
from proxprop.cluster.settings import ClusterSettings
from proxprop.cluster.team import Part
from proxprop.lessons.lecture import Lesson
from proxprop.lessons.shelf import lessons as shipped
from proxprop.lessons.verdict import Verdict, known_verdict
from proxprop.runs.threads import wait_politely
from proxprop.spec.config import ConfigError, Problem


@without_traceback
@takes_cluster
def lessons(
    numbers: Annotated[
        list[int] | None, typer.Argument(help="Which lessons; all without.", metavar="[N]…")
    ] = None,
    check: Annotated[bool, option(help="Carry out their experiments.")] = False,
) -> None:
    """List the lessons with their claims, or check the claims on this machine.

    Exit status: 0, or 1 if a claim that was checked does not hold here.
    """
    known = list(shipped().items())
    for number in numbers or ():
        if not 1 <= number <= len(known):
            raise ConfigError([Problem("N", f"must be in 1…{len(known)}, got {number}")])
    chosen = [(n, *known[n - 1]) for n in numbers or range(1, len(known) + 1)]
    if not check:
        show(chosen, _listing, as_json=False)
        return
    failed = 0
    names = [name for _, name, _ in chosen]
    for (number, _, lesson), verdict in zip(chosen, _verdicts(names)):
        verdict.keep()
        failed += not verdict.holds
        show(verdict, partial(_verdict, number, lesson), as_json=False)
    if failed:
        raise typer.Exit(EXIT_FAILED)


def _verdicts(names: Sequence[str]) -> Iterator[Verdict]:
    """Carry out experiments, here one after another, on a cluster beside one another."""
    settings = ClusterSettings.chosen(os.environ)
    if settings is None:
        wait_politely(os.environ)
        # Late: it loads torch, whose threads wait as the line above says.
        from proxprop.lessons.checking import examine

        yield from map(examine, names)
        return
    parts = [Part(i, f"the lesson {name!r}", "lesson", name) for i, name in enumerate(names)]
    with closing(hire(settings)) as team:
        yield from answers(team, parts, partial(typer.echo, err=True))


def state_of(verdict: Verdict | None) -> str:
    """Return how a claim stands here."""
    if verdict is None:
        return "not run"
    return "holds" if verdict.holds else "does not hold on this machine"


def _listing(chosen: list[tuple[int, str, Lesson]]) -> Report:
    rows = [(str(n), lesson.claim, state_of(known_verdict(name))) for n, name, lesson in chosen]
    yield table("Lessons", ("", "claim", "here"), rows, right=False)
    yield "Check them with: proxprop lessons --check [N]…"


def _verdict(number: int, lesson: Lesson, verdict: Verdict) -> Report:
    yield Text(f"{number}  {lesson.claim}", style="bold")
    rows = [
        (measured.what, measured.words, measured.rule, "" if measured.holds else "no")
        for measured in verdict.numbers
    ]
    yield table("", ("measured", "value", "must be", ""), rows, right=False)
    if verdict.problem:
        yield Text(f"The experiment failed: {verdict.problem}", style="red")
    style = "green" if verdict.holds else "red"
    yield Text(f"{state_of(verdict)} ({verdict.seconds:.1f} s)\n", style=style)
