"""The layers' measures along runs: small multiples, live and for finished runs alike."""

from __future__ import annotations

import streamlit as st

from app.charts.curves import Trace
from app.charts.multiples import Row, multiples
from app.charts.theme import OCHRE, line_style
from app.components.layer_metrics import layers_of
from app.components.run_settings import marks_of, settings_in_force
from app.guard import reporting
from app.layers.page import LayersState, known_runs, run_label
from app.live.chart import show_figure
from app.live.status import live_status
from app.services import get_service
from proxprop.runs.record import Run
from proxprop.spec.config import RunConfig
from proxprop.spec.controls import Control

CAPTION = (
    "Overshoot is the share left over of the change asked of a layer's output Z: it speaks of the "
    "layer's own subproblem, not of training as a whole."
)
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
    "dead": Row("Idle units", "share of units", ("dead",), log=False, every=True),
    "seconds": Row("Solve time", "t [s]", ("seconds",)),
    "condition": Row("Condition", "κ(S)", ("condition",), full=True),
    "bound": Row("Angle bound", "bound on cos", ("bound",), log=False, full=True),
    "top_energy": Row("Top energy", "share of ‖Δ‖²", ("top_energy",), log=False, full=True),
}


def along(state: LayersState) -> None:
    """Show the controls, and the small multiples of one run or two."""
    runs = _controls(state)
    if not runs:
        st.info("No run yet. Start one on the Train page; its layers appear here as it goes on.")
        return
    labels = _labels(runs)
    live = {run.id: label for run, label in zip(runs, labels) if run.status != "ended"}
    if live:
        names = list(live.values()) if len(runs) > 1 else None
        live_status(list(live), key="layers-status", labels=names)
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
        if any(ROWS[name].full for name in measures) and "full" not in recorded:
            st.caption("Some of these measures are recorded only while instruments are full.")
        st.caption(CAPTION)


def _controls(state: LayersState) -> list[Run]:
    """Let a person choose a run and another beside it; return them."""
    runs = known_runs(state)
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
            format_func=lambda name: run_label(runs[name]),
            help="Live or finished; instruments record every few steps.",
            width=250,
            **state.bind("run"),
        )
        st.selectbox(
            "Compare with",
            others,
            format_func=lambda name: run_label(runs[name]) if name else "no other run",
            help="A second run in the same figure, for example explicit against exact.",
            width=250,
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
        f"Instruments, {run.name or run.id}" if named else "Instruments",
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
    with reporting():
        get_service().control(run_id, Control("set", {"instruments": tier}))


def _tiers(run: Run) -> set[str]:
    """Return what the instruments of a run have been set to so far."""
    changes = [mark.changes for mark in marks_of(run.id) if mark.kind == "set"]
    live = {change["instruments.tier"] for change in changes if "instruments.tier" in change}
    asked = st.session_state.get(f"layers.tier.{run.id}")  # it may not have come into force yet
    return {_config(run).instruments.tier, *live, *([asked] if asked else [])}


def _show(runs: list[Run], labels: list[str], rows: list[Row], *, lecture: bool) -> None:
    """Draw one panel for each measure and layer, axes shared."""
    layers = list(dict.fromkeys(name for run in runs for name in layers_of(run, _config(run))[0]))
    proximal = [_proximal(run) for run in runs]
    panels = {
        (index, layer): [
            trace
            for at, run in enumerate(runs)
            if row.every or layer in proximal[at]
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
        lecture=lecture,
        empty="The measures appear here once the run has recorded them.",
    )


def _traces(
    run: Run, label: str, columns: tuple[str, ...], layer: str, dashes: tuple[str, str]
) -> list[Trace]:
    config = _config(run)
    color = line_style(config.direction.solver, config.optimizer.name).color
    looks = ((label, color), (f"{label}, explicit step with s = τ", OCHRE))
    return [
        Trace(run.id, f"0/layers/{column}/{layer}", *looks[matched], dashes[matched], width=2.0)
        for column in columns
        for matched in [column.endswith("_explicit")]
    ]


def _proximal(run: Run) -> tuple[str, ...]:
    """Return the layers that take implicit steps, or would if the run's steps were implicit."""
    names, implicit = layers_of(run, _config(run))
    return implicit or (names if _config(run).direction.layers == "all" else names[:-1])


def _config(run: Run) -> RunConfig:
    config = run.config
    assert isinstance(config, RunConfig)
    return config


def _labels(runs: list[Run]) -> list[str]:
    names = [run.name or run.id for run in runs]
    if len(set(names)) < len(names):
        names = [f"{name} ({run.id})" for name, run in zip(names, runs)]
    return names
