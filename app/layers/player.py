"""Slow motion: the trace of one step, played in the browser without a word to the server."""

from __future__ import annotations

from typing import Any

from app.charts.theme import BLUE, VERMILION
from app.lecture.scenes import scene_data
from app.live.component import mount
from app.mathml import mathml
from proxprop.analysis.questions import StepQuestion

MOST_LAYERS = 2  # hidden ones whose energies have bars of their own


def player(question: StepQuestion, trace: dict[str, Any], *, lecture: bool) -> None:
    """Show the player."""
    parts = energy_parts(len(trace["layers"]) - 1)
    data = {
        "trace": {name: trace[name] for name in ("layers", "frames")},
        "energies": parts,
        "formulas": {tex: mathml(tex) for tex in formulas(trace, parts)},
        "digest": question.digest,
        "lecture": lecture,
        **scene_data(),
        "colors": {"explicit": VERMILION, "implicit": BLUE},
    }
    mount("slowmotion", data, key="slowmotion", height=None)


def energy_parts(hidden: int) -> list[dict[str, Any]]:
    """Return E and its terms: formula, and where in a stage's energies its value stands.

    Args:
        hidden: Hidden layers; the terms of more than `MOST_LAYERS` are summed over them.
    """
    terms = (
        ("activation", r"\tfrac\gamma2 \| \sigma(z_%s) - a_%s \|^2"),
        ("linear", r"\tfrac\rho2 \| \varphi_%s - z_%s \|^2"),
    )
    parts: list[dict[str, Any]] = [{"tex": "E", "at": ["total"]}, {"tex": "L_y", "at": ["data"]}]
    if hidden > MOST_LAYERS:
        summed = [{"tex": r"\text{all } " + tex % ("l", "l"), "at": [name]} for name, tex in terms]
        return parts + summed
    return parts + [
        {"tex": tex % (layer, layer), "at": [name, layer - 1]}
        for layer in range(hidden, 0, -1)
        for name, tex in terms
    ]


def formulas(trace: dict[str, Any], parts: list[dict[str, Any]]) -> set[str]:
    """Return all the mathematics that the player shows, as LaTeX."""
    found = {part["tex"] for part in parts}
    for frame in trace["frames"]:
        found |= {frame["equation"]}
        found |= {number["tex"] for number in frame["numbers"]}
        found |= {tile["label"] for tile in frame["tiles"]}
    return found
