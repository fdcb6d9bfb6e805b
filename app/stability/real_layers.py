"""View 2: the factors of a step over the measured spectra of a real network's layers."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.components.network import model_title
from app.components.notation import count, number
from app.components.run_titles import data_of, title_of
from app.live.assets import plotly_url
from app.live.component import mount
from app.services import get_store
from app.stability import limits
from app.stability.figures import layers_figure
from app.stability.page import DEFAULT_NET, StabilityState
from app.stability.probing import PROBER
from proxprop import paths
from proxprop.analysis.probe import LayerView, ProbeRequest, ProbeResult, layer_views
from proxprop.runs.record import Run
from proxprop.spec.config import ConfigError, RunConfig

INITIAL: dict[str, RunConfig] = {
    DEFAULT_NET: RunConfig(),
    "initial-fashion": RunConfig().replace(**{"data.name": "fashion-mnist"}),
    "initial-convnet": RunConfig().replace(
        **{"model.name": "small-convnet", "model.widths": (8, 16)}
    ),
}
RUNS = 40  # latest ones to choose from
TAUS = tuple(float(f"{digit}e{power}") for power in range(-4, 2) for digit in (1, 2, 5))
COUNTS = (1, 2, 3, 5, 10, 20)
CAPTION = (
    "**A layer's own problem is not training.** A layer's $2/\\lambda_{\\max}$ limits explicit "
    "steps repeated while its target stands still; training moves it. The network's own limits, "
    "above, hold at these weights and move as it learns: with cross-entropy, the loss here, plain "
    "steps come to fail below theirs. No implicit step is stable for every η."
)
SHORT = "A layer's own problem is not training: the network has limits of its own, and they move."
CHART = {"displayModeBar": False, "displaylogo": False, "doubleClick": "reset"}


def real_layers(state: StabilityState) -> None:
    """Show the controls, and the picture once it is measured."""
    request = _controls(state)
    if request is None or (result := _measured(request)) is None:
        return
    views = layer_views(result.layers, state.tau, state.cg)
    figure = layers_figure(
        views,
        gain=state.drawn == "gain",
        dark=st.context.theme.type == "dark",
        lecture=state.lecture,
    )
    _picture(figure, views, state.lecture)
    _limits(result, request.config, state.tau)
    with st.container(key="below"):
        st.markdown(SHORT if state.lecture else CAPTION)
        if state.lecture:
            return
        with st.expander("Numbers of each layer", icon=":material/table_rows:"):
            st.dataframe(layer_table(views), hide_index=True, width="stretch")
            st.caption(
                "Measured in float64 on the first training batch of "
                f"{count(result.samples)} samples ({data_of(request.config)}). The Gram ÃᵀÃ is a "
                "sum over the batch: its spectrum grows with the batch. Left over: "
                "‖φ(θ⁺, a) − z½‖ / ‖φ(θ, a) − z½‖ of the change asked of the layer."
            )
        limits.explanation()


def _controls(state: StabilityState) -> ProbeRequest | None:
    """Show the controls; return what is to be measured, if anything can be."""
    with st.container(key="controls"):
        columns = st.columns([2.1, 1.1, 1.5, 1.1, 1], vertical_alignment="bottom")
    with columns[0]:
        run = _network(state)
    with columns[1]:
        _weights(state, initial=run is None)
    with columns[2]:
        st.select_slider(
            "Proximal step τ = s",
            sorted({*TAUS, state.tau}),
            format_func=number,
            help="Of the implicit steps; the explicit step beside them has s = τ. No unit.",
            **state.bind("tau"),
        )
    with columns[3]:
        st.select_slider(
            "CG steps k", sorted({*COUNTS, state.cg}), help="1 to 20.", **state.bind("cg")
        )
    with columns[4]:
        st.segmented_control(
            "Drawn",
            ("factor", "gain"),
            required=True,
            help="factor: what is left of the change asked for. gain: what is delivered of it.",
            **state.bind("drawn"),
        )
    if run is None:
        return ProbeRequest(config=INITIAL[state.net])
    return _request(run, initial=state.weights == "initial")


def _network(state: StabilityState) -> Run | None:
    """Let a person choose a network; return the run whose weights it has, None for initial ones."""
    store = get_store()
    runs = {run.id: run for run in store.runs(kind="run", limit=RUNS) if store.checkpoints(run.id)}
    if state.net not in INITIAL and state.net not in runs:
        linked = store.get([state.net]).get(state.net)
        if linked is not None and linked.deleted is None and linked.kind == "run":
            runs[linked.id] = linked
        else:
            st.warning(
                f"There is no run {state.net!r}; it may have been deleted. Choose another network."
            )
            state.change(net=DEFAULT_NET)
    st.selectbox(
        "Network",
        [*INITIAL, *runs],
        format_func=lambda name: _label(name, runs.get(name)),
        help="The initial weights of a common network, or a run that has saved weights.",
        **state.bind("net"),
    )
    return runs.get(state.net)


def _label(name: str, run: Run | None) -> str:
    if run is None:
        return f"{data_of(INITIAL[name])}, {model_title(INITIAL[name])}"
    try:
        config = run.config
    except ConfigError:
        return name
    assert isinstance(config, RunConfig)
    # No word on how it stands: the label must stay the same while the run goes on.
    return f"{title_of(run)} · {data_of(config)}, {model_title(config)} · {name}"


def _weights(state: StabilityState, *, initial: bool) -> None:
    if initial:
        st.segmented_control(
            "Weights", ("initial",), default="initial", key="only", required=True, help="Of step 0."
        )
        return
    st.segmented_control(
        "Weights",
        ("trained", "initial"),
        required=True,
        help="trained: the last ones the run saved. initial: those it began with.",
        **state.bind("weights"),
    )


def _request(run: Run, *, initial: bool) -> ProbeRequest | None:
    """Return what is to be measured of a run, or say why nothing can be."""
    try:
        config = run.config
    except ConfigError as error:
        st.warning(f"The settings of this run cannot be read: {error}")
        return None
    assert isinstance(config, RunConfig)
    if initial:
        return ProbeRequest(config=config)
    saved = get_store().checkpoints(run.id)
    if not saved:
        st.warning("This run has saved no weights yet. Choose another, or wait for its first save.")
        return None
    file = (get_store().home or paths.home()) / saved[0].path
    return ProbeRequest(config=config, weights=str(file), step=saved[0].step)


def _measured(request: ProbeRequest) -> ProbeResult | None:
    """Return the result, waiting for it with progress; a rerun or another visitor joins."""
    if (known := PROBER.result(request)) is not None:
        return known
    job = PROBER.start(request)
    place = st.empty()
    bar = place.progress(0.0, "Starting")
    while not job.done.wait(0.15):
        bar.progress(job.progress or 0.0, f"{job.words} …")
    place.empty()
    if job.error:
        st.warning(f"This network could not be measured: {job.error}")
        return None
    return PROBER.result(request)


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


def _limits(result: ProbeResult, config: RunConfig, tau: float) -> None:
    if result.unavailable:
        st.info(result.unavailable)
        return
    with st.container(key="limits"):
        columns = st.columns(4)
    tiles = limits.limit_tiles(result, config, tau)
    for column, (label, value, description) in zip(columns, tiles, strict=True):
        column.metric(label, value, help=description)


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
