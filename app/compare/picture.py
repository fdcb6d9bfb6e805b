"""What is seen of a race: curves, table, the search before it; refreshed while it goes on."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.charts.contender_styles import line_styles
from app.charts.search import search_figure
from app.compare.chart import CHART, contender_strips, race_chart
from app.compare.form import step_sizes
from app.compare.import_picker import import_picker
from app.compare.imported import drawn_imports, imported_row, imported_styles, not_shown
from app.compare.quantities import target_of
from app.compare.results import beside, contender_of, results_of
from app.compare.state import RaceState
from app.compare.table import Entry, html
from app.components.layer_metrics import activation_strips
from app.components.links import Link, download_links
from app.components.notation import as_written, spelled
from app.components.run_titles import config_of, data_of, names_of
from app.components.transport import queue_place
from app.guard import guard
from app.live.chart import show_figure
from app.live.status import live_status
from app.services import get_store
from app.state.telling import show_value
from proxprop.runs.record import Run
from proxprop.runs.results import RaceResults
from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import Contender, RaceConfig, RunConfig
from proxprop.spec.config.query import flatten
from proxprop.spec.racing import Row
from proxprop.spec.racing.search import doubts

REFRESH = 2.0  # seconds between two looks at the numbers while a race goes on
MOST = 4  # finished runs beside the race
OFFERED = 100
# What the table may be grouped by → the group of a contender.
GROUPS: dict[str, Callable[[Contender], str]] = {
    "direction": lambda contender: contender.direction.label,
    "optimizer": lambda contender: OPTIMIZERS[contender.optimizer.name].label,
}


def picture(race: Run | None) -> None:
    """Show a race, live while it goes on and the same afterwards; else what to do."""
    every = None
    if race is not None:
        if race.foreign:
            st.warning(as_written(race.foreign))
        state = RaceState.current()
        live_status(race, key="race-status", lecture=state.lecture)
        every = REFRESH if race.status != "ended" else None
        if race.status == "queued" and (place := queue_place(race)):
            st.caption(f"{place}.")
    st.fragment(_results, run_every=every)(None if race is None else race.id, every is not None)


def _results(race_id: str | None, live: bool) -> None:
    # A refresh of this part alone does not pass the guard around the page.
    with guard():
        state = RaceState.current()
        race = None if race_id is None else get_store().run(race_id)
        if live and race is not None and race.status == "ended":
            st.rerun()  # all of the page says so at once
        results = None if race is None else results_of(race)
        added, others = _added(state), drawn_imports()
        begun = results is not None and bool(results.steps)
        if results is not None and results.search and (results.searching or state.searched):
            _search(results, state.lecture)
        elif not (state.lecture and state.activations and begun):  # a room sees one of the two
            race_chart(state, race, results, added, others)
            if not state.lecture:
                for words in not_shown(state, others):
                    st.caption(as_written(f"{words}."))
        if race is not None and results is not None and results.steps:
            if not state.lecture:
                _table(state, race, results, added)
                _doubts(race, results)
            if state.activations:
                _activations(race, results, lecture=state.lecture)
        if not state.lecture:
            with st.container(horizontal=True, vertical_alignment="center", key="race-below"):
                _below(state, race, results)
        state.leave()


def _below(state: RaceState, race: Run | None, results: RaceResults | None) -> None:
    """Show what is chosen below the table, and what can be taken away."""
    if results is not None and results.steps:
        _baseline(state, results)
        _grouping(state)
    _added_picker(state)
    import_picker(state)
    if results is not None and results.search is not None and not results.searching:
        help = "The trials before the race, in place of the race's curves."
        st.toggle("Show the search", help=help, **state.bind("searched"))
    if results is not None and results.steps:
        help = "What each contender's steps do to the activations, layer by layer."
        st.toggle("Activations", help=help, **state.bind("activations"))
    if race is not None:
        target = target_of(state.quantity, state, race)
        shown = f"measure={state.quantity}&target={target:g}"
        table = f"api/races/{race.id}/table.csv?{shown}&baseline={state.baseline - 1}"
        download_links(race, Link(table, "Table (CSV)", ""))


def _activations(race: Run, results: RaceResults, *, lecture: bool) -> None:
    """Draw the contenders' strips, all on one scale."""
    if results.config.instruments.tier == "off":
        st.caption(
            "This race does not measure its layers; switch instruments on under More before the "
            "next one."
        )
    else:
        activation_strips(race, contender_strips(race, results), lecture=lecture)


