"""Which network the layers' view looks into: initial weights, or those that a run saved."""

from __future__ import annotations

import streamlit as st

from app.components.run_titles import data_of, title_of
from app.forms.task import model_title
from app.services import get_store
from proxprop import paths
from proxprop.analysis.probe import ProbeRequest
from proxprop.runs.record import Run
from proxprop.spec.config import ConfigError, RunConfig

DEFAULT = "initial"
INITIAL: dict[str, RunConfig] = {
    DEFAULT: RunConfig(),
    "initial-fashion": RunConfig().replace(**{"data.name": "fashion-mnist"}),
    "initial-convnet": RunConfig().replace(
        **{"model.name": "small-convnet", "model.widths": (8, 16)}
    ),
}
WEIGHTS = ("trained", "initial")
RUNS = 40


def choose_network() -> str:
    """Let a person choose, keep the link; return the key of `INITIAL` or the id of a run."""
    runs = _runs()
    _restore(runs)
    chosen: str = st.selectbox(
        "Network",
        [*INITIAL, *runs],
        format_func=lambda name: _label(name, runs),
        key="net",
        on_change=_remember,
        help="The initial weights of a common network, or a run that has saved weights.",
    )
    return chosen


def choose_weights(chosen: str) -> str:
    """Let a person choose between a run's last weights and its first; return which."""
    if chosen in INITIAL:
        st.segmented_control(
            "Weights", ("initial",), default="initial", key="only", required=True, help="Of step 0."
        )
        return "initial"
    weights = st.segmented_control(
        "Weights",
        WEIGHTS,
        default="trained",
        required=True,
        key="weights",
        bind="query-params",
        help="trained: the last ones the run saved. initial: those it began with.",
    )
    return weights or "trained"


def request_for(chosen: str, weights: str) -> ProbeRequest | None:
    """Return what is to be measured, or say why nothing can be."""
    if chosen in INITIAL:
        return ProbeRequest(config=INITIAL[chosen])
    run = get_store().get([chosen]).get(chosen)
    if run is None:
        st.warning(f"There is no run {chosen!r} any more. Choose another network.")
        return None
    try:
        config = run.config
    except ConfigError as error:
        st.warning(f"The settings of this run cannot be read: {error}")
        return None
    if not isinstance(config, RunConfig):
        st.warning(f"{run.id} is a {run.kind}, which has no single network. Choose a run.")
        return None
    if weights == "initial":
        return ProbeRequest(config=config)
    saved = get_store().checkpoints(run.id)
    if not saved:
        st.warning("This run has saved no weights yet. Choose another, or wait for its first save.")
        return None
    file = (get_store().home or paths.home()) / saved[0].path
    return ProbeRequest(config=config, weights=str(file), step=saved[0].step)


def _runs() -> dict[str, Run]:
    store = get_store()
    runs = {run.id: run for run in store.runs(kind="run", limit=RUNS) if _saved(run)}
    asked = st.query_params.get("net", "")
    if asked and asked not in runs:
        runs.update({i: run for i, run in store.get([asked]).items() if run.deleted is None})
    return runs


def _restore(runs: dict[str, Run]) -> None:
    asked = st.query_params.get("net", DEFAULT)
    known = asked in INITIAL or asked in runs
    if "net" not in st.session_state and known:
        st.session_state["net"] = asked
    if not known:
        st.warning(f"There is no run {asked!r}; it may have been deleted. Choose another network.")


def _remember() -> None:
    if st.session_state["net"] == DEFAULT:
        st.query_params.pop("net", None)
    else:
        st.query_params["net"] = st.session_state["net"]


def _saved(run: Run) -> bool:
    return bool(get_store().checkpoints(run.id))


def _label(name: str, runs: dict[str, Run]) -> str:
    if name in INITIAL:
        config = INITIAL[name]
        return f"{data_of(config)}, {model_title(config)}"
    run = runs[name]
    try:
        found = run.config
    except ConfigError:
        return name
    assert isinstance(found, RunConfig)
    # No word on how it stands: the label must stay the same while the run goes on.
    return f"{title_of(run)} · {data_of(found)}, {model_title(found)} · {name}"
