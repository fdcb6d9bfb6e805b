"""View 2: the factors of a step over the measured spectra of a real network's layers."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.components.run_titles import data_of
from app.live.assets import plotly_url
from app.live.component import mount
from app.stability import limits
from app.stability.dark import is_dark
from app.stability.figures import layers_figure
from app.stability.networks import choose_network, choose_weights, request_for
from app.stability.probing import PROBER, Prober
from app.words import count, number
from proxprop.analysis.momentum import limit_factor
from proxprop.analysis.probe import LayerView, ProbeRequest, ProbeResult, layer_views
from proxprop.spec.config import RunConfig

TAUS = tuple(f"{digit}e{power}" for power in range(-4, 2) for digit in (1, 2, 5))
COUNTS = ("1", "2", "3", "5", "10", "20")
QUANTITIES = ("factor", "gain")
CAPTION = (
    "**A layer's own problem is not training.** A layer's $2/\\lambda_{\\max}$ limits explicit "
    "steps repeated while its target stands still; training moves it. The network's own limits, "
    "above, hold at these weights and move as it learns: with cross-entropy, the loss here, plain "
    "steps come to fail below theirs. No implicit step is stable for every η."
)
SHORT = "A layer's own problem is not training: the network has limits of its own, and they move."


def real_layers(*, lecture: bool) -> None:
    """Show the controls, and the picture once it is measured."""
    request, tau, cg_steps, gain = _controls()
    if request is None:
        return
    result = _measured(request, PROBER)
    if result is None:
        return
    views = layer_views(result.layers, tau, cg_steps)
    _picture(layers_figure(views, gain=gain, dark=is_dark(), lecture=lecture), views, lecture)
    _limits(result, request.config, tau)
    with st.container(key="told"):
        st.markdown(SHORT if lecture else CAPTION)
        if lecture:
            return
        with st.expander("Numbers of each layer", icon=":material/table_rows:"):
            st.dataframe(layer_table(views), hide_index=True, width="stretch")
            st.caption(batch_words(result, request.config))
        with st.expander("What the network's limits predict, and what not", icon=":material/rule:"):
            st.markdown(limits.WHY)


def _picture(figure: go.Figure, views: Sequence[LayerView], lecture: bool) -> None:
    """Show the figure; the browser gives it the room the window has."""
    data = {
        "figure": json.loads(figure.to_json(engine="json")),
        "layers": [view.probe.name for view in views],
        "plotly": plotly_url(),
        "config": CHART,
        "lecture": lecture,
        "least": 300,
        "below": 150 if lecture else 214,  # of tiles and words, in a small window
    }
    mount("layers_view", data, key="layers.figure", height=None)


CHART = {"displayModeBar": False, "displaylogo": False, "doubleClick": "reset"}


def _controls() -> tuple[ProbeRequest | None, float, int, bool]:
    with st.container(key="controls"):
        columns = st.columns([2.1, 1.1, 1.5, 1.1, 1], vertical_alignment="bottom")
    left, which, middle, right, last = columns
    with left:
        chosen = choose_network()
    with which:
        weights = choose_weights(chosen)
    with middle:
        tau = st.select_slider(
            "Proximal step τ = s",
            TAUS,
            value="5e-2",
            format_func=lambda text: number(float(text)),
            key="tau",
            bind="query-params",
            help="Of the implicit steps; the explicit step beside them has s = τ. No unit.",
        )
    with right:
        steps = st.select_slider(
            "CG steps k", COUNTS, value="3", key="cg", bind="query-params", help="1 to 20."
        )
    with last:
        quantity = st.segmented_control(
            "Drawn",
            QUANTITIES,
            default="factor",
            required=True,
            key="drawn",
            bind="query-params",
            help="factor: what is left of the change asked for. gain: what is delivered of it.",
        )
    return request_for(chosen, weights), float(tau), int(steps), quantity == "gain"


def _measured(request: ProbeRequest, prober: Prober) -> ProbeResult | None:
    """Return the result, waiting for it with progress; a rerun or another visitor joins."""
    found = prober.result(request)
    if found is not None:
        return found
    job = prober.start(request)
    place = st.empty()
    bar = place.progress(0.0, "Starting")
    while not job.done.wait(0.15):
        bar.progress(job.progress or 0.0, f"{job.words} …")
    place.empty()
    if job.error:
        st.warning(f"This network could not be measured: {job.error}")
        return None
    return prober.result(request)


def _limits(result: ProbeResult, config: RunConfig, tau: float) -> None:
    if result.unavailable:
        st.info(result.unavailable)
        return
    with st.container(key="limits"):
        columns = st.columns(4)
    tiles = limit_tiles(result, config, tau)
    for column, (label, value, words) in zip(columns, tiles, strict=True):
        column.metric(label, value, help=words)


def limit_tiles(result: ProbeResult, config: RunConfig, tau: float) -> list[tuple[str, str, str]]:
    """Return label, value and help of the network's own limits."""
    factor, with_momentum = momentum_factor(config)

    def limit(sharpness: float | None) -> str:
        if sharpness is None:
            return "–"
        return f"η < {number(factor / sharpness)}" if sharpness > 0 else "any η"

    whole = result.sharpness_at(tau)
    matched = f", that is η·τ < {number(factor * tau / whole)}" if whole else ""
    ratio = config.optimizer.last_lr / config.optimizer.lr
    last = "η" if ratio == 1 else f"{number(ratio)}·η"
    return [
        (
            "Loss J here",
            number(result.loss),
            f"Mean over {count(result.samples)} samples, after {count(result.step)} steps.",
        ),
        (
            "Network, explicit",
            limit(result.sharpness),
            f"2/λ_max(∇²J), the local limit of plain descent{with_momentum}.",
        ),
        (
            "Network, implicit",
            limit(whole),
            f"2/λ_max(P∇²J), P = (ÃᵀÃ + I/τ)⁻¹, τ = {number(tau)}; explicit layers step with "
            f"{last}{matched}{with_momentum}. CG has no limit of this kind; the exact step's is a "
            "guide.",
        ),
        (
            "Its implicit layers alone",
            limit(result.sharpness_at(tau, alone=True)),
            f"The same with the explicit layers standing still{with_momentum}: where this is far "
            "larger, it is the explicit layer that sets the network's limit.",
        ),
    ]


