"""View 3: the map of a whole network, live; a cell's curve; two maps side by side."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.actions import in_words, owner, take_problem
from app.charts.theme import line_style
from app.live.chart import Trace, live_chart
from app.live.status import live_status
from app.live.sweep_map import live_map
from app.services import get_service, get_store
from app.stability import limits, sweeps
from proxprop.runs.record import Run
from proxprop.runs.results import sweep_map
from proxprop.spec.config import SweepConfig
from proxprop.spec.controls import Control

TRAIN = Path(__file__).resolve().parents[2] / "pages" / "train.py"
FIRST = next(iter(sweeps.PRESETS))
HEIGHT = {False: 372, True: 400}
NOTHING = (
    "No map yet. **Map over step sizes** trains 225 short runs as one computation, some seconds on "
    "two cores; **Plane of τ and η** lets both step sizes of the implicit step vary."
)
CAPTION = (
    "Lines: the limits predicted at the initial weights. With cross-entropy plain steps fail below "
    "theirs, since the curvature grows as the network learns; implicit steps may pass theirs, "
    "since softmax bounds what oscillates. Collapsed (–): no better than always guessing the class "
    "frequencies; at the smallest steps, not better yet."
)
SHORT = "With cross-entropy plain steps fail below their limit; implicit steps may pass theirs."


def whole_network(*, lecture: bool) -> None:
    """Show the controls, the chosen map with its status, and what was clicked."""
    if problem := take_problem():
        st.warning(problem)
    runs = sweeps.stored()
    chosen = _chosen(runs, "sweep")
    _controls(runs, chosen)
    if chosen is None:
        st.info(NOTHING)
        return
    beside = _chosen(runs, "beside") if "beside" in st.query_params else None
    if beside is None:
        _one(chosen, lecture)
    else:
        _two(chosen, beside, lecture)
    _words(chosen, lecture)


def _chosen(runs: dict[str, Run], name: str) -> Run | None:
    """Return the sweep that the link names, else the newest."""
    asked = st.query_params.get(name, "")
    if asked in runs:
        return runs[asked]
    if asked:
        found = get_store().get([asked]).get(asked)
        if found is not None and found.deleted is None and found.kind == "sweep":
            runs[asked] = found
            return found
        st.warning(f"There is no sweep {asked!r}; it may have been deleted. Another is shown.")
    return next(iter(runs.values()), None)


def _controls(runs: dict[str, Run], chosen: Run | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="sweep-bar"):
        for preset in sweeps.PRESETS:
            st.button(
                preset,
                key=f"start.{preset}",
                type="primary" if chosen is None and preset == FIRST else "secondary",
                icon=":material/play_arrow:",
                help="Starts it, or shows it if it has been made.",
                on_click=_start,
                args=(preset,),
            )
        if chosen is None:
            return
        _pick("sweep", "Map", list(runs), chosen.id, runs)
        others = ["", *(run_id for run_id in runs if run_id != chosen.id)]
        if len(others) > 1:
            _pick("beside", "Compare with", others, st.query_params.get("beside", ""), runs)
        if chosen.status != "ended":
            st.button("Stop", key="stop", icon=":material/stop:", on_click=_stop, args=(chosen.id,))
        elif chosen.resumable:
            st.button("Go on", key="go", icon=":material/replay:", on_click=_go, args=(chosen.id,))


def _pick(name: str, label: str, options: list[str], now: str, runs: dict[str, Run]) -> None:
    key = f"pick.{name}"
    value = now if now in options else options[0]
    if st.session_state.get(key) != value:
        st.session_state[key] = value
    st.selectbox(
        label,
        options,
        key=key,
        format_func=lambda run_id: sweeps.title_of(runs[run_id]) if run_id else "Compare with …",
        label_visibility="collapsed",
        on_change=_picked,
    )


def _picked() -> None:
    chosen = {part: st.session_state.get(f"pick.{part}") or None for part in ("sweep", "beside")}
    _link(**chosen, cell=None)


def _link(**parts: str | None) -> None:
    for name, value in parts.items():
        if value is None:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = value


def _start(preset: str) -> None:
    with in_words():
        _link(sweep=sweeps.start(preset, owner()), beside=None, cell=None)


def _stop(run_id: str) -> None:
    with in_words():
        get_service().control(run_id, Control("stop"))


def _go(run_id: str) -> None:
    with in_words():
        get_service().resume(run_id)


def _one(run: Run, lecture: bool) -> None:
    config = sweeps.config_of(run)
    cell = _cell(config)
    if not lecture or run.outcome != "finished":
        live_status(run.id, key="sweep-status", lecture=lecture)
    left, right = st.columns([1.75, 1]) if cell is not None else (st.container(), None)
    with left:
        clicked = live_map(
            run.id, key="map", height=HEIGHT[lecture], selected=cell, lecture=lecture
        )
    if clicked is not None and clicked != cell:
        _link(sweep=run.id, cell=str(clicked))
        st.rerun()
    if right is not None and config is not None and cell is not None:
        with right:
            _curve(run, config, cell, lecture)


def _two(run: Run, beside: Run, lecture: bool) -> None:
    going = [one for one in (run, beside) if one.outcome != "finished"]
    if going:
        names = {run.id: "left", beside.id: "right"}
        ids = [one.id for one in going]
        live_status(ids, key="sweep-status", labels=[names[i] for i in ids], lecture=lecture)
    for column, one, key in zip(st.columns(2), (run, beside), ("map", "map-beside"), strict=True):
        with column:
            if not lecture:
                with st.container(key=f"told-{key}"):
                    st.markdown(sweeps.title_of(one))
            live_map(one.id, key=key, height=HEIGHT[lecture], clickable=False, lecture=lecture)


def _cell(config: SweepConfig | None) -> int | None:
    text = st.query_params.get("cell", "")
    if config is None or not text.isdigit() or int(text) >= len(config.cells()):
        return None
    return int(text)


def _curve(run: Run, config: SweepConfig, cell: int, lecture: bool) -> None:
    solver = config.methods[config.cells()[cell].method].direction.solver
    style = line_style(solver)
    dashes = ("solid", "dash", "dot", "longdash", "dashdot")
    traces = [
        Trace(
            run.id,
            f"{cell * config.seeds + seed}/steps/loss",
            f"seed {config.seed + seed}",
            style.color,
            dashes[seed % len(dashes)],
        )
        for seed in range(config.seeds)
    ]
    live_chart(
        traces,
        key="cell",
        title=sweeps.cell_title(config, cell),
        y_title="mini-batch loss",
        log_y=True,
        x_switch=False,
        lecture=lecture,
        height=HEIGHT[lecture] - 48,
        empty="This run has not begun yet.",
    )
    with st.container(horizontal=True, key="cell-buttons"):
        if st.button("Open in Train", key="open", icon=":material/open_in_full:"):
            st.switch_page(TRAIN, query_params=sweeps.cell_query(config, cell))
        st.button("Close", key="close", on_click=_link, kwargs={"cell": None})


def _words(run: Run, lecture: bool) -> None:
    payload = sweep_map(get_store(), run.id)
    found = [] if payload is None else limits.reading(payload)
    with st.container(key="told"):
        if found:
            st.markdown(" · ".join(found))
        st.markdown(SHORT if lecture else CAPTION)
        if lecture:
            return
        files = f"/api/runs/{run.id}"
        st.html(
            '<div class="proxprop-links">'
            f'<a href="{files}/config.json" download>Settings (JSON)</a>'
            f'<a href="{files}/artifacts/0/map" download="proxprop-{run.id}-map.json">'
            "Map (JSON)</a>"
            f'<a href="{files}/points.csv" download>Curves (CSV)</a></div>'
        )
        with st.expander("What the limits predict, and what not", icon=":material/rule:"):
            st.markdown(limits.WHY)
            if payload is not None and (words := sweeps.limit_words(payload)):
                st.markdown("\n".join(f"- {line}" for line in words))
