"""The layers' measures along runs: small multiples, live and for finished runs alike."""

from __future__ import annotations

import streamlit as st

from app.charts.curves import Trace
from app.charts.multiples import Row, multiples
from app.charts.theme import VERMILION, line_style
from app.components.layer_metrics import activation_strip, layers_of
from app.components.notation import as_written
from app.components.run_settings import marks_of, settings_in_force, single_config
from app.components.run_titles import names_of, title_of
from app.components.transport import send
from app.layers.activations import activation_picture
from app.layers.page import LayersState, known_runs, run_labels
from app.live.chart import show_figure
from app.live.status import live_status
from proxprop.runs.record import Run
from proxprop.spec.controls import Control

PANEL, FRAME = 160, 96  # pixels: one row of panels, what surrounds them
STATUS = 48  # pixels that the status of a live run takes; two rows stay above the fold
DASHES = (("solid", "dash"), ("longdash", "dot"))  # of each run, and of the matched explicit step


ROWS = {
    "overshoot": Row(
        "Overshoot", "share left over", ("overshoot", "overshoot_explicit"), level=1.0
    ),
    "update": Row("Update", "‖ΔΘ‖ / ‖Θ‖", ("update",), every=True),
    "cosine": Row("Cosine", "cos∠(D, G)", ("cosine",), log=False),
    "residual": Row("Residual", "‖r‖ / ‖G‖", ("residual",)),
    "norm": Row("Length of D", "‖D‖", ("norm",), every=True),
    "reach": Row(
        "Made / asked", "made / asked", ("reach", "reach_explicit"), level=1.0, every=True
    ),
    "reach_all": Row(
        "… by all layers", "made by all / asked", ("reach_all",), level=1.0, every=True
    ),
    "asked": Row("Change asked", "‖ηΔ‖ / ‖z‖", ("asked",), every=True),
    "made": Row("Change made", "‖φ(θ⁺, a) − z‖ / ‖z‖", ("made",), every=True),
    "made_all": Row("… by all", "‖z⁺ − z‖ / ‖z‖", ("made_all",), every=True),
    "agree": Row("Made and asked", "cos∠(made, asked)", ("agree",), log=False, every=True),
    "asked_a": Row("Asked of a", "‖η ∂J/∂a‖ / ‖a‖", ("asked_a",), hidden=True),
    "made_all_a": Row("Change of a", "‖a⁺ − a‖ / ‖a‖", ("made_all_a",), hidden=True),
    "switched": Row("Switched", "share of units", ("switched",), log=False, hidden=True),
    "mean": Row("Mean", "mean of σ(z)", ("mean",), log=False, hidden=True),
    "spread": Row("Spread", "std of σ(z)", ("spread",), log=False, hidden=True),
    "saturated": Row("Saturated", "share of units", ("saturated",), log=False, hidden=True),
    "dead": Row("Idle units", "share of units", ("dead",), log=False, every=True),
    "seconds": Row("Solve time", "t [s]", ("seconds",)),
    "condition": Row("Condition", "κ(S)", ("condition",), full=True),
    "bound": Row("Angle bound", "bound on cos", ("bound",), log=False, full=True),
    "top_energy": Row("Top energy", "share of ‖Δ‖²", ("top_energy",), log=False, full=True),
}


# What each is, for who meets it first; it stands below the panels.
MEANINGS = {
    "overshoot": "the share left over of the change asked of a layer's output: above 1 the step "
    "overshoots. It speaks of the layer's own subproblem, not of training as a whole.",
    "update": "the length of a layer's weight step beside its weights.",
    "cosine": "of the angle between implicit direction D and gradient G: 1 where they agree.",
    "residual": "what CG leaves unsolved of a layer's linear equation: 1 before its first "
    "iteration, 0 once solved.",
    "norm": "the length of the direction that the optimizer is given.",
    "reach": "what a layer's own weight step makes of the change asked of its output: 1 just so.",
    "reach_all": "the same for the step of all layers together.",
    "asked": "how far the gradient asks a layer's output to move.",
    "made": "how far a layer's own weight step moves it.",
    "made_all": "how far the step of all layers moves it.",
    "agree": "of the angle between the change made and the change asked: 1 where they agree.",
    "asked_a": "how far the gradient asks a layer's activations to move.",
    "made_all_a": "how far the step of all layers moves them.",
    "switched": "units that the step turns on or off.",
    "mean": "of a layer's activations over the probe batch.",
    "spread": "their standard deviation.",
    "saturated": "units at which the activation is flat.",
    "dead": "units that are asked for nothing, whatever the sample.",
    "seconds": "of solving a layer's proximal problem.",
    "condition": "of a layer's linear equation: the larger, the more iterations CG needs.",
    "bound": "the least cosine that the condition allows.",
    "top_energy": "of the change asked that lies along the eigenvectors of largest eigenvalue.",
}


