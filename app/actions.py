"""What buttons and controls do: each asks the run service, and says in words what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import streamlit as st

from app.ownership import COOKIE
from app.rescale import rescale
from app.services import get_service
from app.state import editing as state
from proxprop.runs.errors import RunError, StoreError
from proxprop.spec.config import ConfigError
from proxprop.spec.controls import Control

PROBLEM = "problem"  # session key of what the last action could not do
Action = Literal["pause", "resume", "stop", "step", "epoch", "checkpoint"]


@contextmanager
def in_words() -> Iterator[None]:
    """Keep what an action could not do for the page to say; a button never shows a trace."""
    try:
        yield
    except (RunError, StoreError, ConfigError, OSError) as error:
        st.session_state[PROBLEM] = str(error)


def take_problem() -> str | None:
    """Return, once, what the last action could not do."""
    problem: str | None = st.session_state.pop(PROBLEM, None)
    return problem


def owner() -> str:
    """Return the cookie that tells this browser from others; empty on a personal machine."""
    return str(st.context.cookies.get(COOKIE, ""))


def start() -> None:
    """Start the draft as a new run and attach the page to it."""
    draft = state.current()
    config = draft.config()
    if config is None:
        return
    with in_words():
        run_id = get_service().start(config, "", owner())
        state.replace(config, base=config, run=run_id).live = True


def control(run_id: str, action: Action) -> None:
    """Send one command to a running run."""
    with in_words():
        get_service().control(run_id, Control(action))


def resume(run_id: str) -> None:
    """Let an interrupted or stopped run go on from its last saved state."""
    with in_words():
        get_service().resume(run_id)


def edit(field: str, raw: Any) -> None:
    """Take a new value for a setting; a running run takes it at once."""
    draft = state.current()
    before = draft.values[field]
    state.set_value(field, raw)
    if field == "direction.solver":
        draft.offer = _offer(draft, before, raw)
    elif field in ("optimizer.lr", "optimizer.name"):
        draft.offer = None
    if draft.live and field in state.LIVE:
        _tune(draft, field)


def take_offer() -> None:
    """Accept the offered step size."""
    offer = state.current().offer
    if offer is not None and offer.lr is not None:
        edit("optimizer.lr", offer.lr)


def _offer(draft: state.Draft, before: str, after: str) -> Any:
    config = draft.config()
    if config is None:
        return None
    optimizer = config.optimizer
    return rescale(before, after, optimizer.lr, config.direction.tau, optimizer.name)


def _tune(draft: state.Draft, field: str) -> None:
    if draft.run is None or draft.config() is None:
        return
    values = {state.LIVE[field]: draft.values[field]}
    with in_words():
        get_service().control(draft.run, Control("set", values))
