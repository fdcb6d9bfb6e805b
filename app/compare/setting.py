"""What all contenders share: data, network, batch, seeds, budget, the search before the race."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app.compare import acting
from app.compare.draft import RaceDraft
from app.components.notation import exact_number
from app.forms import fields
from app.forms.fold import fold
from app.forms.task import data_group, model_group
from app.forms.training import budget, machine
from app.state import editing as state

TRIALS = (4, 8, 12, 16, 24, 32, 48, 64, 100, 200)
LENGTHS = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
CRITERIA = {"validation_loss": "validation loss", "train_loss": "training loss"}
SEARCH_HELP = (
    "Before the race every contender gets the same number of short trials: η for explicit ones; "
    "η, τ and explicit η for implicit ones. The best trial's step sizes are raced."
)


def setting(draft: RaceDraft) -> None:
    """Show the shared setting; its values are on the buttons that open it."""
    with state.editing(draft.task):
        data_group()
        model_group()
        _budget(draft)
        _search(draft)
        fold("More", "more", machine)
        fields.refusals("device", "precision", "evaluation.", "instruments.", "checkpoint.")


def _budget(draft: RaceDraft) -> None:
    values = draft.task.values
    seeds = "1 seed" if draft.seeds == 1 else f"{draft.seeds} seeds"
    title = f"Batch **{values['batch_size']}**  ·  **{budget(values)}**  ·  **{seeds}**"
    fold(title, "budget", partial(_budget_fields, draft))
    fields.refusals("batch_size", "budget.", "seed")


def _budget_fields(draft: RaceDraft) -> None:
    fields.text("batch_size")
    left, right = st.columns(2)
    with left:
        fields.text("budget.epochs", placeholder="no limit")
    with right:
        fields.text("budget.seconds", placeholder="no limit")
    st.caption(
        "Equal for all. Seconds count each contender's own training clock; measuring, drawing "
        "and pauses are left out."
    )
    _seeds(draft)
    fields.text("seed")


def _seeds(draft: RaceDraft) -> None:
    _show("race.seeds", draft.seeds)
    st.slider(
        "Seeds",
        1,
        10,
        key="race.seeds",
        help="Races with as many seeds, one after the other, 1 to 10; drawn as mean and one "
        "standard deviation.",
        on_change=acting.set_seeds,
        args=("race.seeds",),
        disabled=draft.live,
    )


def _search(draft: RaceDraft) -> None:
    search = draft.search
    title = "off" if search is None else f"{search.trials} trials each"
    fold(f"Search of step sizes  **{title}**", "search", partial(_search_fields, draft))


def _search_fields(draft: RaceDraft) -> None:
    search = draft.search
    _show("race.search", search is not None)
    st.toggle(
        "Search step sizes first",
        key="race.search",
        on_change=acting.set_search,
        args=("on", "race.search"),
        disabled=draft.live,
    )
    st.caption(SEARCH_HELP)
    if search is None:
        return
    _stops("trials", "Trials per contender", TRIALS, search.trials, draft.live)
    _stops("epochs", "Epochs per trial", LENGTHS, search.epochs, draft.live)
    _show("race.search.criterion", search.criterion)
    st.segmented_control(
        "The best trial has the lowest",
        list(CRITERIA),
        format_func=lambda name: CRITERIA[name],
        key="race.search.criterion",
        required=True,
        on_change=acting.set_search,
        args=("criterion", "race.search.criterion"),
        disabled=draft.live,
    )


def _stops(field: str, label: str, stops: tuple[float, ...], value: float, locked: bool) -> None:
    key = f"race.search.{field}"
    _show(key, value)
    st.select_slider(
        label,
        options=sorted({*stops, value}),
        format_func=lambda stop: exact_number(stop),
        key=key,
        on_change=acting.set_search,
        args=(field, key),
        disabled=locked,
    )


def _show(key: str, value: object) -> None:
    if st.session_state.get(key) != value:
        st.session_state[key] = value