def along(state: LayersState) -> None:
    """Show the controls, and the small multiples of one run or two."""
    runs = _controls(state)
    if not runs:
        st.info("No run yet. Start one on the Train page; its layers appear here as it goes on.")
        return
    labels = _labels(runs)
    live = [(run, label) for run, label in zip(runs, labels) if run.status != "ended"]
    if live:
        shown, names = zip(*live)
        live_status(shown, key="layers-status", labels=names if len(runs) > 1 else None)
    st.pills(
        "Measures",
        list(ROWS),
        format_func=lambda name: ROWS[name].name,
        selection_mode="multi",
        label_visibility="collapsed",
        **state.bind("measures"),
    )
    measures = [name for name in ROWS if name in state.measures]
    recorded = set().union(*map(_tiers, runs))
    if recorded == {"off"}:
        where = "above" if live else "under More on the Train page, before the next run"
        st.info(f"Nothing of the layers is recorded: instruments are off. Switch them on {where}.")
    elif not measures:
        st.info("Choose a measure above.")
    else:
        _show(runs, labels, [ROWS[name] for name in measures], lecture=state.lecture)
        if state.lecture:
            return
        if any(ROWS[name].full for name in measures) and "full" not in recorded:
            st.caption("Some of these measures are recorded only while instruments are full.")
        st.caption(" ".join(f"**{ROWS[name].name}**: {MEANINGS[name]}" for name in measures))
    if recorded != {"off"}:
        if step := activation_strip(runs[0], single_config(runs[0]), lecture=state.lecture):
            state.change(view="step", at=step)
            st.rerun()
        activation_picture(state, runs[0])


def _controls(state: LayersState) -> list[Run]:
    """Let a person choose a run and another beside it; return them."""
    runs = known_runs(state)
    labels = run_labels(runs)
    if not runs:
        return []
    if not state.run:
        state.change(run=next(iter(runs)))
    others = ["", *(name for name in runs if name != state.run)]
    if state.other not in others:
        state.change(other="")
    with st.container(key="layers-bar", horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.selectbox(
            "Run",
            list(runs),
            format_func=labels.__getitem__,
            help="Live or finished; instruments record every few steps.",
            width="stretch",
            **state.bind("run"),
        )
        st.selectbox(
            "Compare with",
            others,
            format_func=lambda name: labels[name] if name else "no other run",
            help="A second run in the same figure, for example explicit against exact.",
            width="stretch",
            **state.bind("other"),
        )
        chosen = [runs[name] for name in (state.run, state.other) if name]
        for run in chosen:
            if run.status != "ended":
                _instruments(run, named=len(chosen) > 1)
    return chosen


def _instruments(run: Run, *, named: bool) -> None:
    """Let a live run record more, less or nothing of its layers."""
    st.segmented_control(
        f"Instruments, {as_written(title_of(run))}" if named else "Instruments",
        ("off", "cheap", "full"),
        default=settings_in_force(run).instruments.tier,
        required=True,
        key=f"layers.tier.{run.id}",
        on_change=_switch_instruments,
        args=(run.id,),
        help="What the run records of its layers from now on. cheap costs at most 3 % of the time "
        "of a step; full adds what needs spectra and costs at most 15 %.",
    )


def _switch_instruments(run_id: str) -> None:
    tier = st.session_state[f"layers.tier.{run_id}"]
    send(run_id, Control("set", {"instruments": tier}))


def _tiers(run: Run) -> set[str]:
    """Return what the instruments of a run have been set to so far."""
    changes = [mark.changes for mark in marks_of(run.id) if mark.kind == "set"]
    live = {change["instruments.tier"] for change in changes if "instruments.tier" in change}
    asked = st.session_state.get(f"layers.tier.{run.id}")  # it may not have come into force yet
    return {single_config(run).instruments.tier, *live, *([asked] if asked else [])}


def _show(runs: list[Run], labels: list[str], rows: list[Row], *, lecture: bool) -> None:
    """Draw one panel for each measure and layer, axes shared."""
    layers = list(
        dict.fromkeys(name for run in runs for name in layers_of(run, single_config(run))[0])
    )
    proximal = [_proximal(run) for run in runs]
    panels = {
        (index, layer): [
            trace
            for at, run in enumerate(runs)
            if row.every or (row.hidden and layer != layers[-1]) or layer in proximal[at]
            for trace in _traces(run, labels[at], row.columns, layer, DASHES[at])
        ]
        for index, row in enumerate(rows)
        for layer in layers
    }
    live = any(run.status != "ended" for run in runs)
    height = FRAME + PANEL * max(2, len(rows)) - (STATUS * max(2, len(rows)) // 2 if live else 0)
    show_figure(
        multiples(rows, layers, panels, lecture=lecture),
        key="multiples",
        title="Layers along the run",
        height=int(height),
        below=54 * lecture,  # the bar at the foot
        lecture=lecture,
        empty="The measures appear here once the run has recorded them.",
    )


def _traces(
    run: Run, label: str, columns: tuple[str, ...], layer: str, dashes: tuple[str, str]
) -> list[Trace]:
    config = single_config(run)
    color = line_style(config.direction.solver, config.optimizer.name).color
    looks = ((label, color), (f"{label}, explicit step with s = τ", VERMILION))
    return [
        Trace(run.id, f"0/layers/{column}/{layer}", *looks[matched], dashes[matched], width=2.0)
        for column in columns
        for matched in [column.endswith("_explicit")]
    ]


def _proximal(run: Run) -> tuple[str, ...]:
    """Return the layers that take implicit steps, or would if the run's steps were implicit."""
    names, implicit = layers_of(run, single_config(run))
    return implicit or (names if single_config(run).direction.layers == "all" else names[:-1])


def _labels(runs: list[Run]) -> list[str]:
    names = names_of(runs, when=False)
    return [names[run.id] for run in runs]
