"""View 3: the map of a whole network, live; a cell's curve; two maps side by side."""

from __future__ import annotations

import time

import streamlit as st

from app.charts.curves import Trace
from app.charts.theme import line_style
from app.components.links import Link, download_links
from app.components.network import model_title
from app.components.notation import as_written, exact_number
from app.components.recorded import recorded_map, recorded_map_label
from app.components.run_settings import offered_runs
from app.components.run_titles import config_of, data_of
from app.components.transport import resume_button, start, stop_button
from app.guard import reporting, take_problem
from app.lecture.scenes import arrive_at_scene
from app.live.chart import live_chart
from app.live.pictures import live_map
from app.live.status import live_status
from app.permits import this_role
from app.services import get_store
from app.stability import limits
from app.stability.page import StabilityState
from proxprop.runs.record import Run
from proxprop.runs.results import find_sweep, sweep_map
from proxprop.spec.config import SweepConfig, to_query
from proxprop.spec.sweeping import MapPayload, default_sweep, plane_sweep

PRESETS = {"Map over step sizes": default_sweep, "Plane of τ and η": plane_sweep}
LISTED = 30  # latest maps to choose from
HEIGHT = {False: 372, True: 400}  # by whether lecturing
DASHES = ("solid", "dash", "dot", "longdash", "dashdot")  # of a cell's seeds
CAPTION = (
    "Lines: the limits predicted at the initial weights. With cross-entropy plain steps fail below "
    "theirs, since the curvature grows as the network learns; implicit steps may pass theirs, "
    "since softmax bounds what oscillates. Collapsed (–): no better than always guessing the class "
    "frequencies; at the smallest steps, not better yet."
)
SHORT = "With cross-entropy plain steps fail below their limit; implicit steps may pass theirs."


def whole_network(state: StabilityState) -> None:
    """Show the controls, the chosen map with its status, and what was clicked."""
    first = next(iter(PRESETS))
    state = arrive_at_scene(state, "sweep", lambda: _start(state, first))
    if problem := take_problem():
        st.warning(problem)
    sweeps = offered_runs("sweep", LISTED, state.sweep, state.beside)
    if state.sweep not in sweeps:
        state.change(sweep=next(iter(sweeps), ""))
    if state.beside not in sweeps:
        state.change(beside="")
    chosen = sweeps.get(state.sweep)
    _controls(state, chosen, sweeps)
    if chosen is None:
        _recorded_map(state, first)
        return
    if chosen.foreign:
        st.warning(as_written(chosen.foreign))
    if state.beside:
        _two_maps([chosen, sweeps[state.beside]], state.lecture)
    else:
        _one_map(state, chosen)
    payload = sweep_map(get_store(), chosen.id)
    with st.container(key="below"):
        _captions(payload, state.lecture)
        if not state.lecture:
            place = f"api/runs/{chosen.id}/artifacts/0/map"
            download_links(chosen, Link(place, "Map (JSON)", f"proxprop-{chosen.id}-map.json"))
            limits.explanation(limits.predictions(payload) if payload is not None else ())


def _recorded_map(state: StabilityState, preset: str) -> None:
    """Show the recording of a preset's map, until this machine has made one."""
    config = PRESETS[preset]()
    recorded = recorded_map(config)
    recorded_map_label(config, _start, state, preset)
    cell = state.cell if state.cell is not None and state.cell < len(config.cells()) else None
    lecture = state.lecture
    columns = st.columns(1 if cell is None else [1.75, 1])
    with columns[0]:
        clicked = live_map(
            None,
            key="map",
            height=HEIGHT[lecture],
            selected=cell,
            lecture=lecture,
            recorded=recorded,
        )
    if clicked is not None and clicked != cell:
        state.change(cell=clicked)
        st.rerun()
    if cell is not None:
        with columns[1]:
            st.markdown(f"**{cell_title(config, cell)}**")
            st.caption("Of a recorded map the curves are not kept: train this cell, or the map.")
            _cell_buttons(state, config, cell)
    with st.container(key="below"):
        _captions(recorded, lecture)


def _controls(state: StabilityState, chosen: Run | None, sweeps: dict[str, Run]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="sweep-bar"):
        for preset in PRESETS if this_role() == "presenter" else ():
            st.button(
                preset,
                key=f"start.{preset}",
                type="primary" if chosen is None and preset == next(iter(PRESETS)) else "secondary",
                icon=":material/play_arrow:",
                help="Starts it, or shows it if it has been made.",
                on_click=_start,
                args=(state, preset),
            )
        if chosen is None:
            return
        others = ["", *(run_id for run_id in sweeps if run_id != chosen.id)]
        for label, name, options in (
            ("Map", "sweep", list(sweeps)),
            ("Compare with", "beside", others),
        ):
            if len(others) > 1 or name == "sweep":
                st.selectbox(
                    label,
                    options,
                    format_func=lambda i: map_title(sweeps[i]) if i else "Compare with …",
                    label_visibility="collapsed",
                    **state.bind(name, key=f"pick.{name}", then=lambda: state.change(cell=None)),
                )
        if chosen.status != "ended":
            stop_button(chosen)
        elif chosen.resumable:
            resume_button(chosen)


