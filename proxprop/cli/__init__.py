"""The command line. One file per command; each loads what it needs only when it is called."""

from __future__ import annotations

import typer

from proxprop.cli import paper, race, runs, serve, sweep, train

app = typer.Typer(
    name="proxprop",
    help="Implicit instead of explicit gradient steps: train, look after runs, open the dashboard.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("train")(train.train)
app.command("race")(race.race)
app.command("sweep")(sweep.sweep)
app.command("paper")(paper.paper)
app.command("serve")(serve.serve)
app.add_typer(runs.app, name="runs")

__all__ = ["app"]
