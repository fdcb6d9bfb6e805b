"""URL ⇄ draft ⇄ config: what a person is editing on the Train page, kept in the session.

The draft is the truth while the page is open; the URL follows it and wins where it changed by
itself: a pasted link, the back button, a link from another page.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from app.rescale import Offer
from app.state.draft import Values, check, check_files, read_query
from app.state.url_state import SETTLE
from proxprop.spec.config import RunConfig, to_query
from proxprop.spec.config.query import flatten

# What a running run takes at once, by the name of its `Control` value.
LIVE = {
    "direction.solver": "solver",
    "direction.tau": "tau",
    "direction.cg_steps": "cg_steps",
    "optimizer.lr": "lr",
    "optimizer.explicit_lr": "explicit_lr",
    "instruments.tier": "instruments",
}
KEY = "draft"
EDITED = "draft.edited"


@dataclass
class Draft:
    """The settings on the screen.

    Attributes:
        values: Raw values by dotted name.
        base: What the link is compared with: the defaults, or the attached run's settings.
        run: The run the page shows, if any.
        live: Whether that run goes on; then only the `LIVE` fields can change, at once.
        problems: What is wrong, by field.
        unknown: Names in the link that no field has.
        offer: Offer to rescale η after a switch between explicit and implicit.
        written: The query last written to the URL, and when.
        touched: Whether a control changed in this rerun.
        place: Distinguishes its controls from those of other drafts on the same page.
    """

    values: Values
    base: RunConfig = field(default_factory=RunConfig)
    run: str | None = None
    live: bool = False
    problems: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    offer: Offer | None = None
    written: dict[str, str] = field(default_factory=dict)
    written_at: float = 0.0
    touched: bool = False
    place: str = ""

    def locked(self, name: str) -> bool:
        """Whether `name` cannot change while the attached run goes on."""
        return self.live and name not in LIVE

    def config(self) -> RunConfig | None:
        """Return the config described, or None; `problems` then says why."""
        config, self.problems = check(self.values)
        if config is not None:
            self.problems = check_files(config)
        return None if self.problems else config

    def query(self) -> dict[str, str] | None:
        """Return the link's query, or None while the draft is not valid."""
        config = self.config()
        if config is None:
            return None
        attached = {"run": self.run} if self.run else {}
        return attached if self.live else {**attached, **to_query(config, self.base)}


@contextmanager
def editing(draft: Draft) -> Iterator[None]:
    """Let `current` be `draft`, one of several on a page, while its controls are used."""
    before = st.session_state.get(EDITED)
    st.session_state[EDITED] = draft
    try:
        yield
    finally:
        st.session_state[EDITED] = before


def current() -> Draft:
    """Return the draft being edited: the session's own, a fresh one if there is none."""
    if (edited := st.session_state.get(EDITED)) is not None:
        chosen: Draft = edited
        return chosen
    if KEY not in st.session_state:
        st.session_state[KEY] = Draft(flatten(RunConfig()))
    draft: Draft = st.session_state[KEY]
    return draft


def replace(config: RunConfig, *, base: RunConfig | None = None, run: str | None = None) -> Draft:
    """Show `config` on the form, detached or attached to a run."""
    draft = Draft(flatten(config), base or RunConfig(), run)
    draft.touched = True
    st.session_state[KEY] = draft
    return draft


def set_value(name: str, raw: Any) -> None:
    """Take a new raw value for one field."""
    draft = current()
    draft.values[name] = raw
    draft.touched = True


def url_changed(draft: Draft | None, query: dict[str, str], arrived: bool) -> bool:
    """Whether the URL says something the draft does not know yet.

    Args:
        draft: The session's draft, if any.
        query: The URL's query now.
        arrived: Whether the person just came from another page.
    """
    if draft is None:
        return True
    if arrived:
        return bool(query)
    recent = time.monotonic() - draft.written_at < SETTLE
    return query != draft.written and not draft.touched and not recent


def from_url(query: dict[str, str], base: RunConfig, run: str | None) -> Draft:
    """Take the draft from the URL, on top of the attached run's settings."""
    settings = {name: text for name, text in query.items() if name != "run"}
    values, unknown = read_query(settings, base)
    draft = Draft(values, base, run, unknown=unknown, written=query)
    st.session_state[KEY] = draft
    return draft


def write_url(draft: Draft) -> None:
    """Let the URL follow the draft; an invalid draft leaves it as it is."""
    query = draft.query()
    draft.touched = False
    if query is None:
        return
    if query != st.query_params.to_dict():
        st.query_params.from_dict(query)
        draft.written_at = time.monotonic()
    draft.written = query
