"""View 1: one step in slow motion, and what it did to each layer."""

from __future__ import annotations

import json
import time
from typing import Any, Literal

import streamlit as st

from app.components.answers import answered
from app.components.notation import as_written, exact_number
from app.components.recorded import recorded_label
from app.components.run_settings import settings_in_force
from app.forms.fields import log_grid
from app.guard import reporting
from app.layers.page import LayersState, known_runs, run_labels
from app.layers.player import player
from app.layers.results import checks, measures_table, overshoots
from app.questions import QuestionFailed
from app.services import get_service, get_store
from app.state import telling
from app.state.url_state import Query
from proxprop.analysis.questions import StepQuestion
from proxprop.runs.record import Run
from proxprop.spec.config import ConfigError, RunConfig
from proxprop.spec.controls import Control

STEPS = {"cg": "CG k", "exact": "exact"}
NETS: dict[str, tuple[str, dict[str, Any]]] = {
    "mlp": ("initial: MLP", {}),
    "conv": ("initial: ConvNet", {"model.name": "small-convnet", "model.widths": (8, 16)}),
}
TAUS = log_grid(1e-3, 10.0)
ETAS = log_grid(1e-3, 100.0)
COUNTS = (1, 2, 3, 4, 5, 6, 8, 10)
WEIGHTS_KEY = "layers.weights"
SAVE_SECONDS = 4.0  # for a run to save its weights: at the end of its step, then to disk
LOOK_SECONDS = 0.1
RUNNING = (
    "The run's own steps use a running Gram, an average over its steps; shown is Algorithm 2, "
    "which knows this batch's alone. “Along a run” measures the steps as taken."
)


def one_step(state: LayersState) -> None:
    """Show the controls, the step as it plays, then its measures and checks."""
    question, running = _controls(state)
    step = _part(question, "motion", "Computing the step in float64")
    if step is None:
        return
    player(question, step, lecture=state.lecture)
    recorded_label(question, "motion")
    if state.lecture:
        return
    st.caption(_description(step["setting"]) + _asked_for(state, step["setting"]["step"]))
    if running:
        st.caption(RUNNING)
    # The stages play already.
    results = _part(question, "findings", "Measuring and checking the step")
    if results is None:
        return
    left, right = st.columns([1.1, 1], gap="large")
    with left:
        overshoots(results["measures"])
    with right:
        checks(results["checks"])
    measures_table(results["measures"])
    st.download_button(
        "Every stage as JSON",
        data=lambda: json.dumps({**step, **results}),
        file_name="proxprop-step.json",
        mime="application/json",
        key="trace-json",
        on_click="ignore",
    )


def _part(question: StepQuestion, part: str, title: str) -> dict[str, Any] | None:
    """Return a part of what is known of a step; None where it shows why not."""
    try:
        return answered(question, part, title)
    except QuestionFailed as error:
        st.error(as_written(str(error)))
        st.button("Try again", key=f"layers.again-{part}", icon=":material/replay:")
        return None


def _controls(state: LayersState) -> tuple[StepQuestion, bool]:
    """Show the controls; return whose step is shown, and whether it has a running Gram."""
    runs = known_runs(state)
    labels = run_labels(runs)
    with st.container(key="layers-bar", horizontal=True, vertical_alignment="bottom", gap="medium"):
        telling.show_value(WEIGHTS_KEY, state.run or state.of)
        st.selectbox(
            "Weights",
            [*NETS, *runs],
            format_func=lambda name: NETS[name][0] if name in NETS else labels[name],
            key=WEIGHTS_KEY,
            on_change=_take_weights,
            args=(state,),
            help="Initial weights, or those a run has saved last.",
            width="stretch",
        )
        run = runs.get(state.run)
        if run is not None and run.status in ("running", "paused") and _newest(run.id) is None:
            save_weights(run.id)
        base = _base(state, run)
        usual = _usual(run, base)
        step = state.step or usual
        st.segmented_control(
            "Implicit step",
            list(STEPS),
            format_func=STEPS.__getitem__,
            required=True,
            help="CG k: iterations of conjugate gradients, one by one. exact: the solution at "
            "once.",
            **state.bind("step", default=usual),
        )
        st.selectbox(
            "k",
            sorted({*COUNTS, state.k}),
            disabled=step == "exact",
            help="CG iterations per layer.",
            width=84,
            **state.bind("k"),
        )
        _slider(
            state,
            "τ",
            "tau",
            TAUS,
            base.direction.tau,
            "Proximal step τ, no unit: how far a layer may move. The matched explicit step is "
            "s = τ.",
        )
        _slider(
            state,
            "η",
            "eta",
            ETAS,
            base.optimizer.lr,
            "Step size η, no unit. Both algorithms move the targets z by it.",
        )
        if run is not None and run.status != "ended":
            st.button(
                "Newest weights",
                key="layers.newest",
                help="Have the run save its weights now, and follow the step it takes next.",
                on_click=_take_newest,
                args=(state, run.id),
            )
    return _question(state, run, base), base.direction.running


