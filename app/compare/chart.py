"""The curves of a race: which quantities can be looked at, and the lines of each contender."""

from __future__ import annotations

import streamlit as st

from app.compare import acting
from app.compare.draft import RaceDraft
from app.compare.quantities import QUANTITIES
from app.compare.standing import Standing
from app.components.contender_styles import looks
from app.components.run_titles import title_of
from app.live.chart import Trace, live_chart
from proxprop.runs.record import Run
from proxprop.spec.config import Contender, RaceConfig, RunConfig
from proxprop.spec.racing import labels, members_of

CHART = 344
ROW = 26
# Pixels of the window that stay for the rest of the page.
REST, REST_IDLE, REST_LECTURE = 440, 280, 297
CHART_LECTURE, ROW_LECTURE, SPREAD_LECTURE = 315, 36, 21
KEY = "race"
FEW = 25  # evaluations up to which each is drawn as a point
EMPTY = "Press Start: all contenders begin at the same weights and see the same batches."


def race_chart(
    draft: RaceDraft, race: Run | None, standing: Standing | None, added: list[Run]
) -> None:
    """Draw the race and the finished runs beside it, live."""
    contenders = list(standing.config.contenders) if standing is not None else []
    styles = looks([*contenders, *map(contender_of, added)])
    traces = []
    if race is not None and standing is not None:
        for index, label in enumerate(labels(contenders)):
            members = members_of(standing.config, index)
            keys = tuple(f"{member}/evaluations/train_loss" for member in members)
            color, dash = styles[index].color, styles[index].dash
            marked = _few(standing.config) and len(keys) == 1
            seeds = keys if len(keys) > 1 else ()
            traces.append(
                Trace(race.id, keys[0], label, color, dash, 2.8, markers=marked, seeds=seeds)
            )
    for run, style in zip(added, styles[len(contenders) :], strict=True):
        label = f"{title_of(run)} (other day)"
        traces.append(
            Trace(run.id, "0/evaluations/train_loss", label, style.color, style.dash, 2.0)
        )
    shown = QUANTITIES[draft.quantity]
    task = standing.config if standing is not None else None
    live_chart(
        traces,
        key=KEY,
        title=shown.title,
        y_title=shown.y_title,
        x=draft.axis,
        log_y=draft.log if draft.log is not None else not shown.accuracy,
        height=_height(draft, len(traces)),
        fill=_rest(draft, len(traces), task is not None and task.seeds > 1),
        lecture=draft.lecture,
        empty=_empty(race, standing),
        quantities=[looked.quantity(draft, race) for looked in QUANTITIES.values()],
        quantity=shown.series,
        smoothing=3 * (task.evaluation.every if task is not None else 1.0),
        smooth=draft.smooth,
        on_target=_aimed,
        on_view=_looked,
    )


def _height(draft: RaceDraft, rows: int) -> int:
    """Return the least height; a row more in the table is a row less for the curves."""
    if draft.lecture:
        return CHART_LECTURE
    return CHART - ROW * min(2, max(0, rows - 3))


def _rest(draft: RaceDraft, rows: int, spread: bool) -> int:
    if draft.lecture and rows:
        return REST_LECTURE + (ROW_LECTURE + SPREAD_LECTURE * spread) * rows
    return REST if rows else REST_IDLE


def _empty(race: Run | None, standing: Standing | None) -> str:
    if race is None:
        return EMPTY
    searching = standing is not None and standing.searching
    return "Step sizes are searched first." if searching else "The first points come at once."


def contender_of(run: Run) -> Contender:
    """Return a finished run as if it competed."""
    config = run.config
    assert isinstance(config, RunConfig)
    return Contender(direction=config.direction, optimizer=config.optimizer)


def _few(config: RaceConfig) -> bool:
    epochs = config.budget.epochs
    return epochs is not None and epochs / config.evaluation.every <= FEW


def _aimed() -> None:
    told = st.session_state[KEY].aimed
    if told:
        acting.set_target(told["quantity"].rpartition("/")[2], float(told["value"]))


def _looked() -> None:
    told = st.session_state[KEY].looked
    if told:
        measure = told["quantity"].rpartition("/")[2]
        acting.set_view(measure, told["x"], bool(told["log"]), bool(told["smooth"]))
