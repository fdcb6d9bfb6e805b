"""Nothing on a page ends in a stack trace: a cause, a next step, and the log for the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from app.components.notation import as_written
from proxprop.runs.errors import RunError, StoreError
from proxprop.spec.config import ConfigError

LOG = logging.getLogger("proxprop.app")
NEXT = "Runs go on undisturbed. Reload the page; if this stays, the server's log says more."
PROBLEM = "problem"  # session key: what the last button could not do


@contextmanager
def guard() -> Iterator[None]:
    """Say in words what went wrong while a page was drawn; what is already on it stays."""
    try:
        yield
    except (RunError, StoreError, ConfigError) as error:
        st.error(as_written(str(error)))
    except Exception as error:
        LOG.exception("a page failed")
        st.error(f"This page could not be drawn: {as_written(_cause(error))} {NEXT}")


@contextmanager
def reporting() -> Iterator[None]:
    """Keep what a button could not do for the page to say: `take_problem` returns it."""
    try:
        yield
    except (RunError, StoreError, ConfigError, OSError) as error:
        st.session_state[PROBLEM] = str(error)


def take_problem() -> str | None:
    """Return, once, what the last button could not do, as Markdown shows it."""
    problem: str | None = st.session_state.pop(PROBLEM, None)
    return None if problem is None else as_written(problem)


def _cause(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{text[0].rstrip('.')}." if text else f"{type(error).__name__}."
