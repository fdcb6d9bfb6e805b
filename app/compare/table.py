"""The race in numbers: one line a contender, with the line it has on the chart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from app.charts.theme import LineStyle
from app.components.contender_styles import stroke_css
from app.components.notation import duration, number
from app.components.run_titles import STATES
from proxprop.spec.curves import Measure, Stat
from proxprop.spec.racing import Row

SHORT: dict[Measure, str] = {
    "train_loss": "loss",
    "train_accuracy": "train. accuracy",
    "validation_loss": "val. loss",
    "validation_accuracy": "accuracy",
}


@dataclass(frozen=True)
class Entry:
    """A row with its looks.

    Attributes:
        row: Its numbers.
        style: Its line on the chart.
        state: Key of `STATES`; empty while it waits for its turn.
        note: Its step sizes, where a search chose them; else empty.
        beside: Whether it comes from another day: not measured in the same race.
    """

    row: Row
    style: LineStyle
    state: str
    note: str = ""
    beside: bool = False


def html(
    entries: Sequence[Entry],
    measure: Measure,
    target: float,
    baseline: int,
    lecture: bool = False,
) -> str:
    """Return the table as a person reads it.

    Args:
        entries: Contenders in their order, then runs of other days.
        measure: What is looked at; the target is one of it.
        target: The loss to fall to, or the accuracy to rise to.
        baseline: Whose times the last column divides by.
        lecture: Larger type, and only the columns that a room can take in.
    """
    sign = "≥" if measure.endswith("accuracy") else "≤"
    goal = f"to {sign} {_value(target, measure)}"
    heads = [
        "",
        "",
        f"final<br>{SHORT[measure]}",
        f"best<br>{SHORT[measure]}",
        *(() if measure == "validation_accuracy" else ("<br>accuracy",)),
        "<br>per step",
        f"epochs<br>{goal}",
        f"time<br>{goal}",
        "time ÷<br>baseline",
    ]
    best = _leaders(entries, measure)
    lines = [_line(entry, i, measure, baseline, best) for i, entry in enumerate(entries)]
    head = "".join(f"<th>{words}</th>" for words in heads)
    places = [f'.race-table tr[data-contender="{i}"] i' for i in range(len(entries))]
    strokes = stroke_css(places, [entry.style for entry in entries])
    looks = f'<div class="race-table{" race-lecture" * lecture}">'
    return f"{strokes}{looks}<table><tr>{head}</tr>{''.join(lines)}</table></div>"


def _line(entry: Entry, index: int, measure: Measure, baseline: int, best: dict[str, int]) -> str:
    row = entry.row
    words = "<br><small>not measured in the same race</small>" * entry.beside
    note = f"<br><small>{escape(entry.note)}</small>" if entry.note else ""
    seeds = f"<br><small>N = {len(row.members)} seeds</small>" * (len(row.members) > 1)
    ratio = "baseline" if index == baseline else _ratio(row)
    cells = [
        ("", f"<i></i>{escape(row.label)}{note}{seeds}{words}"),
        ("", _outcome(entry)),
        ("final", _stat(row.final[measure], measure)),
        ("lowest", _stat(row.best[measure], measure)),
    ]
    if measure != "validation_accuracy":
        cells.append(("accuracy", _stat(row.final["validation_accuracy"], "validation_accuracy")))
    cells += [
        ("step", _stat(row.step_seconds, "seconds")),
        ("epochs", _reached(row, row.epochs_to_target, "epochs")),
        ("time", _reached(row, row.seconds_to_target, "seconds")),
        ("", ratio),
    ]
    made = "".join(
        f"<td{' class=best' * (best.get(name) == index)}>{cell}</td>" for name, cell in cells
    )
    return f'<tr data-contender="{index}">{made}</tr>'


def _outcome(entry: Entry) -> str:
    row = entry.row
    words = STATES.get(entry.state, "◌ waiting")
    if entry.state == "diverged" and 0 < row.diverged < len(row.members):
        words += f" {row.diverged} of {len(row.members)}"
    return words


def _leaders(entries: Sequence[Entry], measure: Measure) -> dict[str, int]:
    """Return, by column, who is ahead; nobody where only one has a number."""
    high = measure.endswith("accuracy")
    columns = {
        "final": [(-1 if high else 1) * entry.row.final[measure].mean for entry in entries],
        "accuracy": [-entry.row.final["validation_accuracy"].mean for entry in entries],
        "step": [entry.row.step_seconds.mean for entry in entries],
        "epochs": [entry.row.epochs_to_target.mean for entry in entries],
        "time": [entry.row.seconds_to_target.mean for entry in entries],
    }
    leaders = {}
    for name, values in columns.items():
        there = [(value, index) for index, value in enumerate(values) if not math.isnan(value)]
        if len(there) > 1:
            leaders[name] = min(there)[1]
    return leaders


def _stat(stat: Stat, kind: str) -> str:
    if math.isnan(stat.mean):
        return "–"
    spread = f"<br><small>± {_value(stat.std, kind, 2)}</small>" if stat.n > 1 else ""
    return _value(stat.mean, kind) + spread


def _reached(row: Row, stat: Stat, kind: str) -> str:
    some = f"<br><small>{row.reached} of {len(row.members)}</small>"
    return _stat(stat, kind) + some * (0 < row.reached < len(row.members))


def _ratio(row: Row) -> str:
    ratio = row.ratios.get("seconds_to_target", math.nan)
    return "–" if math.isnan(ratio) else f"{number(ratio)}×"


def _value(value: float, kind: str, digits: int = 3) -> str:
    if math.isnan(value):
        return "–"
    if kind.endswith("accuracy"):
        return f"{100 * value:.1f} %"
    if kind == "seconds":
        return _seconds(value, digits)
    return number(value, digits)


def _seconds(value: float, digits: int) -> str:
    if value == 0:
        return "0 s"
    if value >= 100:
        return duration(value)
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{_plain(value / size, digits)} {unit}"
    return f"{number(value / 1e-9, digits)} ns"


def _plain(value: float, digits: int) -> str:
    """Return a number without an exponent: two digits of 150 are 150."""
    return f"{value:.0f}" if value >= 10**digits else number(value, digits)
