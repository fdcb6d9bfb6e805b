"""The search of step sizes as a picture: every trial a dot over η."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from app.charts.contender_styles import line_styles
from app.charts.theme import DARK_LINES, template
from app.components.notation import exact_number, number
from proxprop.spec.config import Contender
from proxprop.spec.racing import SearchPayload, labels
from proxprop.spec.racing.search import TrialPayload

CRITERIA = {"validation_loss": "validation loss", "train_loss": "training loss"}


def search_figure(
    payload: SearchPayload, contenders: Sequence[Contender], *, dark: bool = False, title: str = ""
) -> go.Figure:
    """Return the trials over η, each contender's winner ringed; those that diverged stand on top.

    Args:
        payload: The search as far as it has come.
        contenders: Who is searched.
        dark: Whether for the dark theme.
        title: What stands above.
    """
    figure = go.Figure()
    worst = max((r["score"] for r in payload["results"] if r["score"] is not None), default=1.0)
    names = labels(contenders)
    for index, style in enumerate(line_styles(contenders)):
        color = DARK_LINES.get(style.color, style.color) if dark else style.color
        trials = [r for r in payload["results"] if r["contender"] == index]
        figure.add_trace(_dots(trials, names[index], color, 1.6 * worst))
        if (winner := payload["winners"][index]) is not None:
            figure.add_trace(_ring(trials[winner], color))
    measure = f"{CRITERIA[payload['criterion']]} after {exact_number(payload['epochs'])} epochs"
    figure.update_layout(
        template=template(dark),
        title={"text": title, "x": 0, "font": {"size": 15.5}},
        xaxis={"type": "log", "title": "step size η", "dtick": 1},
        yaxis={"type": "log", "title": measure, **_ticks(payload["results"])},
        hovermode="closest",
    )
    return figure


def _ticks(trials: Sequence[TrialPayload]) -> dict[str, object]:
    """Return ticks at 1, 2 and 5 of each decade."""
    scores = [r["score"] for r in trials if r["score"]]
    if not scores:
        return {}
    decades = range(math.floor(math.log10(min(scores))), math.ceil(math.log10(max(scores))) + 1)
    values = [float(f"{factor}e{decade}") for decade in decades for factor in (1, 2, 5)]
    return {"tickvals": values, "ticktext": [exact_number(value) for value in values]}


def _dots(trials: Sequence[TrialPayload], name: str, color: str, top: float) -> go.Scatter:
    return go.Scatter(
        x=[r["lr"] for r in trials],
        y=[top if r["score"] is None else r["score"] for r in trials],
        mode="markers",
        name=name,
        text=[_described(r) for r in trials],
        hovertemplate="%{text}<extra>" + name + "</extra>",
        marker={
            "color": color,
            "size": 9,
            "symbol": ["x" if r["score"] is None else "circle" for r in trials],
        },
    )


def _ring(winner: TrialPayload, color: str) -> go.Scatter:
    return go.Scatter(
        x=[winner["lr"]],
        y=[winner["score"]],
        mode="markers+text",
        text=[f"η {exact_number(winner['lr'])}"],
        textposition="bottom center",
        showlegend=False,
        hoverinfo="skip",
        name="winner",
        marker={"symbol": "circle-open", "size": 19, "color": color, "line": {"width": 3}},
    )


def _described(trial: TrialPayload) -> str:
    sizes = [f"η {exact_number(trial['lr'])}"]
    if trial["tau"] is not None:
        sizes.append(f"τ {exact_number(trial['tau'])}")
    if trial["explicit_lr"] != trial["lr"]:
        sizes.append(f"explicit η {exact_number(trial['explicit_lr'])}")
    score = "diverged" if trial["score"] is None else f"loss {number(trial['score'])}"
    return f"{', '.join(sizes)}: {score}"
