"""Runs from files that other tools exported, as lines and rows beside the race.

They were not raced here and are not in the store: they belong to the session of who sent the file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.charts.curves import Trace
from app.charts.theme import GREY, LineStyle
from app.compare.quantities import QUANTITIES
from app.compare.state import RaceState
from proxprop.imported import Curve, ImportedRun, guess, reading
from proxprop.spec.curves import MEASURES, Measure
from proxprop.spec.racing import Row, default_race, rows

KEPT = "race.imported"  # session key: id → what was imported
MOST = 4  # drawn at once, each with a dash of its own
DASHES = ("dash", "dot", "dashdot", "longdash")
AXES = {"step": "steps", "epoch": "epochs", "seconds": "seconds"}
DIGITS = 7  # of a number on its way to the browser; event files hold no more


@dataclass
class Imported:
    """A run of a file, as far as this session draws it.

    Attributes:
        run: What the file tells.
        drawn: Whether it is on the chart.
        metrics: Quantity → the metric taken for it, "" for none.
        epoch_steps: Steps of an epoch, where the file tells no epochs and a person does.
    """

    run: ImportedRun
    drawn: bool = True
    metrics: dict[Measure, str] = field(default_factory=dict)
    epoch_steps: int | None = None

    @classmethod
    def of(cls, run: ImportedRun, *, drawn: bool) -> Imported:
        """Take each quantity's most probable metric."""
        return cls(run, drawn, {name: guess(run.curves, name) or "" for name in MEASURES})

    @property
    def label(self) -> str:
        """What the chart and the table call it."""
        return f"{self.run.name} (imported)"

    @property
    def note(self) -> str:
        """What a table has to say of its times; empty where they are of training alone."""
        return "seconds by the clock on the wall" * (self.run.clock == "wall")

    def curve(self, measure: Measure) -> Curve | None:
        """Return the curve of a quantity, in epochs as far as they are known."""
        taken = reading(self.run, self.metrics.get(measure, ""), measure)
        if taken is None:
            return None
        if self.epoch_steps and not taken.curve.has("epoch"):
            return replace(taken.curve, epoch=taken.curve.step / self.epoch_steps)
        return taken.curve

    def in_percent(self, measure: Measure) -> bool:
        """Return whether the file has a quantity in percent."""
        taken = reading(self.run, self.metrics.get(measure, ""), measure)
        return taken is not None and taken.percent

    def tells_epochs(self, measure: Measure) -> bool:
        """Return whether the file itself has the epochs of a quantity."""
        taken = reading(self.run, self.metrics.get(measure, ""), measure)
        return taken is not None and taken.curve.has("epoch")


def imports() -> dict[str, Imported]:
    """Return what this session has imported, by id."""
    found: dict[str, Imported] = st.session_state.setdefault(KEPT, {})
    return found


def drawn_imports() -> list[Imported]:
    """Return what is on the chart."""
    return [each for each in imports().values() if each.drawn][:MOST]


def imported_styles(imported: Sequence[Imported]) -> list[LineStyle]:
    """Return a grey line for each, with a dash of its own."""
    return [LineStyle(GREY, dash) for dash in DASHES[: len(imported)]]


def imported_traces(imported: Sequence[Imported]) -> list[Trace]:
    """Return the lines, their points along."""
    series = QUANTITIES["train_loss"].series
    return [
        Trace(
            run="",
            series=f"0/{series}",
            label=each.label,
            color=style.color,
            dash=style.dash,
            width=2.0,
            points={QUANTITIES[name].series: _points(each.curve(name)) for name in QUANTITIES},
        )
        for each, style in zip(imported, imported_styles(imported), strict=True)
    ]


def imported_row(imported: Imported, measure: Measure, target: float) -> Row:
    """Return what the table says of an imported run; nothing of it is compared in seconds."""
    race, told = default_race(), {}
    for name in MEASURES:
        curve = imported.curve(name)
        known = {} if curve is None else {**_axes(curve), name: curve.value}
        told[name] = rows(race, {0: pd.DataFrame(known)}, {}, target=target, measure=name)[0]
    return replace(
        told[measure],
        label=imported.label,
        final={name: told[name].final[name] for name in MEASURES},
        best={name: told[name].best[name] for name in MEASURES},
        ratios={},
    )


def not_shown(state: RaceState, imported: Sequence[Imported]) -> list[str]:
    """Return, in words, what of the imported runs is not on the chart as it is looked at."""
    words = []
    for each in imported:
        curve, name = each.curve(state.quantity), QUANTITIES[state.quantity].name
        if curve is None:
            words.append(
                f"“{each.run.name}” has no metric that is known as {name}; choose one under "
                "Import curves"
            )
        elif not curve.has(state.axis):
            words.append(f"“{each.run.name}” does not tell its {AXES[state.axis]}")
    return words


def _points(curve: Curve | None) -> dict[str, list[Any]]:
    """Return a curve as the browser reads it; an axis it does not know is empty."""
    if curve is None:
        return {"step": [], "epoch": [], "seconds": [], "y": []}
    axes = {name: _numbers(values) for name, values in _axes(curve).items()}
    known = {name: values if curve.has(name) else [] for name, values in axes.items()}
    return {**known, "y": _numbers(curve.value)}


def _axes(curve: Curve) -> dict[str, np.ndarray]:
    return {"step": curve.step, "epoch": curve.epoch, "seconds": curve.seconds}


def _numbers(values: np.ndarray) -> list[float | None]:
    return [float(f"{v:.{DIGITS}g}") if math.isfinite(v) else None for v in values.tolist()]
