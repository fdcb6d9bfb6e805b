"""`proxprop runs`: list, show, export, resume and delete what was recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from proxprop import paths
from proxprop.cli.errors import without_traceback
from proxprop.cli.options import AsJson
from proxprop.cli.reports import Report, Result, everything, run_report, show, table
from proxprop.cli.starting import carry_out
from proxprop.runs.errors import RunError
from proxprop.runs.store import Store

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
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    runs = Store().runs(search=search, deleted=deleted, limit=limit)
    show([everything(run) for run in runs], _listing, as_json)


@app.command("show")
@without_traceback
def show_run(run: RunId, as_json: AsJson = False) -> None:
    """Show one run: how it ended, its numbers, its config."""
    show(everything(Store().run(run)), _whole_report, as_json)


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
    columns = ("run", "name", "kind", "status", "step", "seconds", "words")
    rows = [
        (
            *(run["id"], run["name"], run["kind"], run["outcome"] or run["status"]),
            *(str(run["step"]), f"{run['seconds']:.3g}", run["words"]),
        )
        for run in runs
    ]
    yield table("", columns, rows, right=False)


def _whole_report(run: Result) -> Report:
    yield from run_report({**run, "words": run["words"] or run["status"]})
    yield json.dumps(run["config"], indent=2, ensure_ascii=False)
