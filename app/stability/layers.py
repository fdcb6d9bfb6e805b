"""View 2: the factors of a step over the measured spectra of a real network's layers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.forms.task import model_title
from app.runs.words import data_of, title_of
from app.services import get_store
from app.stability.dark import is_dark
from app.stability.figures import layers_figure
from app.stability.probing import PROBER, Prober
from app.words import count, number
from proxprop import paths
from proxprop.config import ConfigError, RunConfig
from proxprop.probe import LayerView, ProbeRequest, ProbeResult, layer_views
from proxprop.runs.record import Run
from proxprop.spectrum import limit_factor

TAUS = tuple(f"{digit}e{power}" for power in range(-4, 2) for digit in (1, 2, 5))
COUNTS = ("1", "2", "3", "5", "10", "20")
QUANTITIES = ("factor", "gain")
DEFAULT = "initial"
RUNS = 40
CAPTION = (
    "**A layer's own problem, not training.** 2/λ_max limits explicit steps repeated on a layer's "
    "problem with its target held still. Training moves the target at every step: its own, local "
    "limits are the numbers above, at these weights and on this batch. They belong to this point "
    "and move as the network learns. No implicit step is stable for every η."
)


def real_layers(*, lecture: bool) -> None:
    """Show the controls, and the picture once it is measured."""
    request, tau, cg_steps, gain = _controls()
    if request is None:
        return
    result = _measured(request, PROBER)
    if result is None:
        return
    views = layer_views(result.layers, tau, cg_steps)
    figure = layers_figure(
        views, gain=gain, dark=is_dark(), lecture=lecture, height=380 if lecture else 318
    )
    st.plotly_chart(figure, key="layers.figure", theme=None, config=EXPORT)
    _limits(result, request.config, tau)
    st.caption(CAPTION.replace("2/λ_max", r"$2/\lambda_{\max}$"))
    with st.expander("Numbers of each layer", icon=":material/table_rows:"):
        st.dataframe(layer_table(views), hide_index=True, width="stretch")
        st.caption(batch_words(result, request.config))


EXPORT = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "svg", "filename": "proxprop-layers"},
}


def _controls() -> tuple[ProbeRequest | None, float, int, bool]:
    runs = _choices()
    _restore(runs)
    left, middle, right, last = st.columns([2.2, 1.6, 1.2, 1], vertical_alignment="bottom")
    with left:
        chosen = st.selectbox(
            "Network",
            [DEFAULT, *runs],
            format_func=lambda run_id: _label(runs.get(run_id)),
            key="net",
            on_change=_remember,
            help="The initial weights of the default settings, or the last saved ones of a run.",
        )
    with middle:
        tau = st.select_slider(
            "Proximal step τ, and s = τ",
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
    run = runs.get(chosen)
    return _request(run), float(tau), int(steps), quantity == "gain"


def _choices() -> dict[str, Run]:
    store = get_store()
    runs = {run.id: run for run in store.runs(kind="run", limit=RUNS) if _saved(run)}
    asked = st.query_params.get("net", "")
    if asked and asked not in runs:
        runs.update({i: run for i, run in store.get([asked]).items() if run.deleted is None})
    return runs


def _restore(runs: dict[str, Run]) -> None:
    asked = st.query_params.get("net", DEFAULT)
    if "net" not in st.session_state and asked in (DEFAULT, *runs):
        st.session_state["net"] = asked
    if asked != DEFAULT and asked not in runs:
        st.warning(f"There is no run {asked!r}; it may have been deleted. Choose another network.")


def _remember() -> None:
    if st.session_state["net"] == DEFAULT:
        st.query_params.pop("net", None)
    else:
        st.query_params["net"] = st.session_state["net"]


def _saved(run: Run) -> bool:
    return bool(get_store().checkpoints(run.id))


def _label(run: Run | None) -> str:
    if run is None:
        config = RunConfig()
        return f"Initial weights, {data_of(config)}, {model_title(config)}"
    try:
        config = run.config
    except ConfigError:
        return run.id
    assert isinstance(config, RunConfig)
    # No word on how it stands: the label must stay the same while the run goes on.
    return f"{title_of(run)} · {data_of(config)}, {model_title(config)} · {run.id}"


def _request(run: Run | None) -> ProbeRequest | None:
    if run is None:
        return ProbeRequest(config=RunConfig())
    try:
        config = run.config
    except ConfigError as error:
        st.warning(f"The settings of this run cannot be read: {error}")
        return None
    if not isinstance(config, RunConfig):
        st.warning(f"{run.id} is a {run.kind}, which has no single network. Choose a run.")
        return None
    saved = get_store().checkpoints(run.id)
    if not saved:
        st.warning("This run has saved no weights yet. Choose another, or wait for its first save.")
        return None
    file = (get_store().home or paths.home()) / saved[0].path
    return ProbeRequest(config=config, weights=str(file), step=saved[0].step)


def _measured(request: ProbeRequest, prober: Prober) -> ProbeResult | None:
    """Return the result, waiting for it with progress; a rerun or another visitor joins."""
    found = prober.result(request)
    if found is not None:
        return found
    job = prober.start(request)
    bar = st.progress(0.0, "Starting")
    while not job.done.wait(0.15):
        bar.progress(job.progress or 0.0, f"{job.words} …")
    bar.empty()
    if job.error:
        st.warning(f"This network could not be measured: {job.error}")
        return None
    return prober.result(request)


def _limits(result: ProbeResult, config: RunConfig, tau: float) -> None:
    if result.unavailable:
        st.info(result.unavailable)
        return
    for column, (label, value, words) in zip(st.columns(4), limit_tiles(result, config, tau)):
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
            f"Network, implicit, τ = {number(tau)}",
            limit(whole),
            f"2/λ_max(P∇²J), P = (ÃᵀÃ + I/τ)⁻¹; explicit layers step with {last}{matched}"
            f"{with_momentum}. CG has no limit of this kind; the exact step's is a guide.",
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
