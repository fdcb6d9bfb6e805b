"""Which runs are listed: search, filters and order, all in the link."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Annotated

import streamlit as st
from pydantic import AfterValidator, Field

from app.components.run_titles import STATES, config_of, data_of, direction_of, state_of, summary_of
from app.forms.settings import CHOICES, SETTINGS
from app.runs.columns import COLUMNS, USUAL, Group, measured
from app.state.draft import DEFAULTS
from app.state.url_state import UrlState
from proxprop.runs.reading import Order
from proxprop.runs.record import Run
from proxprop.runs.store import Store
from proxprop.spec.catalog.optimizers import SOLVER_LABELS
from proxprop.spec.config import AnyConfig, RaceConfig, RunConfig
from proxprop.spec.config.query import flatten

STORED: dict[Order, str] = {
    "newest": "newest first",
    "oldest": "oldest first",
    "name": "name",
    "status": "status",
    "seconds": "longest training",
}
# Column → how an order by it reads, and whether the largest comes first.
BY_MEASURE = {
    "training loss": ("lowest training loss", False),
    "best loss": ("lowest best loss", False),
    "validation loss": ("lowest validation loss", False),
    "accuracy": ("highest accuracy", True),
    "epochs": ("most epochs", True),
    "η": ("smallest η", False),
    "τ": ("smallest τ", False),
    "batch": ("smallest batch", False),
}
ORDERS: dict[str, str] = STORED | {name: words for name, (words, _) in BY_MEASURE.items()}
KEYS = {label: key for key, label in ORDERS.items()}
# What a number may be asked for by: the last part of its name in a config, or its symbol.
NUMBERS = {
    word.lower(): name
    for name, value in DEFAULTS.items()
    if not isinstance(value, (str, bool, tuple, list)) and name in SETTINGS
    for word in (name.rpartition(".")[2], SETTINGS[name].label.rpartition(" ")[2])
} | {"η": "optimizer.lr", "eta": "optimizer.lr", "batch": "batch_size"}
NUMBER = r"\d+\.?\d*(?:e-?\d+)?|\.\d+"
PAIR = re.compile(rf"(?<!\S)({'|'.join(map(re.escape, NUMBERS))})[ =]({NUMBER})(?!\S)")
SPOKEN = str.maketrans({"τ": "tau", "η": "eta"})


def _among(known: Iterable[str]) -> AfterValidator:
    """Return what keeps the words of a link that can be chosen."""
    return AfterValidator(lambda given: tuple(word for word in given if word in known))


def _order(word: str) -> str:
    """Return the key of an order; links of earlier versions hold its label."""
    key = KEYS.get(word, word)
    if key not in ORDERS:
        raise ValueError(f"order must be one of {', '.join(ORDERS)}, got {word!r}")
    return key


class RunsState(UrlState):
    """What a person looks for, and the runs chosen; empty choices let everything through.

    Attributes:
        search: Words that must all occur in id, name, notes, tags or settings; a setting's name
            with a number asks for just that value.
        status: States as `state_of` words them.
        data: Labels of data sets.
        direction: Directions as `direction_of` words them.
        order: Key of `ORDERS`; its label in links of earlier versions.
        columns: Of the table.
        seeds: Whether runs that differ in their seed alone share a line.
        run: Ids of the chosen runs.
    """

    prefix = "runs."

    search: str = Field("", alias="q")
    status: Annotated[tuple[str, ...], _among(STATES.values())] = ()
    data: Annotated[tuple[str, ...], _among(CHOICES["data.name"].values())] = ()
    direction: Annotated[tuple[str, ...], _among(SOLVER_LABELS.values())] = ()
    order: Annotated[str, AfterValidator(_order)] = "newest"
    columns: Annotated[tuple[str, ...], _among(COLUMNS)] = USUAL
    seeds: bool = False
    run: tuple[str, ...] = ()


def filters() -> RunsState:
    """Show search, filters, order and columns in one bar; return what is looked for."""
    state = RunsState.arrive()
    with st.container(key="runs-filters"):
        columns = st.columns([2, 1.3, 1.3, 1.3, 1.2, 1], vertical_alignment="bottom")
    columns[0].text_input(
        "Search",
        placeholder="relu  seed 6  tau .05",
        help="Words of names, notes, tags and settings, which must all occur; a setting with a "
        "number asks for that value: seed 6, tau .05, batch 50.",
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
    with columns[5].popover("Table", icon=":material/view_column:", width="stretch"):
        st.toggle(
            "One line for all seeds",
            help="Runs that differ in nothing but their seed share a line: numbers are means, "
            "with one standard deviation beside the loss.",
            **state.bind("seeds"),
        )
        st.pills("Columns", list(COLUMNS), selection_mode="multi", **state.bind("columns"))
    return state


def listed(store: Store, wanted: RunsState) -> list[Run]:
    """Return the runs that match, in the order asked for."""
    order = wanted.order if wanted.order in STORED else "newest"
    return [run for run in store.runs(order=order) if _matches(run, wanted)]


def grouped(runs: Iterable[Run], wanted: RunsState) -> list[Group]:
    """Return the lines of the table, in the order asked for: runs, or runs of one config."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        config = config_of(run)
        same = run.id
        if wanted.seeds and isinstance(config, RunConfig) and not run.foreign:
            same = config.model_copy(update={"seed": 0}).model_dump_json()
        groups.setdefault(same, []).append(run)
    lines = [tuple(group) for group in groups.values()]
    if wanted.order not in BY_MEASURE:
        return lines
    last = math.inf * (-1 if BY_MEASURE[wanted.order][1] else 1)

    def place(line: Group) -> float:
        value = measured(line, wanted.order)
        return last if math.isnan(value) else value

    return sorted(lines, key=place, reverse=BY_MEASURE[wanted.order][1])


def _matches(run: Run, wanted: RunsState) -> bool:
    config = config_of(run)
    chosen = (
        not choice or value in choice
        for choice, value in (
            (wanted.status, state_of(run)),
            (wanted.data, data_of(config)),
            (wanted.direction, direction_of(config)),
        )
    )
    return all(chosen) and (not wanted.search or _says(run, config, wanted.search.lower()))


def _says(run: Run, config: AnyConfig | None, search: str) -> bool:
    """Whether a run has every word of a search, and every setting that it names with a number."""
    parts = _parts(config)
    # What a person can read of a run; the config's text would match the names of its fields too.
    said = [data_of(config), *map(summary_of, [config, *parts])]
    said += [text.translate(SPOKEN) for text in said]
    settings = [flatten(part) for part in parts]
    said += [value for each in settings for value in each.values() if isinstance(value, str)]
    text = " ".join([run.id, run.name, run.notes, *run.tags, *said]).lower()
    pieces = PAIR.split(search)  # "relu tau .05" → words, name, number, words
    if not all(word in text for piece in pieces[::3] for word in piece.split()):
        return False
    numbers = [(NUMBERS[name], float(n)) for name, n in zip(pieces[1::3], pieces[2::3])]
    seeds = config.seeds if isinstance(config, RaceConfig) else 1
    # Of a race, one contender with one of its seeds has them all.
    return not numbers or any(
        all({**each, "seed": each["seed"] + seed}.get(name) == n for name, n in numbers)
        for each in settings
        for seed in range(seeds)
    )


def _parts(config: AnyConfig | None) -> list[RunConfig]:
    """Return the single runs that a config describes, of several seeds the first."""
    if isinstance(config, RunConfig):
        return [config]
    if isinstance(config, RaceConfig):
        return [config.run(index) for index in range(len(config.contenders))]
    return []
