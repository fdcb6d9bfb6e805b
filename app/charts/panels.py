"""Recorded curves: several measures of the same contenders, side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from app.charts.curves import DIRECT, hover, ticks
from app.charts.frame import MUTED, Sizes, axis, framed, heading, level, note, of, sizes
from app.charts.theme import LineStyle

Numbers = list[float | None]
FEW = 25  # points up to which each is drawn
LONGEST = 24  # letters of a name that is not in the way of the picture
ROW = 0.075  # of the height: room for the crosses of one line's diverged runs


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        title: What is held against what.
        x: Column on the horizontal axis.
        y: Column on the vertical axis.
        x_title: Axis title with unit.
        y_title: Axis title with symbol.
        log: Whether the vertical axis may be logarithmic, and starts so.
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
    log: bool = False
    percent: bool = False
    target: bool = False
    x_log: bool = False
    x_ticks: tuple[float, ...] = ()


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
            place = {"xaxis": of("x", number), "yaxis": of("y", number)}
            made = [t for line in self.lines for t in self._traces(line, panel, size)]
            data += [{**trace, **place} for trace in made]
            layout[of("xaxis", number)] = _across(self.lines, panel, size, place["yaxis"])
            layout[of("yaxis", number)] = axis(
                size,
                panel.y_title,
                anchor=place["xaxis"],
                type="log" if panel.log else "linear",
                tickformat=ticks(_format(panel)),
            )
            layout["annotations"].append(heading(f"<b>{panel.title}</b>", number, size.font + 1))
            if panel.target and self.target is not None:
                self._draw_target(layout, panel, number)
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

    def _traces(self, line: Line, panel: Panel, size: Sizes) -> Iterator[dict[str, Any]]:
        """Return the seeds of a line faintly, the line, and what stands along it."""
        about = {"figure": panel.title, "contender": line.label}
        columns = {"x": panel.x, "y": panel.y}
        color = line.style.color
        for seed, own in line.seeds:
            yield {
                **_scatter(line, _points(own, panel)),
                "mode": "lines",
                "hoverinfo": "skip",
                "line": {"color": color, "width": 1.1},
                "opacity": 0.4,
                "meta": {"label": "", "about": {**about, "seed": seed, **columns}},
            }
        points = _points(line.columns, panel)
        mode = "markers" if len(points) == 1 else "lines+markers" if len(points) <= FEW else "lines"
        std = line.std.get(panel.y)
        whose = "mean" if line.seeds else "" if line.seed is None else line.seed
        yield {
            **_scatter(line, points),
            "mode": mode,
            "line": {"color": color, "dash": line.style.dash, "width": 2.6 * size.thick},
            "marker": {"color": color, "size": (9 if len(points) == 1 else 5) * size.thick},
            "hovertemplate": hover(_format(panel)),
            "meta": {
                "label": line.name,
                "about": {**about, "seed": whose, **columns},
                "std": [std[i] for _, _, i in points] if std else None,
                "ended": line.diverged and not (line.gone and panel.log),
            },
        }
        at = line.reached.get(panel.x)
        if self.target is not None and panel.target and at is not None:
            yield {
                **_sign(line, "target reached", [at], [self.target[0]]),
                "mode": "markers",
                "text": [line.label],
                "marker": {
                    "symbol": "circle-open",
                    "size": 11 * size.thick,
                    "color": color,
                    "line": {"width": 2.5},
                },
            }
        if line.gone and panel.log:
            rows = [one for one in self.lines if one.gone]
            share = 1 - ROW * (rows.index(line) + 0.6) / (1.04 + len(rows) * ROW)
            yield {
                **_sign(line, "diverged", list(line.gone), [share] * len(line.gone)),
                "mode": "markers+text",
                "text": ["diverged "] + [""] * (len(line.gone) - 1),
                "textposition": "middle left",
                "textfont": {"color": color, "size": size.font - 1.5},
                "marker": {"symbol": "x", "size": 8 * size.thick, "color": color},
                "meta": {"shares": True},  # heights of the frame, whatever its range is
            }

    def _draw_target(self, layout: dict[str, Any], panel: Panel, number: int) -> None:
        assert self.target is not None
        value, words = self.target
        layout["shapes"].append(level(value, number, width=1.3))
        for line in self.lines:
            if (at := line.reached.get(panel.x)) is not None:
                drop = {"x0": at, "x1": at, "y0": value, "y1": 1e-12, "type": "line"}
                where = {"xref": of("x", number), "yref": of("y", number), "layer": "below"}
                look = {"color": line.style.color, "width": 1.2, "dash": "dot"}
                layout["shapes"].append({**drop, **where, "line": look, "name": line.name})
        layout["annotations"].append(
            note(words, number, name="level", x=1, y=value, yref=of("y", number), opacity=MUTED)
        )


def _points(columns: dict[str, Numbers], panel: Panel) -> list[tuple[float, float, int]]:
    """Return x, y and index of what was measured."""
    pairs = zip(columns.get(panel.x, []), columns.get(panel.y, []))
    return [(x, y, i) for i, (x, y) in enumerate(pairs) if x is not None and y is not None]


def _scatter(line: Line, points: list[tuple[float, float, int]]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": line.name,
        "x": [x for x, _, _ in points],
        "y": [y for _, y, _ in points],
    }


def _sign(line: Line, name: str, x: list[float], y: list[float]) -> dict[str, Any]:
    """Return what stands along a line, and hides with it."""
    place = {"x": x, "y": y, "cliponaxis": False}
    return {"type": "scatter", "name": name, "legendgroup": line.name, "hoverinfo": "skip", **place}


def _format(panel: Panel) -> str:
    return ".1%" if panel.percent else ".3~g"


def _across(lines: tuple[Line, ...], panel: Panel, size: Sizes, anchor: str) -> dict[str, Any]:
    words = {"hoverformat": ".3~g", "unifiedhovertitle": {"text": f"{panel.x_title}: %{{x}}"}}
    if not panel.x_log:
        return axis(size, panel.x_title, anchor=anchor, **words)
    every = [x for line in lines for x in [*line.columns.get(panel.x, []), *line.gone]]
    places = [math.log10(x) for x in every if x is not None and x > 0] or [-2.0, 0.0]
    room = 0.06 * ((max(places) - min(places)) or 1)
    marks: dict[str, Any] = {"dtick": 1, "tickfont": {"size": size.tick / 1.25}}
    if panel.x_ticks:
        text = [f"{value:g}" for value in panel.x_ticks]
        marks = {"tickvals": list(panel.x_ticks), "ticktext": text}
    ends = [min(places) - room, max(places) + room]
    return axis(size, panel.x_title, anchor=anchor, type="log", range=ends, **{**words, **marks})
