"""Slow motion: the trace of one step, played in the browser without a word to the server."""

from __future__ import annotations

import time
from typing import Any

import streamlit as st

from app.charts.theme import BLUE, DARK_LINES, VERMILION
from app.layers.choice import Choice, key, lecture
from app.layers.tracing import Part, TracingFailed, digest, get_tracer
from app.live.component import mount
from proxprop.analysis.slow_motion import TraceRequest


def traced(request: TraceRequest) -> dict[str, Any] | None:
    """Return the stages of a step, telling how it goes meanwhile; words if there are none."""
    return _part(request, "motion", "Computing the step in float64")


def checked(request: TraceRequest) -> dict[str, Any] | None:
    """Return measures and checks of a step, while its stages play already."""
    return _part(request, "findings", "Measuring and checking the step")


def _part(request: TraceRequest, part: Part, doing: str) -> dict[str, Any] | None:
    place, start = st.empty(), time.monotonic()

    def tell(words: str, share: float | None) -> None:
        elapsed = f" ({time.monotonic() - start:.0f} s)"
        place.progress(share or 0.0, text=f"{doing}: {words} …{elapsed}")

    try:
        found = get_tracer().trace(request, part, tell)
    except TracingFailed as error:
        with place.container():
            st.error(str(error))
            st.button("Try again", key=key(f"again-{part}"), icon=":material/replay:")
        return None
    place.empty()
    return found


def player(choice: Choice, trace: dict[str, Any]) -> None:
    """Show the player."""
    assert choice.request is not None
    data = {
        "trace": {name: trace[name] for name in ("layers", "frames")},
        "digest": digest(choice.request),
        "lecture": lecture(),
        "colors": {"explicit": VERMILION, "implicit": BLUE},
        "darkLines": DARK_LINES,
    }
    mount("slowmotion", data, key="slowmotion", height=None)


def standing(trace: dict[str, Any]) -> str:
    """Return one line on what is shown."""
    told = trace["setting"]
    same = told["explicit_lr"] == told["lr"]
    last = "" if same else f", last layer's η {told['explicit_lr']:g}"
    whose = f"{told['state'][0].upper()}{told['state'][1:]}"
    return (
        f"{whose} · {told['data']}, batch N = {told['batch']} · "
        f"J = {told['loss']:.3g} · η = {told['lr']:g}{last}, ρ = γ = 1/η, τ = {told['tau']:g}. "
        "Momentum and Adam come after this: they take the direction in place of a gradient."
    )
