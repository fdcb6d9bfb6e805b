"""What the browser draws: panels and lines as plain numbers; pure functions of a result."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from app.charts.theme import LineStyle
from app.components.notation import number
from app.paper.curves import COLUMNS, Curve, baseline, curves
from proxprop.paper.curves import arrival
from proxprop.paper.result import Result, Seed

Numbers = list[float | None]
LOSS = "full training loss J"


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        title: What is held against what.
        x: Column on the horizontal axis.
        y: Column on the vertical axis.
        x_title: Axis title with unit.
        y_title: Axis title with symbol.
        log: Whether the vertical axis starts logarithmic; None where it never is.
        percent: Whether values are fractions, written as per cent.
        target: Whether the target is drawn.
        x_log: Whether the horizontal axis is logarithmic.
        x_ticks: Where a logarithmic horizontal axis is labelled; empty for decades.
    """

    title: str
    x: str
    y: str
    x_title: str
    y_title: str
    log: bool | None = None
    percent: bool = False
    target: bool = False
    x_log: bool = False
    x_ticks: tuple[float, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return what the browser reads."""
        return {
            "title": self.title,
            "x": self.x,
            "y": self.y,
            "xTitle": self.x_title,
            "yTitle": self.y_title,
            "log": self.log,
            "percent": self.percent,
            "target": self.target,
            "xLog": self.x_log,
            "xTicks": list(self.x_ticks),
        }


@dataclass(frozen=True)
class Line:
    """One line, the same in every panel.

    Attributes:
        label: What it is called.
        style: Colour and dash.
        columns: Name → numbers; None where there is none.
        std: Name → one standard deviation over seeds.
        seeds: Seed and its own columns, drawn faintly; empty for a single one.
        diverged: Whether it ended by diverging.
        reached: Column on a horizontal axis → where the target is reached.
        is_baseline: Whether the target is this line's own last loss.
        gone: Places on the horizontal axis at which runs diverged.
        seed: The seed, where there is one.
    """

    label: str
    style: LineStyle
    columns: dict[str, Numbers]
    std: dict[str, Numbers] = field(default_factory=dict)
    seeds: tuple[tuple[int, dict[str, Numbers]], ...] = ()
    diverged: bool = False
    reached: dict[str, float | None] = field(default_factory=dict)
    is_baseline: bool = False
    gone: tuple[float, ...] = ()
    seed: int | None = None

    def as_data(self) -> dict[str, Any]:
        """Return what the browser reads."""
        return {
            "label": self.label,
            "color": self.style.color,
            "dash": self.style.dash,
            "columns": self.columns,
            "std": self.std,
            "seeds": [{"seed": seed, "columns": columns} for seed, columns in self.seeds],
            "diverged": self.diverged,
            "reached": self.reached,
            "baseline": self.is_baseline,
            "gone": list(self.gone),
            "seed": self.seed,
        }


@dataclass(frozen=True)
class Picture:
    """Panels side by side.

    Attributes:
        panels: Left to right.
        lines: In the order of the legend.
        target: A level and what it is; None for none.
    """

    panels: tuple[Panel, ...]
    lines: tuple[Line, ...]
    target: tuple[float, str] | None = None

    def as_data(self) -> dict[str, Any]:
        """Return what the browser reads."""
        target = None
        if self.target is not None:
            target = {"value": self.target[0], "words": self.target[1]}
        return {
            "panels": [panel.as_data() for panel in self.panels],
            "lines": [line.as_data() for line in self.lines],
            "target": target,
        }


CURVES = (
    Panel("Loss by epoch", "epoch", "train_loss", "epoch", LOSS, log=True, target=True),
    Panel(
        "Accuracy by epoch",
        "epoch",
        "validation_accuracy",
        "epoch",
        "validation accuracy",
        percent=True,
    ),
    Panel(
        "Loss by seconds",
        "seconds",
        "train_loss",
        "training time [s]",
        LOSS,
        log=True,
        target=True,
    ),
)


def training_picture(result: Result) -> Picture:
    """Return loss and accuracy by epoch and loss by seconds, as in the paper's figures."""
    drawn = curves(result)
    plain = baseline(drawn)
    target = None
    if plain is not None and plain.epochs and math.isfinite(plain.loss):
        words = f"{plain.label} ends at {number(plain.loss)}"
        target = (plain.loss, words)
    return Picture(CURVES, tuple(_line(one, plain, target) for one in drawn), target)


def _line(curve: Curve, plain: Curve | None, target: tuple[float, str] | None) -> Line:
    reached: dict[str, float | None] = dict.fromkeys(("epoch", "seconds"))
    if target is not None and curve is not plain:
        places = clean(arrival(curve.seeds, target[0], place).mean for place in reached)
        reached = dict(zip(reached, places, strict=True))
    return Line(
        curve.label,
        curve.style,
        {name: clean(values) for name, values in curve.columns.items()},
        {name: clean(values) for name, values in curve.std.items()},
        tuple((seed.seed, seed_columns(seed)) for seed in curve.seeds) * bool(curve.std),
        diverged=curve.lost,
        reached=reached,
        is_baseline=curve is plain,
        seed=None if curve.std else curve.seeds[0].seed,
    )


def seed_columns(seed: Seed) -> dict[str, Numbers]:
    """Return a seed's own columns."""
    return {name: clean(getattr(seed, name)) for name in COLUMNS}


def clean(values: Iterable[float | None]) -> Numbers:
    """Return `values` with None in place of what is not finite: JSON has no NaN."""
    return [
        float(value) if value is not None and math.isfinite(value) else None for value in values
    ]
