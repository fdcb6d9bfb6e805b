"""The command line: options, one way to follow a run in the terminal, and the reports at its end.

What a run is, how it is carried out and kept stands in `proxprop.spec`, `engine` and `runs`; here
is only what a person types and reads. Nothing here loads torch before a command trains.
"""

from __future__ import annotations

import io
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from proxprop import __version__
from proxprop.cli import backups, lessons, paper, runs, serve, starting


class _Entry(TyperGroup):
    """Prints into any encoding: a "?" stands for what it lacks."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Carry out a command line."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        return super().main(*args, **kwargs)


app = typer.Typer(
    name="proxprop",
    cls=_Entry,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"proxprop {__version__}")
        raise typer.Exit()


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Implicit instead of explicit gradient steps: train, look after runs, open the dashboard."""


for command in (
    *(starting.train, starting.race, starting.sweep),
    *(paper.paper, lessons.lessons, serve.serve),
    *(backups.backup, backups.restore),
):
    app.command()(command)
app.add_typer(runs.app, name="runs")

__all__ = ["app"]