def _start(state: StabilityState, preset: str) -> None:
    """Start a preset's sweep; one that is stored or goes on is shown instead."""
    config = PRESETS[preset]()
    with reporting():
        stored = find_sweep(get_store(), config, live=True)
        if sweep := stored.id if stored else start(config):
            state.change(sweep=sweep, beside="", cell=None)


def map_title(run: Run) -> str:
    """Return what distinguishes a sweep, in one line that stays the same as it goes on."""
    config = config_of(run)
    when = time.strftime("%d %b %H:%M", time.localtime(run.created))
    if run.name or not isinstance(config, SweepConfig):
        return f"{run.name or 'another version'} · {when} · {run.id}"
    plane = any(len(method.varies) == 2 for method in config.methods)
    shape = "τ × η" if plane else f"{len(config.methods)} methods"
    task = f"{data_of(config)} {model_title(config.run(0))}"
    return f"{shape}, {len(config.cells())} cells · {when} · {task} · {run.id}"


def _one_map(state: StabilityState, run: Run) -> None:
    config, lecture = config_of(run), state.lecture
    cells = len(config.cells()) if isinstance(config, SweepConfig) else 0
    cell = state.cell if state.cell is not None and state.cell < cells else None
    if not lecture or run.outcome != "finished":
        live_status(run, key="sweep-status", lecture=lecture)
    columns = st.columns(1 if cell is None else [1.75, 1])
    with columns[0]:
        clicked = live_map(
            run.id, key="map", height=HEIGHT[lecture], selected=cell, lecture=lecture
        )
    if clicked is not None and clicked != cell:
        state.change(cell=clicked)
        st.rerun()
    if cell is not None and isinstance(config, SweepConfig):
        with columns[1]:
            _curve(state, run, config, cell)


def _two_maps(runs: list[Run], lecture: bool) -> None:
    going = [(run, s) for run, s in zip(runs, ("left", "right")) if run.outcome != "finished"]
    if going:
        shown, sides = zip(*going)
        live_status(shown, key="sweep-status", labels=sides, lecture=lecture)
    for column, run, key in zip(st.columns(2), runs, ("map", "map-beside"), strict=True):
        with column:
            if not lecture:
                with st.container(key=f"below-{key}"):
                    st.markdown(map_title(run))
            live_map(run.id, key=key, height=HEIGHT[lecture], clickable=False, lecture=lecture)


def _curve(state: StabilityState, run: Run, config: SweepConfig, cell: int) -> None:
    style = line_style(config.methods[config.cells()[cell].method].direction.solver)
    traces = [
        Trace(
            run.id,
            f"{cell * config.seeds + seed}/steps/loss",
            f"seed {config.seed + seed}",
            style.color,
            DASHES[seed % len(DASHES)],
        )
        for seed in range(config.seeds)
    ]
    live_chart(
        traces,
        key="cell",
        title=cell_title(config, cell),
        y_title="mini-batch loss",
        log_y=True,
        x_switch=False,
        lecture=state.lecture,
        height=HEIGHT[state.lecture] - 48,
        empty="This run has not begun yet.",
    )
    _cell_buttons(state, config, cell)


def _cell_buttons(state: StabilityState, config: SweepConfig, cell: int) -> None:
    with st.container(horizontal=True, key="cell-buttons"):
        if st.button("Open in Train", key="open", icon=":material/open_in_full:"):
            st.switch_page("../pages/train.py", query_params=cell_query(config, cell))
        st.button("Close", key="close", on_click=state.change, kwargs={"cell": None})


def cell_title(config: SweepConfig, cell: int) -> str:
    """Return a cell's method and step sizes."""
    place = config.cells()[cell]
    method = config.methods[place.method]
    eta = f"{method.name}, η {exact_number(float(f'{place.lr:.3g}'))}"
    if method.direction.solver == "explicit":
        return eta
    return f"{eta}, τ {exact_number(float(f'{place.tau:.3g}'))}"


def cell_query(config: SweepConfig, cell: int) -> dict[str, str]:
    """Return the link's query that opens a cell's first seed as a run of its own in Train."""
    return to_query(config.run(cell * config.seeds))


def _captions(payload: MapPayload | None, lecture: bool) -> None:
    if payload is not None and not lecture and (lines := limits.reading(payload)):
        st.markdown(" · ".join(lines))
    st.markdown(SHORT if lecture else CAPTION)