def question_of(query: Query) -> StepQuestion | None:
    """Return what a link asks, None where it asks nothing."""
    state = LayersState.from_query(query)
    if state.view != "step":
        return None
    run = get_store().get([state.run]).get(state.run)
    return _question(state, run, _base(state, run))


def _base(state: LayersState, run: Run | None) -> RunConfig:
    return RunConfig().replace(**NETS[state.of][1]) if run is None else settings_in_force(run)


def _usual(run: Run | None, base: RunConfig) -> Literal["cg", "exact"]:
    return "exact" if run is not None and base.direction.solver == "exact" else "cg"


def _question(state: LayersState, run: Run | None, base: RunConfig) -> StepQuestion:
    """Return the question that a state asks of a run's weights, or of the initial ones."""
    changes = {
        "direction.solver": state.step or _usual(run, base),
        "direction.gram": "batch",
        "direction.cg_steps": state.k,
        "direction.tau": state.tau or base.direction.tau,
        "optimizer.lr": state.eta or base.optimizer.lr,
    }
    try:
        config = base.replace(**changes)
    except ConfigError:
        # An optimizer that takes no such direction: the step itself is shown all the same.
        config = base.replace(**changes, **{"optimizer.name": "sgd"})
    if run is None:
        return StepQuestion(config=config)
    saved = [row.step for row in get_store().checkpoints(run.id)] or [0]
    if state.at is None:
        return StepQuestion(config=config, run=run.id, step=saved[0])
    before = state.at - 1  # the weights that took the step
    nearest = min([*saved, 0], key=lambda step: abs(step - before))
    whose = run.id if nearest in saved else None
    return StepQuestion(config=config, run=whose, step=nearest)


def _asked_for(state: LayersState, shown: int) -> str:
    """Return what is shown in place of a step whose weights were not saved."""
    if not state.run or state.at in (None, shown + 1):
        return ""
    return f" Step {state.at:,} was chosen; these are the nearest weights that the run has saved."


def _take_weights(state: LayersState) -> None:
    """Show other weights, with the step sizes of their own settings."""
    name = st.session_state[WEIGHTS_KEY]
    weights = {"of": name, "run": ""} if name in NETS else {"of": "mlp", "run": name}
    state.change(**weights, at=None, tau=None, eta=None)


def _take_newest(state: LayersState, run_id: str) -> None:
    state.change(at=None)
    save_weights(run_id)


def _slider(
    state: LayersState, label: str, name: str, grid: list[float], own: float, description: str
) -> None:
    """Show a step size, `own` unless a person chose another."""
    value: float = getattr(state, name) or own
    st.select_slider(
        label,
        sorted({*grid, own, value}),
        format_func=exact_number,
        help=description,
        width=168,
        **state.bind(name, default=own),
    )


def save_weights(run_id: str) -> None:
    """Have a live run save its weights, and wait a little for them."""
    before = _newest(run_id)
    with reporting():
        get_service().control(run_id, Control("checkpoint"))
        deadline = time.monotonic() + SAVE_SECONDS
        while _newest(run_id) == before and time.monotonic() < deadline:
            run = get_store().run(run_id)
            if run.status == "ended" or (before and before[0] == run.step):
                break  # nothing newer to come
            time.sleep(LOOK_SECONDS)


def _newest(run_id: str) -> tuple[int, float] | None:
    """Return step and time of the weights that a run saved last."""
    rows = get_store().checkpoints(run_id)
    return (rows[0].step, rows[0].created) if rows else None


def _description(setting: dict[str, Any]) -> str:
    """Return one line on what is shown."""
    same = setting["explicit_lr"] == setting["lr"]
    last = "" if same else f", last layer's η {setting['explicit_lr']:g}"
    state = setting["state"]
    return (
        f"{state[0].upper()}{state[1:]} · {setting['data']}, batch N = {setting['batch']} · "
        f"J = {setting['loss']:.3g} · η = {setting['lr']:g}{last}, ρ = γ = 1/η, "
        f"τ = {setting['tau']:g}. Momentum and Adam come after this: they take the direction in "
        "place of a gradient."
    )
