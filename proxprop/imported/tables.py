"""Tables of metrics: our own exports, histories of Weights & Biases and others, CSV or JSON.

A table has a row a call of a tracker's `log`, or a row a point; which is which is seen by its
columns. A cell that is empty holds nothing: a metric has points where it has numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from proxprop.imported.curves import ExportError, ImportedRun, Runs, as_number, listed
from proxprop.imported.moments import as_moment

Row = Mapping[str, Any]

# Our own: every point of a run, and what a chart draws.
_POINTS = ("member", "table", "column", "step", "epoch", "seconds", "value")
_DRAWN = ("run", "series", "label", "step", "epoch", "seconds", "value")
_SCALAR = ("Wall time", "Step", "Value")  # TensorBoard's, of one tag

# Columns of a history, small letters; the first that is there counts.
_STEP = (
    *("step", "trainer/global_step", "train/global_step", "global_step", "_step"),
    *("iteration", "iter", "batch"),
)
_EPOCH = ("epoch", "train/epoch", "trainer/epoch", "epochs")
_RUN = ("run", "run_name", "run name", "run_id", "name")
_RUNTIME = ("_runtime", "relative time (process)", "relative time (wall)")
_MOMENT = ("_timestamp", "timestamp", "wall time", "created_at")
_NO_METRIC = {*_STEP, *_RUN, *_RUNTIME, *_MOMENT, "", "index", "unnamed: 0"}


def read_rows(columns: Sequence[str], rows: Iterable[Row], name: str) -> list[ImportedRun]:
    """Return the runs of a table.

    Args:
        columns: Its heads, in their order.
        rows: Head → cell, as text or as plain data.
        name: What the file is called, without its ending.

    Raises:
        ExportError: If there is nothing to draw in it.
    """
    heads = tuple(columns)
    if heads == _POINTS:
        return _our_points(rows, name)
    if heads == _DRAWN:
        return _our_chart(rows)
    if heads == _SCALAR:
        return _scalar(rows, name)
    if any(head.endswith("__MIN") for head in heads):
        return _panel(heads, rows)
    return _history(heads, rows, name)


def _our_points(rows: Iterable[Row], name: str) -> list[ImportedRun]:
    runs = Runs("ProxProp", clock="training")
    for row in rows:
        _point(runs, str(row["member"]), f"{row['table']}/{row['column']}", row)
    return runs.finished(_members(runs.keys(), name))


def _members(keys: Sequence[str], name: str) -> dict[str, str]:
    if len(keys) == 1:
        return {keys[0]: name}
    return {key: f"{name}, member {key}" for key in keys}


def _our_chart(rows: Iterable[Row]) -> list[ImportedRun]:
    """Return the lines of a chart; of several seeds each, and their mean, but not its spread."""
    runs = Runs("ProxProp", clock="training")
    names: dict[str, str] = {}
    for row in rows:
        member, _, metric = str(row["series"]).partition("/")
        if member in ("std", "smooth"):
            continue
        key = f"{row['run']} {row['label']} {member}"
        whose = "" if member == "mean" else f", member {member}"
        names[key] = f"{row['label']}{whose}"
        _point(runs, key, metric, row)
    labels = [label.rpartition(", member ")[0] or label for label in names.values()]
    for (key, label), short in zip(list(names.items()), labels, strict=True):
        names[key] = short if labels.count(short) == 1 else label
    return runs.finished(names)


def _point(runs: Runs, run: str, metric: str, row: Row) -> None:
    step, value = as_number(row["step"]), as_number(row["value"])
    epoch, seconds = as_number(row["epoch"]), as_number(row["seconds"])
    if step is not None and value is not None:
        unknown = math.nan
        runs.add(
            run,
            metric,
            step,
            value,
            unknown if epoch is None else epoch,
            unknown if seconds is None else seconds,
        )


def _scalar(rows: Iterable[Row], name: str) -> list[ImportedRun]:
    """Return the one curve of a table that TensorBoard hands out; the file's name says of what."""
    run, _, tag = name.rpartition("-tag-")
    run = re.sub(r"^run-", "", run) or "TensorBoard"
    runs, began = Runs("TensorBoard", clock="wall"), math.nan
    for row in rows:
        step, value = as_number(row["Step"]), as_number(row["Value"])
        moment = as_moment(row["Wall time"])
        began = moment if math.isnan(began) else began
        if step is not None and value is not None:
            runs.add(run, tag or name, step, value, seconds=moment - began)
    return runs.finished()


def _panel(heads: Sequence[str], rows: Iterable[Row]) -> list[ImportedRun]:
    """Return the runs of a panel of Weights & Biases: a column "run - metric" each."""
    step_head, *others = heads
    curves = [head for head in others if f"{head}__MIN" in heads and " - " in head]
    by_step = step_head.casefold() in _STEP
    runs = Runs("Weights & Biases")
    if not by_step:
        raise ExportError(
            f"is a panel of Weights & Biases by “{step_head[:40]}”; set its x axis to Step and "
            "export it again"
        )
    for row in rows:
        step = as_number(row[step_head])
        for head in curves:
            value = as_number(row[head])
            if step is not None and value is not None:
                run, _, metric = head.rpartition(" - ")
                runs.add(run, metric, step, value)
    return runs.finished()


def _history(heads: Sequence[str], rows: Iterable[Row], name: str) -> list[ImportedRun]:
    """Return the runs of a history: a row a call, a column a metric."""
    plain = {head.strip().casefold(): head for head in reversed(heads)}
    step_head, epoch_head, run_head, runtime, moment_head = (
        next((plain[head] for head in offered if head in plain), None)
        for offered in (_STEP, _EPOCH, _RUN, _RUNTIME, _MOMENT)
    )
    if step_head is None:
        raise ExportError(
            "has no column of steps (step, _step or global_step); its columns are "
            f"{listed(list(heads)) or 'none'}"
        )
    metrics = [head for head in heads if head.strip().casefold() not in _NO_METRIC]
    source = "Weights & Biases" if {"_step", "_runtime"} & plain.keys() else "a table"
    runs = Runs(source, clock="wall")
    began: dict[str, float] = {}
    for row in rows:
        step = as_number(row.get(step_head))
        if step is None:
            continue
        run = str(row.get(run_head) or "") if run_head is not None else ""
        epoch = as_number(row.get(epoch_head)) if epoch_head is not None else None
        seconds = math.nan
        if runtime is not None:
            told = as_number(row.get(runtime))
            seconds = math.nan if told is None else told
        elif moment_head is not None:
            moment = as_moment(row.get(moment_head))
            seconds = moment - began.setdefault(run, moment)
        for head in metrics:
            value = as_number(row.get(head))
            if value is not None:
                runs.add(run, head, step, value, math.nan if epoch is None else epoch, seconds)
    return runs.finished({"": name})
