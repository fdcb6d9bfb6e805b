"""The table of runs: one line each, with a sparkline of the loss."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
import streamlit as st

from app.components.run_titles import config_of, data_of, state_of, title_of
from app.services import get_store
from app.words import duration
from proxprop.runs.record import Run

SPARK = 40  # points of a sparkline
LOSSES = (("evaluations", "train_loss"), ("evaluations", "validation_loss"), ("steps", "loss"))


def frame(runs: Sequence[Run], now: float | None = None) -> pd.DataFrame:
    """Return what the table shows."""
    moment = time.time() if now is None else now
    return pd.DataFrame(
        {
            "status": [state_of(run) for run in runs],
            "run": [title_of(run) for run in runs],
            "data": [data_of(config_of(run)) for run in runs],
            "loss": [sparkline(run.id, run.revision, run.step) for run in runs],
            "training loss": [run.summary.get("train_loss", math.nan) for run in runs],
            "accuracy": [run.summary.get("validation_accuracy", math.nan) for run in runs],
            "epochs": [run.epoch for run in runs],
            "time": [duration(run.seconds) for run in runs],
            "started": [ago(moment - run.created) for run in runs],
            "tags": [list(run.tags) for run in runs],
        }
    )


def columns() -> dict[str, object]:
    """Return how the table's columns are drawn."""
    column = st.column_config
    return {
        "status": column.TextColumn(width=105),
        "run": column.TextColumn(width="large"),
        "data": column.TextColumn(width=140),
        "loss": column.LineChartColumn(
            "loss", width="small", help="Full training loss over the run, logarithmic."
        ),
        "training loss": column.NumberColumn("training loss", format="%.2e", width=105),
        "accuracy": column.NumberColumn(
            "accuracy", format="percent", width=80, help="On the validation samples, at the end."
        ),
        "epochs": column.NumberColumn(format="%.4g", width=70),
        "time": column.TextColumn(width=70, help="Training seconds."),
        "started": column.TextColumn(width=95),
        "tags": column.ListColumn(width="small"),
    }


# Keyed by how far the run has come: an ended run is read once.
@lru_cache(maxsize=1000)
def sparkline(run_id: str, revision: int, step: int) -> list[float]:
    """Return the logarithm of a run's loss at up to `SPARK` moments; empty without points."""
    for table, column in LOSSES:
        points = get_store().points(run_id, table)
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
