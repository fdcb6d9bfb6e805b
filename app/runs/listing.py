"""Which runs are listed: search, filters and order, all in the link, and the table to choose in."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from typing import Annotated

import numpy as np
import pandas as pd
import streamlit as st
from pydantic import AfterValidator, BeforeValidator, Field

from app.components.notation import duration
from app.components.run_titles import (
    STATES,
    config_of,
    data_of,
    direction_of,
    state_of,
    summary_of,
    title_of,
)
from app.forms.settings import CHOICES
from app.services import get_store
from app.state.url_state import UrlState
from proxprop.runs.reading import Order
from proxprop.runs.record import Run
from proxprop.runs.store import Store
from proxprop.spec.catalog.optimizers import SOLVER_LABELS

ORDERS: dict[Order, str] = {
    "newest": "newest first",
    "oldest": "oldest first",
    "name": "name",
    "status": "status",
    "seconds": "longest training",
}
KEYS = {label: key for key, label in ORDERS.items()}
SHOWN = "runs.shown"  # session key: rows listed
HEIGHT = 340  # pixels of the table: what can be done with a run stays in sight
PAGE = 100  # runs listed before "more"
SPARK = 40  # points of a sparkline
COLUMNS = {
    "status": st.column_config.TextColumn(width=105),
    "run": st.column_config.TextColumn(width="large"),
    "data": st.column_config.TextColumn(width=140),
    "loss": st.column_config.LineChartColumn(
        width="small", help="Full training loss over the run, logarithmic."
    ),
    "training loss": st.column_config.NumberColumn(format="%.2e", width=105),
    "accuracy": st.column_config.NumberColumn(
        format="percent", width=80, help="On the validation samples, at the end."
    ),
    "epochs": st.column_config.NumberColumn(format="%.4g", width=70),
    "time": st.column_config.TextColumn(width=70, help="Training seconds."),
    "started": st.column_config.TextColumn(width=95),
    "tags": st.column_config.ListColumn(width="small"),
}
LOSSES = (("evaluations", "train_loss"), ("evaluations", "validation_loss"), ("steps", "loss"))


def _among(known: Iterable[str]) -> AfterValidator:
    """Return what keeps the words of a link that can be chosen."""
    return AfterValidator(lambda given: tuple(word for word in given if word in known))


class RunsState(UrlState):
    """What a person looks for, and the runs chosen; empty choices let everything through.

    Attributes:
        search: Words that must all occur in id, name, notes, tags or settings.
        status: States as `state_of` words them.
        data: Labels of data sets.
        direction: Directions as `direction_of` words them.
        order: Key of `ORDERS`; its label in links of earlier versions.
        run: Ids of the chosen runs.
    """

    prefix = "runs."

    search: str = Field("", alias="q")
    status: Annotated[tuple[str, ...], _among(STATES.values())] = ()
    data: Annotated[tuple[str, ...], _among(CHOICES["data.name"].values())] = ()
    direction: Annotated[tuple[str, ...], _among(SOLVER_LABELS.values())] = ()
    order: Annotated[Order, BeforeValidator(lambda word: KEYS.get(word, word))] = "newest"
    run: tuple[str, ...] = ()


def filters() -> RunsState:
    """Show search, filters and order in one bar; return what is looked for."""
    state = RunsState.arrive()
    columns = st.columns([2, 1.4, 1.4, 1.4, 1])
    columns[0].text_input(
        "Search",
        placeholder="words in name, notes, tags or settings",
        type="search",
        **state.bind("search"),
    )
    for column, label, name, choices in zip(
        columns[1:4],
        ("Status", "Data", "Weight step"),
        ("status", "data", "direction"),
        (STATES, CHOICES["data.name"], SOLVER_LABELS),
        strict=True,
    ):
        column.multiselect(label, list(choices.values()), placeholder="any", **state.bind(name))
    columns[4].selectbox(
        "Order", list(ORDERS), format_func=ORDERS.__getitem__, **state.bind("order")
    )
    return state


def listed(store: Store, wanted: RunsState) -> list[Run]:
    """Return the runs that match, in the order asked for."""
    return [run for run in store.runs(order=wanted.order) if _matches(run, wanted)]


def _matches(run: Run, wanted: RunsState) -> bool:
    config = config_of(run)
    # What a person can read of a run; the config's text would match the names of its fields too.
    readable = (run.id, run.name, run.notes, *run.tags, summary_of(config), data_of(config))
    if not all(word in " ".join(readable).lower() for word in wanted.search.lower().split()):
        return False
    return all(
        not choice or value in choice
        for choice, value in (
            (wanted.status, state_of(run)),
            (wanted.data, data_of(config)),
            (wanted.direction, direction_of(config)),
        )
    )


def nothing_listed() -> None:
    """Say what to do where no run is listed."""
    if get_store().runs(limit=1):
        st.info("No run matches. Take away a filter, or search for another word.")
    else:
        st.info("No runs yet: everything you train is kept here.")
        st.page_link("../pages/train.py", label="Train a network", icon=":material/play_arrow:")


def table(runs: list[Run], state: RunsState) -> list[Run]:
    """Show one line a run, with a sparkline of its loss; return the chosen ones."""
    page = runs[: st.session_state.get(SHOWN, PAGE)]
    ids = [run.id for run in page]
    # A selection is kept by Streamlit as row numbers. Rows move when runs come and go, so every
    # list of runs is a table of its own, which starts with what was chosen by id.
    key = f"runs.table.{hash(tuple(ids))}"
    rows = [ids.index(run_id) for run_id in state.run if run_id in ids]
    st.dataframe(
        frame(page),
        column_config=COLUMNS,
        hide_index=True,
        key=key,
        on_select=partial(_choose, state, key, ids),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": rows}},
        height=min(HEIGHT, 38 + 36 * len(page)),
        row_height=36,
        placeholder="–",
    )
    if len(runs) > len(page):
        st.button(f"Show more ({len(runs) - len(page)})", key="runs.more", on_click=_more)
    return [page[row] for row in sorted(rows)]


def _choose(state: RunsState, key: str, ids: list[str]) -> None:
    rows = st.session_state[key].selection.rows
    state.change(run=tuple(ids[row] for row in rows if row < len(ids)))


def _more() -> None:
    st.session_state[SHOWN] = st.session_state.get(SHOWN, PAGE) + PAGE


def frame(runs: Sequence[Run], now: float | None = None) -> pd.DataFrame:
    """Return what the table shows."""
    moment = time.time() if now is None else now
    return pd.DataFrame(
        {
            "status": [state_of(run) for run in runs],
            "run": [title_of(run) for run in runs],
            "data": [data_of(config_of(run)) for run in runs],
            "loss": [sparkline(run.id, run.revision, run.step) for run in runs],
            "training loss": [run.summary.get("train_loss", math.nan) for run in runs],
            "accuracy": [run.summary.get("validation_accuracy", math.nan) for run in runs],
            "epochs": [run.epoch for run in runs],
            "time": [duration(run.seconds) for run in runs],
            "started": [ago(moment - run.created) for run in runs],
            "tags": [list(run.tags) for run in runs],
        }
    )


# Keyed by how far the run has come: an ended run is read once.
@lru_cache(maxsize=1000)
def sparkline(run_id: str, revision: int, step: int) -> list[float]:
    """Return the logarithm of a run's loss at up to `SPARK` moments; empty without points."""
    for source, column in LOSSES:
        points = get_store().points(run_id, source)
        if column not in points:
            continue
        values = points[column].to_numpy()
        values = values[np.isfinite(values) & (values > 0)]
        if len(values) >= 2:
            keep = np.unique(np.linspace(0, len(values) - 1, SPARK).astype(int))
            return [float(value) for value in np.log10(values[keep])]
    return []


def ago(seconds: float) -> str:
    """Return how long ago something was, in words."""
    if seconds < 60:
        return "just now"
    for size, unit in ((60, "min"), (3600, "h"), (86_400, "d")):
        if seconds < 100 * size or unit == "d":
            return f"{seconds / size:.0f} {unit} ago"
    return ""