def _table(state: RaceState, race: Run, results: RaceResults, added: list[Run]) -> None:
    measure, target = state.quantity, target_of(state.quantity, state, race)
    base = min(state.baseline, len(results.config.contenders)) - 1
    table = results.table(measure, target, base)
    names = names_of(added, when=False)
    others = [beside(run, names[run.id], table, measure, target, base) for run in added]
    raced = [*results.config.contenders, *map(contender_of, added)]
    styles = line_styles(raced)
    states = [_state(row, race) for row in table] + [run.outcome or "" for run in added]
    runs = [results.config.run(index) for index in range(len(table))]
    chosen = [step_sizes(flatten(run)) if results.search else "" for run in runs]
    entries = [
        Entry(row, style, outcome, note, beside=index >= len(table))
        for index, (row, style, outcome, note) in enumerate(
            zip([*table, *others], styles, states, chosen + [""] * len(others), strict=True)
        )
    ]
    foreign = drawn_imports()
    entries += [
        Entry(imported_row(each, measure, target), style, "", each.note, source=each.run.source)
        for each, style in zip(foreign, imported_styles(foreign), strict=True)
    ]
    groups = [GROUPS[state.grouped](each) for each in raced] if state.grouped else []
    groups += ["imported"] * len(foreign) * bool(groups)
    st.html(html(entries, measure, target, base, groups))


def _doubts(race: Run, results: RaceResults) -> None:
    """Warn where a search may have chosen badly."""
    asked, search = race.config, results.search
    if search is None or not isinstance(asked, RaceConfig):
        return
    for row in results.table():
        for sentence in doubts(search, asked, row.contender, row.outcomes):
            st.caption(f":material/warning: {as_written(f'{row.label}: {spelled(sentence)}.')}")


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
        format_func=lambda place: f"against {names[place - 1]}",
        label_visibility="collapsed",
        help="The baseline: the table's last column compares times with its time.",
        width=310,
        **bound,
    )


def _grouping(state: RaceState) -> None:
    st.selectbox(
        "Groups",
        ["", *GROUPS],
        format_func=lambda name: f"grouped by {name}" if name else "not grouped",
        label_visibility="collapsed",
        help="Rows of the table that belong together stand together, under a heading.",
        width=220,
        **state.bind("grouped"),
    )


def _search(results: RaceResults, lecture: bool) -> None:
    payload = results.search
    assert payload is not None
    done = len(payload["results"])
    title = f"Search of step sizes: {done} of {payload['total']} trials"
    show_figure(
        search_figure(payload, results.config.contenders, lecture=lecture),
        key="race.search.figure",
        title=title,
        headed=True,
        height=480 if lecture else CHART,
        lecture=lecture,
        empty="The first trials are under way.",
    )


def _added(state: RaceState) -> list[Run]:
    """Return the finished runs drawn beside the race, in the order they were chosen."""
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
        known = {run.id: run for run in runs}
        if not runs:
            st.caption("No run has finished yet; the Train page makes some.")
            return
        names = names_of(runs)
        st.multiselect(
            "Finished runs",
            list(names),
            format_func=lambda run_id: f"{names[run_id]}  ·  {data_of(config_of(known[run_id]))}",
            max_selections=MOST,
            placeholder="choose up to four",
            **state.bind("runs", key="race.added.ids"),
        )
        st.caption(
            "Not measured in the same race: other batches, another load on the machine, perhaps "
            "other data. Epochs compare better than seconds."
        )
