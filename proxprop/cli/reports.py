"""What a run, a race or a sweep has come to: as plain data for JSON, and as tables to read."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from proxprop.runs.record import Run
from proxprop.runs.results import race_table, raced, sweep_map
from proxprop.runs.store import Store
from proxprop.spec.config import RaceConfig
from proxprop.spec.curves import Measure
from proxprop.spec.plain import without_nan
from proxprop.spec.racing import race_labels
from proxprop.spec.racing.search import doubts
from proxprop.spec.sweeping import MethodPayload, predicted_step

Result = dict[str, Any]
Report = Iterable[RenderableType]

_ENDED = ("id", "outcome", "words")
_DONE = ("step", "epoch", "seconds")
_ABOUT = (
    "kind",
    "foreign",
    "name",
    "status",
    "progress",
    "tags",
    "notes",
    "created",
    "started",
    "ended",
)

_PAGE = 160  # characters in a line of a file

_BLOCKS = "▁▂▃▄▅▆▇█"
_DIVERGED, _COLLAPSED, _PENDING = "×", "–", "·"


def show(result: Any, report: Callable[[Any], Report], as_json: bool) -> None:
    """Print a result: as JSON, in which null stands for a number that is none, or as its report."""
    if as_json:
        typer.echo(json.dumps(result))
        return
    console = Console()
    if not console.is_terminal and not os.environ.get("COLUMNS"):
        console.width = _PAGE  # nothing has to be broken where no window ends
    for part in report(result):
        if isinstance(part, str):
            typer.echo(part)  # as it is, however long its lines
        else:
            console.print(part)


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[RenderableType]], right: bool = True
) -> Table:
    """Return a table; `right` aligns all columns but the first to the right."""
    grid = Table(title=Text(title, style="table.title") if title else None, title_justify="left")
    for index, column in enumerate(columns):
        grid.add_column(Text(column), justify="right" if right and index else "left")
    for row in rows:
        # Text: brackets in a name or a unit are no markup.
        grid.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return grid


def duration(seconds: float) -> str:
    """Return seconds in words: "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


# -- runs ------------------------------------------------------------------------------------


def run_result(store: Store, run_id: str) -> Result:
    """Return how a run ended."""
    run = store.run(run_id)
    cause = {"cause": words} if (words := store.divergence(run)) else {}
    return {**_taken(run, *_ENDED, *_DONE, "summary"), **cause}


def everything(run: Run) -> Result:
    """Return all that is known of a run, a race or a sweep."""
    run = run.as_it_stands
    return {
        **_taken(run, *_ENDED, *_DONE, "summary", *_ABOUT),
        "config": json.loads(run.config_json),
    }


def run_report(result: Result) -> Report:
    """Return the numbers of a run as a table."""
    rows = [(name, f"{result[name]:.6g}") for name in _DONE]
    rows += [
        (name.replace("_", " "), "not finite" if value is None else f"{value:.4g}")
        for name, value in result["summary"].items()
    ]
    yield f"Run {result['id']}: {result['words']}"  # a reason of any length
    if cause := result.get("cause"):
        yield cause
    yield table("", ("measure", "value"), rows)


# -- races -----------------------------------------------------------------------------------


def race_result(
    store: Store, run_id: str, target: float | None, measure: Measure, baseline: int
) -> Result:
    """Return how a race ended, and its table."""
    run = store.run(run_id)
    config = run.config
    assert isinstance(config, RaceConfig)
    _, search = raced(store, run)
    rows = race_table(store, run_id, target=target, measure=measure, baseline=baseline)
    return {
        **_taken(run, *_ENDED),
        "target": target,
        "measure": measure,
        "baseline": race_labels(config)[baseline],
        "contenders": without_nan([asdict(row) for row in rows]),
        "doubts": [
            f"{row.label}: {sentence}"
            for row in rows
            if search is not None
            for sentence in doubts(search, config, row.contender, row.outcomes)
        ],
    }


def race_report(result: Result) -> Report:
    """Return the result of a race: one table, and a second one where there is a target."""
    contenders = result["contenders"]
    yield f"Race {result['id']}: {result['words']}"
    yield table(
        "",
        ("contender", "training loss", "best", "validation accuracy", "step [ms]", "÷ baseline"),
        [
            (
                _named(row),
                _stat(row["final"]["train_loss"]),
                _stat(row["best"]["train_loss"]),
                _stat(row["final"]["validation_accuracy"], percent=True),
                _stat(row["step_seconds"], scale=1e3),
                _ratio(row["ratios"]["step_seconds"]),
            )
            for row in contenders
        ],
    )
    for doubt in result["doubts"]:
        yield Text(f"Warning: {doubt}.", style="yellow")
    if len(contenders) > 1:
        yield Text(f"Baseline: {result['baseline']}. Below 1× is faster.", style="dim")
    if result["target"] is None:
        return
    measure = result["measure"].replace("train", "training").replace("_", " ")
    yield table(
        f"To {measure} {result['target']:g}",
        ("contender", "epochs", "÷ baseline", "training time [s]", "÷ baseline"),
        [
            (
                _named(row),
                _stat(row["epochs_to_target"], missing="not reached") + _few(row),
                _ratio(row["ratios"]["epochs_to_target"]),
                _stat(row["seconds_to_target"]),
                _ratio(row["ratios"]["seconds_to_target"]),
            )
            for row in contenders
        ],
    )


