"""The search of step sizes as a picture: every trial a dot over η."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from app.charts.contender_styles import line_styles
from app.charts.frame import axis, framed, scatter, sizes
from app.components.notation import exact_number, number
from proxprop.spec.config import Contender
from proxprop.spec.racing import SearchPayload, labels
from proxprop.spec.racing.search import TrialPayload

CRITERIA = {"validation_loss": "validation loss", "train_loss": "training loss"}


def search_figure(
    payload: SearchPayload, contenders: Sequence[Contender], *, lecture: bool = False
) -> go.Figure:
    """Return the trials over η, each contender's winner ringed; those that diverged stand on top.

    Args:
        payload: The search as far as it has come.
        contenders: Who is searched.
        lecture: Larger type.
    """
    size, every = sizes(lecture), payload["results"]
    top = 1.6 * max((r["score"] for r in every if r["score"] is not None), default=1.0)
    places = [math.log10(r["lr"]) for r in every] or [-2.0, 0.0]
    data: list[dict[str, Any]] = []
    for index, (name, style) in enumerate(zip(labels(contenders), line_styles(contenders))):
        trials = [r for r in every if r["contender"] == index]
        symbols = ["x" if r["score"] is None else "circle" for r in trials]
        data.append(
            scatter(
                [r["lr"] for r in trials],
                [top if r["score"] is None else r["score"] for r in trials],
                name=name,
                mode="markers",
                text=[_described(r) for r in trials],
                hovertemplate=f"%{{text}}<extra>{name}</extra>",
                line={"color": style.color, "dash": style.dash, "width": 2.5},
                marker={"color": style.color, "size": 9 * size.thick, "symbol": symbols},
                meta={"label": name, "about": {"contender": name}},
            )
        )
        if (winner := payload["winners"][index]) is not None:
            best = trials[winner]
            ring = {"symbol": "circle-open", "size": 19 * size.thick, "line": {"width": 3}}
            data.append(
                scatter(
                    [best["lr"]],
                    [best["score"]],
                    name="winner",
                    legendgroup=name,
                    mode="markers+text",
                    text=[f"η {exact_number(best['lr'])}"],
                    textposition="top center",
                    hoverinfo="skip",
                    marker={"color": style.color, **ring},
                )
            )
    measure = f"{CRITERIA[payload['criterion']]} after {exact_number(payload['epochs'])} epochs"
    ends = [min(places) - 0.2, max(places) + 0.2]
    layout = {
        "hovermode": "closest",
        "xaxis": axis(size, "step size η", type="log", dtick=1, range=ends),
        "yaxis": axis(size, measure, type="log"),
    }
    margin = {"l": 4.9 * size.font, "r": 12, "t": 1.6 * size.font, "b": 3.4 * size.font}
    return framed(data, layout, size, margin, names="legend", csv=["lr", payload["criterion"]])


def _described(trial: TrialPayload) -> str:
    sizes = [f"η {exact_number(trial['lr'])}"]
    if trial["tau"] is not None:
        sizes.append(f"τ {exact_number(trial['tau'])}")
    if trial["explicit_lr"] != trial["lr"]:
        sizes.append(f"explicit η {exact_number(trial['explicit_lr'])}")
    score = "diverged" if trial["score"] is None else f"loss {number(trial['score'])}"
    return f"{', '.join(sizes)}: {score}"
