"""`proxprop runs`: list, show, export, resume and delete what was recorded."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from proxprop import paths
from proxprop.cli.errors import without_traceback
from proxprop.cli.options import AsJson, choice_problems, takes_settings
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
from proxprop.cli.starting import carry_out, conclude
from proxprop.runs.errors import RunError
from proxprop.runs.process import Process
from proxprop.runs.record import Status
from proxprop.runs.replay import back as go_back
from proxprop.runs.steering import continued, give_up, stop
from proxprop.runs.store import Store
from proxprop.spec.config import ConfigError
from proxprop.spec.events import Outcome

_OBEYS = 10.0  # seconds a run has to stop

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
    if status and (problems := choice_problems("--status", status, known)):
        raise ConfigError(problems)
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
    stored = store.run(run).as_it_stands
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
def resume(
    run: RunId,
    begin_again: Annotated[
        bool, typer.Option("--begin-again", help="Without what it recorded, if nothing was saved.")
    ] = False,
    devices: Annotated[
        int | None, typer.Option(help="Processes that share it from now on.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Continue a run from its last checkpoint, in this process."""
    store = Store()
    plan = None if devices is None else continued(store.run(run), {}, devices)
    carry_out(store, plan, "", run, as_json, begin_again=begin_again)


@app.command()
@without_traceback
@takes_settings("lr", "explicit_lr", "tau", "cg_steps", "solver", "pace")
def back(
    run: RunId,
    step: Annotated[
        int | None, typer.Option(help="A step it was saved at; default the last good one.")
    ] = None,
    *,
    options: dict[str, Any],
    as_json: AsJson = False,
) -> None:
    """Go back to a saved step of a run that diverged, say: a new run goes on from there.

    It goes on at the settings that led to that step, apart from those given here.
    """
    store = Store()
    store.end_orphans()
    conclude(store, go_back(store, run, step, options, process=Process.current()), as_json)


@app.command()
@without_traceback
def delete(
    run: RunId,
    purge: Annotated[bool, typer.Option(help="For good, with checkpoints; no way back.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Put a run in the bin, stopped if it goes on; for a week it can be restored."""
    store = Store()
    stored = store.run(run)
    title = f"{run} {stored.name}".strip()
    if purge and not yes:
        typer.confirm(f"Delete run {title} for good?", abort=True)
    _end(store, run)
    if purge:
        store.purge(run)
        typer.echo(f"Deleted {title} for good.")
    else:
        store.delete(run)
        typer.echo(f"Put {title} in the bin; bring it back with: proxprop runs restore {run}")


def _end(store: Store, run_id: str) -> None:
    """Stop a run that waits or goes on, and end one that does not obey."""
    store.end_orphans()
    if store.run(run_id).status == "ended":
        return
    stop(store, run_id)
    deadline = time.monotonic() + _OBEYS
    while (run := store.run(run_id)).status != "ended":
        if time.monotonic() > deadline:
            if not run.stale:
                raise RunError(
                    f"Run {run_id} was told to stop and is at a long step; try again once it has."
                )
            give_up(store, run_id)
        time.sleep(0.1)


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
    if run["foreign"]:
        yield run["foreign"]
    report = race_report if "contenders" in run else run_report
    yield from report({**run, "words": run["words"] or run["status"]})
    yield json.dumps(run["config"], indent=2, ensure_ascii=False)