def momentum_factor(config: RunConfig) -> tuple[float, str]:
    """Return what stands in place of the 2 in 2/λ, and why."""
    optimizer = config.optimizer
    if optimizer.name in ("momentum", "nesterov"):
        nesterov = optimizer.name == "nesterov"
        factor = limit_factor(optimizer.momentum, nesterov=nesterov)
        kind = "Nesterov" if nesterov else "momentum"
        words = f"; with {kind} β = {number(optimizer.momentum)} it is {number(factor)}/λ_max"
        return factor, words
    if optimizer.name == "sgd":
        return 2.0, ""
    return 2.0, "; for steps of SGD without momentum, not those of this run's optimizer"


def layer_table(views: Sequence[LayerView]) -> pd.DataFrame:
    """Return the measured numbers of each layer."""
    return pd.DataFrame(
        {
            "layer": [view.probe.name for view in views],
            "weight step": ["implicit" if v.probe.implicit else "explicit" for v in views],
            "rows × columns": [f"{v.probe.rows} × {v.probe.columns}" for v in views],
            "λ_max": [number(view.probe.lambda_max, 4) for view in views],
            "± error": [number(view.probe.lambda_max_error, 1) for view in views],
            "own limit 2/λ_max": [number(view.probe.subproblem_limit) for view in views],
            "condition at τ": [number(view.condition) for view in views],
            "left over, explicit": [number(view.overshoot["explicit"]) for view in views],
            "left over, implicit": [number(view.overshoot["exact"]) for view in views],
            "left over, CG": [number(view.overshoot["cg"]) for view in views],
            "CG seen on": [_coverage(view) for view in views],
        }
    )


def _coverage(view: LayerView) -> str:
    probe, kept = view.probe, len(view.probe.components)
    if kept == probe.units:
        return "all units"
    return f"{kept} of {count(probe.units)} units, {100 * probe.coverage:.0f} % of the request"


def batch_words(result: ProbeResult, config: RunConfig) -> str:
    """Return what was measured on, in words."""
    return (
        f"Measured in float64 on the first training batch of {count(result.samples)} samples "
        f"({data_of(config)}). The Gram ÃᵀÃ is a sum over the batch: its spectrum grows with the "
        "batch. Left over: ‖φ(θ⁺, a) − z½‖ / ‖φ(θ, a) − z½‖ of the change asked of the layer."
    )
