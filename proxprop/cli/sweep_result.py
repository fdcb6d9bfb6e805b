"""A sweep in the terminal: its progress, its result as plain data, and its map in characters."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from proxprop.cli.execution import ProgressBar
from proxprop.runs.results import sweep_map
from proxprop.runs.store import Store
from proxprop.spec.config import AnyConfig
from proxprop.spec.events import Artifact, Event
from proxprop.spec.sweeping import MethodPayload

_BLOCKS = "▁▂▃▄▅▆▇█"
_DIVERGED, _COLLAPSED, _PENDING = "×", "–", "·"


class SweepBar(ProgressBar):
    """The progress of a sweep: runs that have ended, and how."""

    def __init__(self, console: Console, config: AnyConfig, run_id: str) -> None:
        super().__init__(console, config, run_id)
        self._counts = "loading …"

    def show(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, Artifact) and event.name == "map":
            ended = Counter(
                outcome
                for method in event.payload["methods"]
                for row in method["outcomes"]
                for outcome in row
                if outcome
            )
            words = [f"{event.payload['finished']} of {event.payload['runs']} runs"]
            words += [f"{ended[name]} {name}" for name in ("diverged", "collapsed") if ended[name]]
            self._counts = "  ".join(words)
        super().show(event)

    def _numbers(self) -> str:
        return self._counts


def sweep_result(store: Store, run_id: str) -> dict[str, Any]:
    """Return how a sweep ended and its map as plain data."""
    run = store.run(run_id)
    return {
        "id": run.id,
        "outcome": run.outcome,
        "words": run.words,
        "seconds": run.seconds,
        "map": sweep_map(store, run_id),
    }


def print_sweep(result: dict[str, Any], was_stored: bool = False) -> None:
    """Draw a map: a row per method (a plane: a row per η), a column per step size."""
    console = Console()
    stored = " (stored; --again computes it anew)" if was_stored else ""
    console.print(f"Sweep {result['id']}: {result['words']}{stored}")
    found = result["map"]
    if found is None:
        return
    top = max([found["constant_loss"], *(x for x in found["initial_losses"] if x is not None)])
    for method in found["methods"]:
        _print_method(console, method, top)
    console.print(
        f"{_BLOCKS[0]} small … {_BLOCKS[-1]} {top:.3g} or more: training loss after "
        f"{found['steps']} steps, mean over seeds; {_COLLAPSED} collapsed, "
        f"{_DIVERGED} some seed diverged, {_PENDING} not done",
        style="dim",
        highlight=False,
    )


def _print_method(console: Console, method: MethodPayload, top: float) -> None:
    rows, columns = method["shape"]
    symbols = [
        _symbol(outcomes, losses, top)
        for outcomes, losses in zip(method["outcomes"], method["losses"])
    ]
    grid = Table(title=method["label"], title_justify="left", box=None, show_header=False)
    if rows > 1 and columns > 1:
        grid.add_column(justify="right")
        grid.add_column(no_wrap=True)
        for row in reversed(range(rows)):
            part = symbols[row * columns : (row + 1) * columns]
            grid.add_row(f"η {method['lr'][row * columns]:.3g}", Text("".join(part)))
        grid.add_row("τ", Text(f"{method['tau'][0]:.3g} … {method['tau'][-1]:.3g}"))
    else:
        axis = "η·τ" if method["axis"] == "lr_tau" else "η"
        grid.add_row(Text(f"{method['s'][0]:.3g} {''.join(symbols)} {method['s'][-1]:.3g}  {axis}"))
    grid.add_row(*[""] * (len(grid.columns) - 1), Text(_best(method), style="dim"))
    for words in dict.fromkeys(limit["words"] for limit in method["limits"] if limit):
        grid.add_row(*[""] * (len(grid.columns) - 1), Text(f"predicted: {words}", style="dim"))
    console.print(grid)


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
