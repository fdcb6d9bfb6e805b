"""What is seen of a race: curves, table, the search before it; refreshed while it goes on."""

from __future__ import annotations

import streamlit as st

from app.charts.contender_styles import line_styles
from app.charts.search import search_figure
from app.compare.chart import CHART, race_chart
from app.compare.form import step_sizes
from app.compare.quantities import target_of
from app.compare.results import beside, contender_of, results_of
from app.compare.state import RaceState
from app.compare.table import Entry, html
from app.components.links import Link, link_row
from app.components.run_titles import config_of, data_of, title_of
from app.components.transport import queue_place
from app.guard import guard
from app.live.status import live_status
from app.services import get_store
from app.state.url_state import show_value
from proxprop.runs.record import Run
from proxprop.runs.results import RaceResults
from proxprop.spec.config import RaceConfig, RunConfig
from proxprop.spec.config.query import flatten
from proxprop.spec.racing import Row

REFRESH = 2.0  # seconds between two looks at the numbers while a race goes on
MOST = 4  # finished runs of other days
OFFERED = 100


def picture(race: Run | None) -> None:
    """Show a race, live while it goes on and the same afterwards; else what to do."""
    every = None
    if race is not None:
        state = RaceState.current()
        seen = live_status(race.id, key="race-status", lecture=state.lecture)[race.id]
        if seen["status"] != race.status:  # it moved on while the form was drawn
            st.rerun()
        every = REFRESH if race.status != "ended" else None
        if race.status == "queued" and (place := queue_place(race)):
            st.caption(f"{place}.")
    st.fragment(_results, run_every=every)(None if race is None else race.id)


def _results(race_id: str | None) -> None:
    # A refresh of this part alone does not pass the guard around the page.
    with guard():
        state = RaceState.current()
        race = None if race_id is None else get_store().run(race_id)
        results = None if race is None else results_of(race)
        added = _added(state)
        if results is not None and results.search and (results.searching or state.searched):
            _search(results, state.lecture)
        else:
            race_chart(state, race, results, added)
        if race is not None and results is not None and results.steps:
            _table(state, race, results, added)
        if not state.lecture:
            with st.container(horizontal=True, vertical_alignment="center", key="race-below"):
                _below(state, race, results)
        state.leave()


def _below(state: RaceState, race: Run | None, results: RaceResults | None) -> None:
    """Show what is chosen below the table, and what can be taken away."""
    if results is not None and results.steps:
        _baseline(state, results)
    _added_picker(state)
    if results is not None and results.search is not None and not results.searching:
        help = "The trials before the race, in place of the race's curves."
        st.toggle("Show the search", help=help, **state.bind("searched"))
    if race is not None:
        target = target_of(state.quantity, state, race)
        shown = f"measure={state.quantity}&target={target:g}"
        table = f"/api/races/{race.id}/table.csv?{shown}&baseline={state.baseline - 1}"
        files = f"/api/runs/{race.id}"
        link_row(
            [
                Link(table, "table.csv", ""),
                Link(f"{files}/points.csv", "points.csv", ""),
                Link(f"{files}/config.json", "settings.json", ""),
                Link(f"{files}/snippet.py", "script.py", ""),
            ]
        )


def _table(state: RaceState, race: Run, results: RaceResults, added: list[Run]) -> None:
    measure, target = state.quantity, target_of(state.quantity, state, race)
    base = min(state.baseline, len(results.config.contenders)) - 1
    table = results.table(measure, target, base)
    others = [beside(run, table, measure, target, base) for run in added]
    styles = line_styles([*results.config.contenders, *map(contender_of, added)])
    states = [_state(row, race) for row in table] + [run.outcome or "" for run in added]
    runs = [results.config.run(index) for index in range(len(table))]
    chosen = [step_sizes(flatten(run)) if results.search else "" for run in runs]
    entries = [
        Entry(row, style, outcome, note, beside=index >= len(table))
        for index, (row, style, outcome, note) in enumerate(
            zip([*table, *others], styles, states, chosen + [""] * len(others), strict=True)
        )
    ]
    st.html(html(entries, measure, target, base, lecture=state.lecture))


def _state(row: Row, race: Run) -> str:
    """Return how a contender stands: diverged seeds speak first, then those under way."""
    if row.diverged:
        return "diverged"
    ended = [outcome for outcome in row.outcomes if outcome]
    assert isinstance(race.config, RaceConfig)
    if len(ended) == race.config.seeds or race.status == "ended":
        return ended[-1] if ended else (race.outcome or "")
    return race.status if row.members else ""


def _baseline(state: RaceState, results: RaceResults) -> None:
    names = [row.label for row in results.table()]
    bound = state.bind("baseline")
    show_value(bound["key"], min(state.baseline, len(names)))  # the form may have more contenders
    st.selectbox(
        "Baseline",
        range(1, len(names) + 1),
        format_func=lambda place: f"÷ {names[place - 1]}",
        label_visibility="collapsed",
        help="The baseline: the table's last column divides by its time.",
        width=310,
        **bound,
    )


def _search(results: RaceResults, lecture: bool) -> None:
    payload = results.search
    assert payload is not None
    done = len(payload["results"])
    title = f"Search of step sizes: {done} of {payload['total']} trials"
    dark = st.context.theme.type == "dark"
    figure = search_figure(payload, results.config.contenders, dark=dark, title=title)
    size = 18 if lecture else 13.5
    figure.update_layout(height=480 if lecture else CHART, font={"size": size})
    figure.update_xaxes(title_font={"size": size}, tickfont={"size": size - 1})
    figure.update_yaxes(title_font={"size": size}, tickfont={"size": size - 1})
    st.plotly_chart(figure, theme=None, key="race.search.figure", config={"displayModeBar": False})


def _added(state: RaceState) -> list[Run]:
    """Return the runs of other days drawn beside the race, in the order they were chosen."""
    known = get_store().get(list(state.runs)) if state.runs else {}
    return [known[run_id] for run_id in state.runs if run_id in known]


def _added_picker(state: RaceState) -> None:
    """Let a person choose them; they are always marked, since nothing made them equal."""
    icon = ":material/playlist_add:"
    with st.popover("Add a finished run", key="race.added", icon=icon, on_change="rerun") as group:
        if not group.open:
            return
        ended = get_store().runs(kind="run", status=("ended",), limit=OFFERED)
        chosen = [run for run in _added(state) if run.id not in {run.id for run in ended}]
        readable = [run for run in ended if isinstance(config_of(run), RunConfig) and run.step > 0]
        runs = [*chosen, *readable]
        if not runs:
            st.caption("No run has finished yet; the Train page makes some.")
            return
        names = {run.id: f"{title_of(run)}  ·  {data_of(config_of(run))}" for run in runs}
        st.multiselect(
            "Finished runs",
            list(names),
            format_func=names.__getitem__,
            max_selections=MOST,
            placeholder="choose up to four",
            **state.bind("runs", key="race.added.ids"),
        )
        st.caption(
            "Not measured in the same race: other batches, another load on the machine, perhaps "
            "other data. Epochs compare better than seconds."
        )
