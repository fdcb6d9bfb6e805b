"""What is seen of a race: curves, table, the search before it; refreshed while it goes on."""

from __future__ import annotations

import streamlit as st

from app.compare import acting
from app.compare.added import added_picker, added_runs
from app.compare.arrive import current, write_url
from app.compare.cards import step_sizes
from app.compare.chart import CHART, contender_of, race_chart
from app.compare.draft import RaceDraft
from app.compare.quantities import QUANTITIES
from app.compare.search import search_figure
from app.compare.standing import Standing, beside, standing_of
from app.compare.table import Entry, html
from app.components.contender_styles import looks
from app.components.toggle import toggle
from app.components.transport import queue_place
from app.guard import guard
from app.live.status import live_status
from app.services import get_store
from proxprop.runs.record import Run
from proxprop.spec.config import RaceConfig
from proxprop.spec.config.query import flatten
from proxprop.spec.racing import Row

REFRESH = 2.0  # seconds between two looks at the numbers while a race goes on


def picture(race: Run | None) -> None:
    """Show a race, live while it goes on and the same afterwards; else what to do."""
    every = None
    if race is not None:
        seen = live_status(race.id, key="race-status", lecture=current().lecture)[race.id]
        if seen["status"] != race.status:  # it moved on while the form was drawn
            st.rerun()
        every = REFRESH if race.status != "ended" else None
        if race.status == "queued":
            _queue(race)
    st.fragment(_numbers, run_every=every)(None if race is None else race.id)


def _numbers(race_id: str | None) -> None:
    # A refresh of this part alone does not pass the guard around the page.
    with guard():
        draft = current()
        race = None if race_id is None else get_store().run(race_id)
        standing = None if race is None else standing_of(race)
        added = added_runs(draft)
        if standing is not None and standing.search is not None and _wants_search(draft, standing):
            _search(standing, draft.lecture)
        else:
            race_chart(draft, race, standing, added)
        _below(draft, race, standing, added)
        write_url(draft)


def _below(draft: RaceDraft, race: Run | None, standing: Standing | None, added: list[Run]) -> None:
    if race is not None and standing is not None and standing.steps:
        _table(draft, race, standing, added)
    if draft.lecture:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="race-below"):
        if standing is not None and standing.steps:
            _baseline(draft, standing)
        added_picker(draft)
        if standing is not None and standing.search is not None and not standing.searching:
            _search_toggle(draft)
        if race is not None:
            _links(draft, race)


def _table(draft: RaceDraft, race: Run, standing: Standing, added: list[Run]) -> None:
    quantity = QUANTITIES[draft.quantity]
    measure, target = quantity.measure, quantity.target(draft, race)
    base = min(draft.baseline, len(standing.config.contenders) - 1)
    table = standing.table(measure, target, base)
    others = [beside(run, table, measure, target, base) for run in added]
    styles = looks([*standing.config.contenders, *map(contender_of, added)])
    states = [_state(row, race) for row in table] + [run.outcome or "" for run in added]
    notes = _searched(standing)
    entries = [
        Entry(row, style, state, notes.get(index, ""), index >= len(table))
        for index, (row, style, state) in enumerate(
            zip([*table, *others], styles, states, strict=True)
        )
    ]
    st.html(html(entries, measure, target, base, lecture=draft.lecture))


def _searched(standing: Standing) -> dict[int, str]:
    """Return the step sizes that a search chose, by contender."""
    if standing.search is None:
        return {}
    return {
        index: step_sizes(flatten(standing.config.run(index)))
        for index in range(len(standing.config.contenders))
    }


def _state(row: Row, race: Run) -> str:
    """Return how a contender stands: diverged seeds speak first, then those under way."""
    if row.diverged:
        return "diverged"
    ended = [outcome for outcome in row.outcomes if outcome]
    assert isinstance(race.config, RaceConfig)
    if len(ended) == race.config.seeds or race.status == "ended":
        return ended[-1] if ended else (race.outcome or "")
    return race.status if row.members else ""


def _baseline(draft: RaceDraft, standing: Standing) -> None:
    names = [row.label for row in standing.table("train_loss", None, 0)]
    base = min(draft.baseline, len(names) - 1)
    if st.session_state.get("race.baseline") != base:
        st.session_state["race.baseline"] = base
    st.selectbox(
        "Baseline",
        range(len(names)),
        format_func=lambda index: f"÷ {names[index]}",
        key="race.baseline",
        label_visibility="collapsed",
        help="The baseline: the table's last column divides by its time.",
        on_change=acting.set_baseline,
        args=("race.baseline",),
        width=310,
    )


def _search(standing: Standing, lecture: bool) -> None:
    payload = standing.search
    assert payload is not None
    done = len(payload["results"])
    words = f"Search of step sizes: {done} of {payload['total']} trials"
    dark = st.context.theme.type == "dark"
    figure = search_figure(payload, standing.config.contenders, dark=dark, title=words)
    size = 18 if lecture else 13.5
    figure.update_layout(height=480 if lecture else CHART, font={"size": size})
    figure.update_xaxes(title_font={"size": size}, tickfont={"size": size - 1})
    figure.update_yaxes(title_font={"size": size}, tickfont={"size": size - 1})
    st.plotly_chart(figure, theme=None, key="race.search.figure", config={"displayModeBar": False})


def _wants_search(draft: RaceDraft, standing: Standing) -> bool:
    return standing.searching or draft.searched


def _search_toggle(draft: RaceDraft) -> None:
    toggle(
        "Show the search",
        draft.searched,
        key="race.searched",
        help="The trials before the race, in place of the race's curves.",
        on_change=acting.set_searched,
    )


def _links(draft: RaceDraft, race: Run) -> None:
    quantity = QUANTITIES[draft.quantity]
    asked = f"measure={quantity.measure}&target={quantity.target(draft, race):g}"
    files = (
        (f"/api/races/{race.id}/table.csv?{asked}&baseline={draft.baseline}", "table.csv"),
        (f"/api/runs/{race.id}/points.csv", "points.csv"),
        (f"/api/runs/{race.id}/config.json", "settings.json"),
        (f"/api/runs/{race.id}/snippet.py", "script.py"),
    )
    links = [f'<a href="{url}" download>{label}</a>' for url, label in files]
    st.html(f'<div class="proxprop-links">{"".join(links)}</div>')


def _queue(race: Run) -> None:
    if place := queue_place(race):
        st.caption(f"{place}.")
