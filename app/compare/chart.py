"""The curves of a race: which quantities can be looked at, and the lines of each contender."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app.charts.contender_styles import line_styles
from app.charts.curves import Trace
from app.charts.strip import Strip
from app.compare.imported import Imported, imported_traces
from app.compare.quantities import QUANTITIES, target_of
from app.compare.results import contender_of
from app.compare.state import RaceState
from app.components.layer_metrics import layers_in
from app.components.run_settings import few_evaluations
from app.components.run_titles import names_of
from app.live.chart import live_chart
from proxprop.runs.record import Run
from proxprop.runs.results import RaceResults
from proxprop.spec.racing import labels, members_of

CHART = 344
ROW = 26
# Pixels of the window that stay for the rest of the page.
REST, REST_IDLE = 440, 280
ROOM, FOOT = 432, 54  # in a lecture: the least height, and what the bar at the foot takes
KEY = "race"
FEW = 25  # evaluations up to which each is drawn as a point
EMPTY = "Press Start: all contenders begin at the same weights and see the same batches."


def race_chart(
    state: RaceState,
    race: Run | None,
    results: RaceResults | None,
    added: list[Run],
    imported: list[Imported],
) -> None:
    """Draw the race, live, and beside it the finished runs and what was imported."""
    contenders = list(results.config.contenders) if results is not None else []
    styles = line_styles([*contenders, *map(contender_of, added)])
    traces = []
    if race is not None and results is not None:
        for index, label in enumerate(labels(contenders)):
            members = members_of(results.config, index)
            keys = tuple(f"{member}/evaluations/train_loss" for member in members)
            color, dash = styles[index].color, styles[index].dash
            marked = few_evaluations(results.config, FEW) and len(keys) == 1
            seeds = keys if len(keys) > 1 else ()
            traces.append(
                Trace(race.id, keys[0], label, color, dash, 2.8, markers=marked, seeds=seeds)
            )
    names = names_of(added, when=False)
    for run, style in zip(added, styles[len(contenders) :], strict=True):
        label = f"{names[run.id]} (added)"
        traces.append(
            Trace(run.id, "0/evaluations/train_loss", label, style.color, style.dash, 2.0)
        )
    traces += imported_traces(imported)
    shown = QUANTITIES[state.quantity]
    task = results.config if results is not None else None
    live_chart(
        traces,
        key=KEY,
        title=shown.title,
        y_title=shown.y_title,
        x=state.axis,
        log_y=shown.log if state.log is None else state.log,
        height=_height(state, len(traces)),
        fill=0 if state.lecture else REST if traces else REST_IDLE,
        below=FOOT * state.lecture,
        lecture=state.lecture,
        empty=_empty(race, results),
        quantities=[
            replace(quantity, target=target_of(name, state, race))
            for name, quantity in QUANTITIES.items()
        ],
        quantity=shown.series,
        smoothing=3 * (task.evaluation.every if task is not None else 1.0),
        smooth=state.smooth,
        on_target=_take_target,
        on_view=_take_view,
    )


def _height(state: RaceState, rows: int) -> int:
    """Return the least height; a row more in the table is a row less for the curves."""
    if state.lecture:
        return ROOM
    return CHART - ROW * min(2, max(0, rows - 3))


def contender_strips(race: Run, results: RaceResults) -> list[Strip]:
    """Return a strip for each contender: of several seeds, the first one's."""
    config = results.config
    return [
        Strip(race.id, *layers_in(config.run(index)), label, members_of(config, index)[0])
        for index, label in enumerate(labels(config.contenders))
    ]


def _empty(race: Run | None, results: RaceResults | None) -> str:
    if race is None:
        return EMPTY
    searching = results is not None and results.searching
    return "Step sizes are searched first." if searching else "The first points come at once."


def _take_target() -> None:
    """Keep where the target was dragged to."""
    if sent := st.session_state[KEY].aimed:
        state, name = RaceState.current(), sent["quantity"].rpartition("/")[2]
        state.target = {**state.target, name: float(f"{sent['value']:.6g}")}


def _take_view() -> None:
    """Keep what is looked at, so that it is in the link."""
    if sent := st.session_state[KEY].looked:
        name, log = sent["quantity"].rpartition("/")[2], bool(sent["log"])
        usual = log == QUANTITIES[name].log
        RaceState.current().change(
            quantity=name, axis=sent["x"], log=None if usual else log, smooth=bool(sent["smooth"])
        )
