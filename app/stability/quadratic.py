"""View 1: a quadratic to drag. The browser computes and draws; the server sends the palette."""

from __future__ import annotations

from dataclasses import asdict

from app.charts.theme import line_style
from app.lecture.scenes import scene_data
from app.live.component import mount

WARN = {"light": "#B34700", "dark": "#EF7A2A"}


def looks() -> dict[str, dict[str, str]]:
    """Return colour and dash of each kind of step, as everywhere."""
    return {
        "explicit": asdict(line_style("explicit")),
        "exact": asdict(line_style("exact")),
        "cg": asdict(line_style("cg")),
        "momentum": asdict(line_style("explicit", "adam")),  # the other of the explicit family
    }


def drag_a_quadratic(*, lecture: bool) -> None:
    """Show the quadratic with its controls, trajectories, factors and caption.

    Args:
        lecture: Type of at least 18 pt and thick lines.
    """
    data = {"looks": looks(), "warn": WARN, "lecture": lecture, **scene_data()}
    mount("quadratic", data, key="quadratic", height=None)
