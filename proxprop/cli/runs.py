"""`proxprop runs`: list, show, export, resume and delete what was recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from proxprop.cli.words import in_words
from proxprop.spec.plain import without_nan

app = typer.Typer(help="Look after recorded runs.", invoke_without_command=True)

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def default(context: typer.Context) -> None:
    """List runs, unless a command follows."""
    if context.invoked_subcommand is None:
        list_runs()


@app.command("list")
@in_words
def list_runs(
    search: Annotated[str, typer.Option(help="Words to look for.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 30,
    deleted: Annotated[bool, typer.Option(help="Those in the bin.")] = False,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    from rich.console import Console
    from rich.table import Table

    from proxprop.runs.store import Store

    runs = Store().runs(search=search, deleted=deleted, limit=limit)
    if as_json:
        typer.echo(json.dumps([_plain(run) for run in runs]))
        return
    if not runs:
        typer.echo("No runs yet. Start one: proxprop train")
        return
    table = Table("run", "name", "kind", "status", "step", "seconds", "words")
    for run in runs:
        status = run.outcome or run.status
        table.add_row(
            run.id, run.name, run.kind, status, str(run.step), f"{run.seconds:.3g}", run.words
        )
    Console().print(table)


@app.command()
@in_words
def show(run: RunId, as_json: AsJson = False) -> None:
    """Show one run: how it ended, its numbers, its config."""
    from rich.console import Console

    from proxprop.cli.execution import print_run
    from proxprop.runs.store import Store

    found = Store().run(run)
    plain = _plain(found)
    if as_json:
        typer.echo(json.dumps(plain))
        return
    words = found.words or found.status
    print_run(Console(), {**plain, "words": words})
    typer.echo(json.dumps(plain["config"], indent=2, ensure_ascii=False))


@app.command()
@in_words
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
    from proxprop import paths
    from proxprop.runs.errors import RunError
    from proxprop.runs.store import Store

    store = Store()
    found = store.run(run)
    if what == "weights":
        file = paths.checkpoints(run, store.home) / "weights.safetensors"
        if not file.is_file():
            raise RunError(
                f"Run {run} has no final weights: it is {found.outcome or found.status}."
            )
        content = file.read_bytes()
    elif what == "config":
        content = (json.dumps(json.loads(found.config_json), indent=2) + "\n").encode()
    else:
        content = store.points(run, what, member).to_csv(index=False).encode()
    if out is None:
        typer.get_binary_stream("stdout").write(content)
    else:
        out.write_bytes(content)


@app.command()
def resume(run: RunId, as_json: AsJson = False) -> None:
    """Continue a run from its last checkpoint, in this process."""
    from proxprop.cli.train import train

    train(resume=run, as_json=as_json)


@app.command()
@in_words
def delete(
    run: RunId,
    purge: Annotated[bool, typer.Option(help="For good, with checkpoints; no way back.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Put a run in the bin, from which it can be restored for a week."""
    from proxprop.runs.store import Store

    store = Store()
    found = store.run(run)
    title = f"{run} {found.name}".strip()
    if purge:
        if not yes:
            typer.confirm(f"Delete run {title} for good?", abort=True)
        store.purge(run)
        typer.echo(f"Deleted {title} for good.")
    else:
        store.delete(run)
        typer.echo(f"Put {title} in the bin; bring it back with: proxprop runs restore {run}")


@app.command()
@in_words
def restore(run: RunId) -> None:
    """Take a run out of the bin."""
    from proxprop.runs.store import Store

    Store().restore(run)
    typer.echo(f"Restored {run}.")


def _plain(run: Any) -> dict[str, Any]:
    names = (
        *("id", "kind", "name", "status", "outcome", "words", "step", "epoch", "seconds"),
        *("progress", "summary", "tags", "notes", "created", "started", "ended"),
    )
    values = {name: getattr(run, name) for name in names}
    values["config"] = json.loads(run.config_json)
    plain: dict[str, Any] = without_nan(values)
    return plain
