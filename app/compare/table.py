"""The race in numbers: one line a contender, with the line it has on the chart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from app.charts.contender_styles import stroke_css
from app.charts.theme import LineStyle
from app.components.notation import duration, number
from app.components.run_titles import MEANINGS, STATES
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
        beside: Whether it was added: not measured in the same race.
        source: What exported it, if it was imported: it takes no part and is never ahead.
    """

    row: Row
    style: LineStyle
    state: str
    note: str = ""
    beside: bool = False
    source: str = ""


@dataclass(frozen=True)
class Column:
    """One column of numbers.

    Attributes:
        head: What stands above.
        stat: The number of a row.
        kind: "seconds", "epochs" or a measure: how it is written, and whether high is good.
        partly: Whether only some seeds may have it.
        led: Whether the one ahead is marked.
    """

    head: str
    stat: Callable[[Row], Stat]
    kind: str
    partly: bool = False
    led: bool = True

    def cell(self, row: Row) -> str:
        """Return the number, its spread, and how many seeds have it."""
        stat = self.stat(row)
        if math.isnan(stat.mean):
            return "–"
        spread = f"<br><small>± {_value(stat.std, self.kind, 2)}</small>" if stat.n > 1 else ""
        some = self.partly and 0 < row.reached < len(row.members)
        share = f"<br><small>{row.reached} of {len(row.members)}</small>" if some else ""
        return _value(stat.mean, self.kind) + spread + share

    def leader(self, entries: Sequence[Entry]) -> int | None:
        """Return who is ahead and marked; nobody where only one has a number."""
        sign = -1 if self.kind.endswith("accuracy") else 1
        values = [
            (sign * self.stat(entry.row).mean, i)
            for i, entry in enumerate(entries)
            if not entry.source
        ]
        there = [(value, index) for value, index in values if not math.isnan(value)]
        return min(there)[1] if self.led and len(there) > 1 else None


def html(
    entries: Sequence[Entry],
    measure: Measure,
    target: float,
    baseline: int,
    groups: Sequence[str] = (),
) -> str:
    """Return the table as a person reads it.

    Args:
        entries: Contenders in their order, then runs added, then what was imported.
        measure: What is looked at; the target is one of it.
        target: The loss to fall to, or the accuracy to rise to.
        baseline: Whose times the last column compares with.
        groups: Of each contender, where rows of a group stand under its heading.
    """
    columns = _columns(measure, target)
    heads = ["", "", *(column.head for column in columns), "against<br>baseline"]
    leaders = [column.leader(entries) for column in columns]
    lines = []
    for index, entry in enumerate(entries):
        meaning = f' title="{escape(MEANINGS.get(entry.state, ""))}"'
        cells = [f"<td>{_who(entry)}</td><td{meaning}>{_outcome(entry)}</td>"]
        for column, leader in zip(columns, leaders, strict=True):
            best = " class=best" * (leader == index)
            cells.append(f"<td{best}>{column.cell(entry.row)}</td>")
        ratio = "baseline" if index == baseline else _ratio(entry.row)
        lines.append(f'<tr data-contender="{index}">{"".join(cells)}<td>{ratio}</td></tr>')
    lines = _grouped(lines, groups, len(heads)) if groups else lines
    head = "".join(f"<th>{head}</th>" for head in heads)
    places = [f'.race-table tr[data-contender="{index}"] i' for index in range(len(entries))]
    strokes = stroke_css(places, [entry.style for entry in entries])
    return f'{strokes}<div class="race-table"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _grouped(lines: Sequence[str], groups: Sequence[str], width: int) -> list[str]:
    """Return the lines in the order of their groups, a heading before each."""
    made = []
    for name in dict.fromkeys(groups):
        made.append(f'<tr class="group"><td colspan="{width}">{escape(name)}</td></tr>')
        made += [line for line, group in zip(lines, groups, strict=True) if group == name]
    return made


def _columns(measure: Measure, target: float) -> list[Column]:
    sign = "≥" if measure.endswith("accuracy") else "≤"
    goal = f"to {sign} {_value(target, measure)}"
    accuracy = Column("<br>accuracy", lambda row: row.final["validation_accuracy"], "accuracy")
    return [
        Column(f"final<br>{SHORT[measure]}", lambda row: row.final[measure], measure),
        Column(f"best<br>{SHORT[measure]}", lambda row: row.best[measure], measure, led=False),
        *([] if measure == "validation_accuracy" else [accuracy]),
        Column("<br>per step", lambda row: row.step_seconds, "seconds"),
        Column(f"epochs<br>{goal}", lambda row: row.epochs_to_target, "epochs", partly=True),
        Column(f"time<br>{goal}", lambda row: row.seconds_to_target, "seconds", partly=True),
    ]


def _who(entry: Entry) -> str:
    row = entry.row
    notes = [
        escape(entry.note),
        f"N = {len(row.members)} seeds" * (len(row.members) > 1),
        "not measured in the same race" * entry.beside,
        f"not raced here: from {escape(entry.source)}" if entry.source else "",
    ]
    small = "".join(f"<br><small>{note}</small>" for note in notes if note)
    return f"<i></i>{escape(row.label)}{small}"


def _outcome(entry: Entry) -> str:
    row = entry.row
    if entry.source:
        return "↥ imported"
    some = entry.state == "diverged" and 0 < row.diverged < len(row.members)
    share = f" {row.diverged} of {len(row.members)}" if some else ""
    return STATES.get(entry.state, "◌ waiting") + share


def _ratio(row: Row) -> str:
    ratio = row.ratios.get("seconds_to_target", math.nan)
    if math.isnan(ratio) or ratio <= 0:
        return "–"
    return f"{number(ratio)}× slower" if ratio > 1 else f"{number(1 / ratio)}× faster"


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
