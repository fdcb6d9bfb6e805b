"""`proxprop runs`: list, show, export, resume and delete what was recorded."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from proxprop import paths
from proxprop.cli.errors import without_traceback
from proxprop.cli.options import AsJson
from proxprop.cli.reports import (
    Report,
    Result,
    everything,
    race_report,
    race_result,
    run_report,
    show,
    table,
)
from proxprop.cli.starting import carry_out
from proxprop.runs.errors import RunError
from proxprop.runs.record import Status
from proxprop.runs.store import Store
from proxprop.spec.config import ConfigError, Problem
from proxprop.spec.events import Outcome

app = typer.Typer(help="Look after recorded runs.", invoke_without_command=True)

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.")]


@app.callback()
def default(context: typer.Context) -> None:
    """List runs, unless a command follows."""
    if context.invoked_subcommand is None:
        list_runs()


@app.command("list")
@without_traceback
def list_runs(
    search: Annotated[str, typer.Option(help="Words to look for.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 30,
    deleted: Annotated[bool, typer.Option(help="Those in the bin.")] = False,
    data: Annotated[str, typer.Option(help="Those on this data set.")] = "",
    status: Annotated[str, typer.Option(help="Those that are so, e.g. running, failed.")] = "",
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    known = (*get_args(Status), *get_args(Outcome))
    if status and status not in known:
        rule = f"must be one of {', '.join(known)}, got {status!r}"
        raise ConfigError([Problem("--status", rule)])
    found = [
        run
        for run in map(everything, Store().runs(search=search, deleted=deleted))
        if (not data or data == _data_of(run)) and (not status or status in _states(run))
    ]
    show(found[:limit], _listing, as_json)


@app.command("show")
@without_traceback
def show_run(run: RunId, as_json: AsJson = False) -> None:
    """Show one run: how it ended, its numbers (of a race, every contender's), its config."""
    store = Store()
    stored = store.run(run)
    result = everything(stored)
    if stored.kind == "race":
        result = race_result(store, run, None, "train_loss", 0) | result
    show(result, _whole_report, as_json)


@app.command()
@without_traceback
def export(
    run: RunId,
    what: Annotated[
        Literal["config", "steps", "evaluations", "layers", "settings", "weights"],
        typer.Argument(help="config (JSON), a table of points (CSV) or weights (safetensors)."),
    ] = "config",
    out: Annotated[Path | None, typer.Option(help="File; default standard output.")] = None,
    member: Annotated[int, typer.Option(help="Contender of a race.")] = 0,
) -> None:
    """Export a run's config, points or final weights."""
    store = Store()
    stored = store.run(run)
    if what == "weights":
        file = paths.checkpoints(run, store.home) / "weights.safetensors"
        if not file.is_file():
            state = f"it is {stored.outcome or stored.status}"
            raise RunError(f"Run {run} has no final weights: {state}. {stored.words}".strip())
        content = file.read_bytes()
    elif what == "config":
        content = (json.dumps(json.loads(stored.config_json), indent=2) + "\n").encode()
    else:
        content = store.points(run, what, member).to_csv(index=False).encode()
    if out is None:
        typer.get_binary_stream("stdout").write(content)
    else:
        out.write_bytes(content)


@app.command()
@without_traceback
def resume(run: RunId, as_json: AsJson = False) -> None:
    """Continue a run from its last checkpoint, in this process."""
    carry_out(Store(), None, "", run, as_json)


@app.command()
@without_traceback
def delete(
    run: RunId,
    purge: Annotated[bool, typer.Option(help="For good, with checkpoints; no way back.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Put a run in the bin, from which it can be restored for a week."""
    store = Store()
    stored = store.run(run)
    title = f"{run} {stored.name}".strip()
    if purge:
        if not yes:
            typer.confirm(f"Delete run {title} for good?", abort=True)
        store.purge(run)
        typer.echo(f"Deleted {title} for good.")
    else:
        store.delete(run)
        typer.echo(f"Put {title} in the bin; bring it back with: proxprop runs restore {run}")


@app.command()
@without_traceback
def restore(run: RunId) -> None:
    """Take a run out of the bin."""
    Store().restore(run)
    typer.echo(f"Restored {run}.")


def _listing(runs: list[Result]) -> Report:
    if not runs:
        yield "No runs yet. Start one: proxprop train"
        return
    columns = (
        *("run", "name", "kind", "data", "status", "created", "step", "seconds"),
        *("loss", "validation", "accuracy", "words"),
    )
    yield table("", columns, map(_row, runs), right=False)


def _row(run: Result) -> tuple[str, ...]:
    created = time.strftime("%Y-%m-%d %H:%M", time.localtime(run["created"]))
    measured = (
        "–" if (value := run["summary"].get(name)) is None else format(value, form)
        for name, form in (
            ("train_loss", ".3g"),
            ("validation_loss", ".3g"),
            ("validation_accuracy", ".1%"),
        )
    )
    return (
        *(run["id"], run["name"], run["kind"], _data_of(run), _states(run)[-1], created),
        *(str(run["step"]), f"{run['seconds']:.3g}", *measured, run["words"]),
    )


def _data_of(run: Result) -> str:
    return str(run["config"].get("data", {}).get("name", ""))


def _states(run: Result) -> tuple[str, ...]:
    """Return what a run is: its status and, once it has ended, how."""
    return tuple(state for state in (run["status"], run["outcome"]) if state)


def _whole_report(run: Result) -> Report:
    report = race_report if "contenders" in run else run_report
    yield from report({**run, "words": run["words"] or run["status"]})
    yield json.dumps(run["config"], indent=2, ensure_ascii=False)
