"""The columns of the table of runs: what stands in them, for one run or for several seeds."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app.components.run_titles import STATES, config_of, data_of, names_of, state_of
from app.newest import newest
from app.services import get_store
from proxprop.runs.errors import StoreCorruptError
from proxprop.runs.record import Run
from proxprop.spec.config import RunConfig
from proxprop.spec.curves import Stat

Group = tuple[Run, ...]  # runs of one line: one, or those of one config but for the seed
SPARK = 40  # points of a sparkline
LOSSES = (("evaluations", "train_loss"), ("evaluations", "validation_loss"), ("steps", "loss"))
number_column = partial(st.column_config.NumberColumn, format="%.3g")


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        config: How it looks.
        of: What a run has there; a number, of which a line of several shows the mean, or a text.
    """

    config: ColumnConfig
    of: Callable[[Run], Any] | None = None


def _summary(name: str) -> Callable[[Run], float]:
    return lambda run: run.summary.get(name, math.nan)


def _setting(path: str, unless: tuple[str, ...] = ()) -> Callable[[Run], float]:
    """Return what reads a number of a run's config; NaN for directions that do not use it."""

    def read(run: Run) -> float:
        config = config_of(run)
        if not isinstance(config, RunConfig) or config.direction.solver in unless:
            return math.nan
        value: Any = config
        for part in path.split("."):
            value = getattr(value, part)
        return float(value)

    return read


COLUMNS: dict[str, Column] = {
    "status": Column(st.column_config.TextColumn(width=97)),
    "run": Column(st.column_config.TextColumn(width=455)),
    "data": Column(st.column_config.TextColumn(width=140)),
    "loss": Column(
        st.column_config.LineChartColumn(
            width="small", help="Full training loss over the run, logarithmic."
        )
    ),
    "training loss": Column(
        number_column(width=102, help="Over all training samples, at the end."),
        _summary("train_loss"),
    ),
    "best loss": Column(
        number_column(width=85, help="The lowest full training loss on the way."),
        _summary("best_train_loss"),
    ),
    "validation loss": Column(number_column(width=110), _summary("validation_loss")),
    "accuracy": Column(
        st.column_config.NumberColumn(
            format="percent", width=80, help="On the validation samples, at the end."
        ),
        _summary("validation_accuracy"),
    ),
    "epochs": Column(st.column_config.NumberColumn(format="%.4g", width=70), lambda run: run.epoch),
    "time [s]": Column(number_column(width=70, help="Training seconds."), lambda run: run.seconds),
    "η": Column(number_column(width=60), _setting("optimizer.lr")),
    "τ": Column(number_column(width=60), _setting("direction.tau", ("explicit",))),
    "k": Column(number_column(width=50), _setting("direction.cg_steps", ("explicit", "exact"))),
    "batch": Column(number_column(format="%d", width=65), _setting("batch_size")),
    "widths": Column(st.column_config.TextColumn(width=95, help="Of the hidden layers.")),
    "seed": Column(st.column_config.TextColumn(width=60)),
    "started": Column(st.column_config.TextColumn(width=88)),
    "date": Column(st.column_config.DatetimeColumn(width=140, format="YYYY-MM-DD HH:mm")),
    "tags": Column(st.column_config.ListColumn(width="small")),
}
USUAL = (
    *("status", "run", "data", "loss", "training loss", "accuracy", "epochs", "time [s]"),
    *("started", "tags"),
)
SPREAD = "± std"  # beside the training loss of several seeds


def measured(line: Group, column: str) -> float:
    """Return the mean over a line's runs of what a column of numbers shows."""
    return _mean(line, column).mean


def _mean(line: Group, column: str) -> Stat:
    of = COLUMNS[column].of
    assert of is not None
    return Stat.of(of(run) for run in line)


def frame(
    lines: Sequence[Group], columns: Sequence[str] = USUAL, now: float | None = None
) -> pd.DataFrame:
    """Return what the table shows; tags only where there are any."""
    moment = time.time() if now is None else now
    names = names_of([line[0] for line in lines], when=False)
    texts: dict[str, Callable[[Group], Any]] = {
        "status": _status,
        "run": lambda line: names[line[0].id],
        "data": lambda line: data_of(config_of(line[0])),
        "loss": lambda line: _sparkline_of(line[0]),
        "widths": lambda line: _widths(line[0]),
        "seed": lambda line: ", ".join(sorted({_seed(run) for run in line}, key=_in_order)),
        "started": lambda line: ago(moment - line[0].created),
        "date": lambda line: pd.Timestamp(line[0].created, unit="s", tz="UTC"),
        "tags": lambda line: sorted({tag for run in line for tag in run.tags}),
    }
    shown: dict[str, list[Any]] = {}
    for name in COLUMNS:
        if name not in columns or (name == "tags" and not any(r.tags for g in lines for r in g)):
            continue
        shown[name] = [
            texts[name](line) if name in texts else measured(line, name) for line in lines
        ]
        if name == "training loss" and any(len(line) > 1 for line in lines):
            shown[SPREAD] = [_mean(line, name).std for line in lines]
    return pd.DataFrame(shown, index=range(len(lines)))


def looks() -> dict[str, ColumnConfig]:
    """Return how each column looks."""
    spread = number_column(width=70, help="One standard deviation over the seeds.")
    return {name: column.config for name, column in COLUMNS.items()} | {SPREAD: spread}


def _status(line: Group) -> str:
    counts = Counter(map(state_of, line))
    if len(counts) == 1:
        return state_of(line[0])
    order = list(STATES.values())
    return ", ".join(f"{counts[state]} {state}" for state in sorted(counts, key=order.index))


def _widths(run: Run) -> str:
    config = config_of(run)
    model = getattr(config, "model", None)
    return "-".join(map(str, model.widths)) if model is not None and model.widths else ""


def _seed(run: Run) -> str:
    return str(getattr(config_of(run), "seed", ""))


def _in_order(seed: str) -> int:
    return int(seed or -1)


def _sparkline_of(run: Run) -> list[float]:
    """Return the sparkline of a run; empty where its points are damaged."""
    try:
        return sparkline(run.id, run.revision, run.step)
    except StoreCorruptError:
        return []


@newest(1000)
def sparkline(run_id: str, revision: int, step: int) -> list[float]:
    """Return the logarithm of a run's loss at up to `SPARK` moments; empty without points."""
    for source, column in LOSSES:
        points = get_store().points(run_id, source)
        if column not in points:
            continue
        values = points[column].to_numpy()
        values = values[np.isfinite(values) & (values > 0)]
        if len(values) >= 2:
            keep = np.unique(np.linspace(0, len(values) - 1, SPARK).astype(int))
            return [float(value) for value in np.log10(values[keep])]
    return []


def ago(seconds: float) -> str:
    """Return how long ago something was, in words."""
    if seconds < 60:
        return "just now"
    for size, unit in ((60, "min"), (3600, "h"), (86_400, "d")):
        if seconds < 100 * size or unit == "d":
            return f"{seconds / size:.0f} {unit} ago"
    return ""
