"""View 2: the factors of a step over the measured spectra of a real network's layers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.charts.spectra import layers_figure
from app.components.answers import answered
from app.components.network import model_title
from app.components.notation import as_written, count, number
from app.components.recorded import recorded_label
from app.components.run_settings import offered_runs, single_config
from app.components.run_titles import config_of, data_of, title_of
from app.components.tables import show_table
from app.live.chart import show_figure
from app.questions import QuestionFailed
from app.services import get_store
from app.stability import limits
from app.stability.page import DEFAULT_NET, LAYERS, StabilityState
from app.state.url_state import Query
from proxprop.analysis.questions import SpectraQuestion
from proxprop.analysis.spectra import LayerResponse, LayerSpectrum, NetworkSpectra
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


def real_layers(state: StabilityState) -> None:
    """Show the controls, and the picture once it is measured."""
    question = _controls(state)
    if question is None or (spectra := _measured(question)) is None:
        return
    recorded_label(question, "spectra")
    responses = [layer.response(state.tau, state.cg) for layer in spectra.layers]
    show_figure(
        layers_figure(responses, gain=state.drawn == "gain", lecture=state.lecture),
        key="layers.figure",
        title="What does one step leave of each component?",
        height=300,
        widest="50vw",
        below=138 if state.lecture else 214,  # of tiles and words, in a small window
        lecture=state.lecture,
        file="proxprop-layers",
    )
    _limits(spectra, question.config, state.tau)
    if state.lecture:
        return
    with st.container(key="below"):
        st.markdown(CAPTION)
        with st.expander("Numbers of each layer", icon=":material/table_rows:"):
            show_table(layer_table(responses), "Numbers of each layer")
            st.caption(
                "Measured in float64 on the first training batch of "
                f"{count(spectra.samples)} samples ({data_of(question.config)}). The Gram ÃᵀÃ is a "
                "sum over the batch: its spectrum grows with the batch. Left over: the share of "
                "the change asked of the layer that a step leaves, "
                "‖φ(θ⁺, a) − z½‖ / ‖φ(θ, a) − z½‖; above 1 the step overshoots."
            )
        limits.explanation()


def _controls(state: StabilityState) -> SpectraQuestion | None:
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
        return SpectraQuestion(config=INITIAL[state.net])
    return _question(run, initial=state.weights == "initial")


def question_of(query: Query) -> SpectraQuestion | None:
    """Return what a link asks, None where it asks nothing or what cannot be answered."""
    state = StabilityState.from_query(query)
    if state.view != LAYERS:
        return None
    if state.net in INITIAL:
        return SpectraQuestion(config=INITIAL[state.net])
    run = get_store().get([state.net]).get(state.net)
    saved = get_store().checkpoints(state.net)
    if run is None or not saved:
        return None
    config = single_config(run)
    if state.weights == "initial":
        return SpectraQuestion(config=config)
    return SpectraQuestion(config=config, run=run.id, step=saved[0].step)


def _network(state: StabilityState) -> Run | None:
    """Let a person choose a network; return the run whose weights it has, None for initial ones."""
    linked = "" if state.net in INITIAL else state.net
    every = offered_runs("run", RUNS, linked)
    saved = get_store().checkpoints
    runs = {name: run for name, run in every.items() if name == linked or saved(name)}
    if linked and linked not in runs:
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
    config = config_of(run)
    if not isinstance(config, RunConfig):
        return name
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


def _question(run: Run, *, initial: bool) -> SpectraQuestion | None:
    """Return what is to be measured of a run, or say why nothing can be."""
    try:
        config = single_config(run)
    except ConfigError as error:
        st.warning(f"The settings of this run cannot be read: {as_written(str(error))}")
        return None
    if initial:
        return SpectraQuestion(config=config)
    saved = get_store().checkpoints(run.id)
    if not saved:
        st.warning("This run has saved no weights yet. Choose another, or wait for its first save.")
        return None
    return SpectraQuestion(config=config, run=run.id, step=saved[0].step)


def _measured(question: SpectraQuestion) -> NetworkSpectra | None:
    """Return the spectra, once they are measured; None where it shows why they are not."""
    try:
        return NetworkSpectra.parse(answered(question, "spectra", "Measuring the network"))
    except QuestionFailed as error:
        st.warning(f"This network could not be measured: {as_written(str(error))}")
        return None


def _limits(spectra: NetworkSpectra, config: RunConfig, tau: float) -> None:
    if spectra.unavailable:
        st.info(spectra.unavailable)
        return
    with st.container(key="limits"):
        columns = st.columns(4)
    tiles = limits.limit_tiles(spectra, config, tau)
    for column, (label, value, description) in zip(columns, tiles, strict=True):
        column.metric(label, value, help=description)


def layer_table(responses: Sequence[LayerResponse]) -> pd.DataFrame:
    """Return the measured numbers of each layer."""
    layers = [response.layer for response in responses]
    return pd.DataFrame(
        {
            "layer": [layer.name for layer in layers],
            "weight step": ["implicit" if layer.implicit else "explicit" for layer in layers],
            "rows × columns": [f"{layer.rows} × {layer.columns}" for layer in layers],
            "λ_max": [number(layer.lambda_max, 4) for layer in layers],
            "± error": [number(layer.lambda_max_error, 1) for layer in layers],
            "own limit 2/λ_max": [number(layer.subproblem_limit) for layer in layers],
            "condition at τ": [number(r.layer.condition(r.tau)) for r in responses],
            "left over, explicit": [number(r.overshoot["explicit"]) for r in responses],
            "left over, implicit": [number(r.overshoot["exact"]) for r in responses],
            "left over, CG": [number(r.overshoot["cg"]) for r in responses],
            "CG seen on": [_coverage(layer) for layer in layers],
        }
    )


def _coverage(layer: LayerSpectrum) -> str:
    kept = len(layer.components)
    if kept == layer.units:
        return "all units"
    return f"{kept} of {count(layer.units)} units, {100 * layer.coverage:.0f} % of the request"