def _named(row: Result) -> str:
    seeds, diverged = len(row["members"]), row["diverged"]
    if not diverged:
        return str(row["label"])
    return f"{row['label']} (diverged{f' {diverged} of {seeds}' if seeds > 1 else ''})"


def _few(row: Result) -> str:
    seeds = len(row["members"])
    return f" ({row['reached']} of {seeds})" if 0 < row["reached"] < seeds else ""


def _stat(stat: Result, scale: float = 1.0, percent: bool = False, missing: str = "–") -> str:
    if stat["mean"] is None:
        return missing

    def number(value: float, digits: int) -> str:
        return f"{value:.1%}" if percent else f"{value * scale:.{digits}g}"

    spread = "" if stat["std"] is None else f" ± {number(stat['std'], 2)}"
    return number(stat["mean"], 3) + spread


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}×"


# -- sweeps ----------------------------------------------------------------------------------


def sweep_result(store: Store, run_id: str) -> Result:
    """Return how a sweep ended, and its map."""
    return {**_taken(store.run(run_id), *_ENDED, "seconds"), "map": sweep_map(store, run_id)}


def sweep_report(result: Result, was_stored: bool = False) -> Report:
    """Draw a map in characters: a row per method (a plane: a row per η), a column per step size."""
    stored = " (stored; --again computes it anew)" if was_stored else ""
    yield f"Sweep {result['id']}: {result['words']}{stored}"
    payload = result["map"]
    if payload is None:
        return
    top = max([payload["constant_loss"], *(x for x in payload["initial_losses"] if x is not None)])
    for method in payload["methods"]:
        yield _method_grid(method, top)
    yield Text(
        f"{_BLOCKS[0]} small … {_BLOCKS[-1]} {top:.3g} or more: training loss after "
        f"{payload['steps']} steps, mean over seeds; {_COLLAPSED} collapsed, "
        f"{_DIVERGED} some seed diverged, {_PENDING} not done",
        style="dim",
    )


def _method_grid(method: MethodPayload, top: float) -> Table:
    rows, columns = method["shape"]
    symbols = "".join(
        _symbol(outcomes, losses, top)
        for outcomes, losses in zip(method["outcomes"], method["losses"])
    )
    grid = Table(
        title=Text(method["label"], style="table.title"),
        title_justify="left",
        box=None,
        show_header=False,
    )
    grid.add_column(justify="right")
    if rows > 1 and columns > 1:
        grid.add_column(no_wrap=True)
        for row in reversed(range(rows)):
            start = row * columns
            grid.add_row(f"η {method['lr'][start]:.3g}", Text(symbols[start : start + columns]))
        grid.add_row("τ", f"{method['tau'][0]:.3g} … {method['tau'][-1]:.3g}")
    else:
        axis = "s = η·τ" if method["axis"] == "lr_tau" else "s = η"
        grid.columns[0].justify = "left"
        grid.add_row(Text(f"{method['s'][0]:.3g} {symbols} {method['s'][-1]:.3g}  {axis}"))
    for note in (_best(method), *_predicted(method)):
        grid.add_row(*[""] * (len(grid.columns) - 1), Text(note, style="dim"))
    return grid


def _predicted(method: MethodPayload) -> Iterable[str]:
    """Yield the predicted limit, or each seed's reason why there is none."""
    if (limit := predicted_step(method)) is not None:
        yield f"predicted s < {limit:.3g} at the initial weights"
        return
    for words in dict.fromkeys(limit["words"] for limit in method["limits"] if limit):
        yield words if words.startswith("nothing") else f"predicted: {words}"


def _symbol(outcomes: list[str | None], losses: list[float | None], top: float) -> str:
    if "diverged" in outcomes:
        return _DIVERGED
    if None in outcomes:
        return _PENDING
    if all(outcome == "collapsed" for outcome in outcomes):
        return _COLLAPSED
    share = _mean(losses) / top
    return _BLOCKS[min(len(_BLOCKS) - 1, int(share * len(_BLOCKS)))]


def _best(method: MethodPayload) -> str:
    means = {
        index: _mean(losses)
        for index, (losses, outcomes) in enumerate(zip(method["losses"], method["outcomes"]))
        if all(outcome in ("finished", "collapsed") for outcome in outcomes)
    }
    if not means:
        return "no cell has finished with every seed"
    best = min(means, key=lambda index: means[index])
    tau = "" if method["solver"] == "explicit" else f", τ {method['tau'][best]:.3g}"
    return f"best: loss {means[best]:.3g} at η {method['lr'][best]:.3g}{tau}"


def _mean(losses: list[float | None]) -> float:
    known = [loss for loss in losses if loss is not None]
    return sum(known) / len(known) if known else math.inf


def _taken(run: Run, *names: str) -> Result:
    return {name: without_nan(getattr(run, name)) for name in names}
