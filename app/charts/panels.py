"""Recorded curves: several measures of the same contenders, side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from app.charts.curves import DIRECT, hover, ticks
from app.charts.frame import (
    Sizes,
    axis,
    framed,
    heading,
    of,
    scatter,
    segment,
    sizes,
)
from app.charts.theme import LineStyle

Numbers = list[float | None]
FEW = 25  # points up to which each is drawn
LONGEST = 24  # letters of a name that is not in the way of the picture
ROW = 0.075  # of the height: room for the crosses of one line's diverged runs


LOSS = "full training loss J"
# What a column is called on an axis, with its symbol or unit.
TITLES = {
    "epoch": "epoch",
    "seconds": "training time [s]",
    "tau": "proximal step τ",
    "step_size": "step size s (η explicit, η·τ implicit)",
    "train_loss": LOSS,
    "loss": LOSS,
    "validation_accuracy": "validation accuracy",
}


@dataclass(frozen=True)
class Panel:
    """One pair of axes; losses and step sizes are logarithmic.

    Attributes:
        title: What is held against what.
        x: Column on the horizontal axis.
        y: Column on the vertical axis.
        target: Whether the target is drawn.
        ticks: Where a logarithmic horizontal axis is labelled; empty for decades.
    """

    title: str
    x: str
    y: str
    target: bool = False
    ticks: tuple[float, ...] = ()

    @property
    def log(self) -> bool:
        """Whether the vertical axis may be logarithmic, and starts so."""
        return self.y != "validation_accuracy"

    @property
    def format(self) -> str:
        """How values are written, in d3's notation."""
        return ".3~g" if self.log else ".1%"

    def across(self, lines: Sequence[Line], size: Sizes, anchor: str) -> dict[str, Any]:
        """Return the horizontal axis."""
        name = TITLES[self.x]
        hovering: dict[str, Any] = {
            "hoverformat": ".3~g",
            "unifiedhovertitle": {"text": f"{name}: %{{x}}"},
        }
        if self.x not in ("tau", "step_size"):
            return axis(size, name, anchor=anchor, **hovering)
        every = [x for line in lines for x in [*line.columns.get(self.x, []), *line.gone]]
        places = [math.log10(x) for x in every if x is not None and x > 0] or [-2.0, 0.0]
        room = 0.06 * ((max(places) - min(places)) or 1)
        marks: dict[str, Any] = {"dtick": 1, "tickfont": {"size": size.tick / 1.25}}
        if self.ticks:
            text = [f"{value:g}" for value in self.ticks]
            marks = {"tickvals": list(self.ticks), "ticktext": text}
        ends = [min(places) - room, max(places) + room]
        return axis(size, name, anchor=anchor, type="log", range=ends, **hovering, **marks)


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
    gone: tuple[float, ...] = ()
    seed: int | None = None

    @property
    def name(self) -> str:
        """What it is called in the legend, with the number of its seeds."""
        return f"{self.label} (N = {len(self.seeds)})" if self.seeds else self.label


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

    def figure(self, *, lecture: bool = False) -> go.Figure:
        """Return the figure.

        Args:
            lecture: Larger type and thicker lines.
        """
        size = sizes(lecture)
        data: list[dict[str, Any]] = []
        layout: dict[str, Any] = {"annotations": [], "shapes": []}
        for number, panel in enumerate(self.panels, start=1):
            for line in self.lines:
                data += self._traces(line, panel, number, size)
            layout[of("xaxis", number)] = panel.across(self.lines, size, of("y", number))
            layout[of("yaxis", number)] = axis(
                size,
                TITLES[panel.y],
                anchor=of("x", number),
                type="log" if panel.log else "linear",
                tickformat=ticks(panel.format),
            )
            title = f"<b>{panel.title}</b>"
            if panel.target and self.target is not None:
                self._draw_target(layout, panel, number)
                if panel is next(each for each in self.panels if each.target):
                    # Beside the title no curve runs through it.
                    title += f'<wbr>  <span style="font-size:0.9em">┈ {self.target[1]}</span>'
            layout["annotations"].append(heading(title, number, size.font + 1))
        logs = [of("yaxis", n) for n, panel in enumerate(self.panels, start=1) if panel.log]
        rows = sum(bool(line.gone) for line in self.lines)
        short = all(len(line.label) <= LONGEST for line in self.lines) and not rows
        beside = [4.7 * size.font, 12]
        above = [1.9 * size.font, 3.4 * size.font]
        return framed(
            data,
            layout,
            size,
            {"l": beside[0], "r": beside[1], "t": above[0], "b": above[1]},
            columns=len(self.panels),
            gap=[sum(beside), sum(above)],
            stack=720,
            logs=logs,
            headroom={name: 0.04 + rows * ROW for name in logs if rows},
            names="ends" if short and 0 < len(self.lines) <= DIRECT else "legend",
            wide=900,
            csv=["x_value", "y_value"],
        )

    def _traces(
        self, line: Line, panel: Panel, number: int, size: Sizes
    ) -> Iterator[dict[str, Any]]:
        """Return the seeds of a line faintly, the line, and what stands along it."""
        color = line.style.color
        own = {"figure": panel.title, "contender": line.label}

        def curve(columns: dict[str, Numbers], seed: object, label: str, **look: Any) -> Any:
            x, y, kept = _points(columns, panel)
            about = {**own, "seed": seed, "x": panel.x, "y": panel.y}
            std = [line.std[panel.y][i] for i in kept] if label and panel.y in line.std else None
            meta = {"label": label, "about": about, "std": std, "ended": bool(label) and ended}
            return scatter(x, y, number, name=line.name, meta=meta, **look)

        ended = line.diverged and not (line.gone and panel.log)
        for seed, columns in line.seeds:
            faint = {"mode": "lines", "hoverinfo": "skip", "opacity": 0.4}
            yield curve(columns, seed, "", line={"color": color, "width": 1.1}, **faint)
        count = len(_points(line.columns, panel)[0])
        yield curve(
            line.columns,
            "mean" if line.seeds else "" if line.seed is None else line.seed,
            line.name,
            mode="markers" if count == 1 else "lines+markers" if count <= FEW else "lines",
            line={"color": color, "dash": line.style.dash, "width": 2.6 * size.thick},
            marker={"color": color, "size": (9 if count == 1 else 5) * size.thick},
            hovertemplate=hover(panel.format),
        )
        # Signs hide with their line.
        sign = {"legendgroup": line.name, "hoverinfo": "skip", "cliponaxis": False}
        at = line.reached.get(panel.x)
        if self.target is not None and panel.target and at is not None:
            ring = {"symbol": "circle-open", "size": 11 * size.thick, "line": {"width": 2.5}}
            yield scatter(
                [at],
                [self.target[0]],
                number,
                name="target reached",
                mode="markers",
                text=[line.label],
                marker={"color": color, **ring},
                **sign,
            )
        if line.gone and panel.log:
            rows = [other for other in self.lines if other.gone]
            share = 1 - ROW * (rows.index(line) + 0.6) / (1.04 + len(rows) * ROW)
            yield scatter(
                list(line.gone),
                [share] * len(line.gone),
                number,
                name="diverged",
                mode="markers+text",
                text=["diverged "] + [""] * (len(line.gone) - 1),
                textposition="middle left",
                textfont={"color": color, "size": size.font - 1.5},
                marker={"symbol": "x", "size": 8 * size.thick, "color": color},
                meta={"shares": True},  # heights of the frame, whatever its range is
                **sign,
            )

    def _draw_target(self, layout: dict[str, Any], panel: Panel, number: int) -> None:
        assert self.target is not None
        value = self.target[0]
        layout["shapes"].append(segment(number, y=(value, value), width=1.3))
        for line in self.lines:
            if (at := line.reached.get(panel.x)) is not None:
                drop = segment(
                    number,
                    x=(at, at),
                    y=(value, 1e-12),  # below all that is shown, on a logarithmic axis too
                    name=line.name,
                    color=line.style.color,
                    width=1.2,
                )
                layout["shapes"].append(drop)


def _points(
    columns: dict[str, Numbers], panel: Panel
) -> tuple[list[float], list[float], list[int]]:
    """Return x, y and index of what was measured."""
    pairs = enumerate(zip(columns.get(panel.x, []), columns.get(panel.y, [])))
    there = [(x, y, i) for i, (x, y) in pairs if x is not None and y is not None]
    return [x for x, _, _ in there], [y for _, y, _ in there], [i for _, _, i in there]
