"""What the Layers page asks of a run that goes on."""

from __future__ import annotations

import time

import streamlit as st

from app.guard import reporting
from app.layers.choice import key
from app.services import get_service, get_store
from proxprop.spec.controls import Control

PATIENCE = 4.0  # seconds for a run to save its weights: at the end of its step, then to disk
LOOK = 0.1


def save_weights(run_id: str) -> None:
    """Have a live run save its weights, and wait a little for them."""
    before = _newest(run_id)
    with reporting():
        get_service().control(run_id, Control("checkpoint"))
        deadline = time.monotonic() + PATIENCE
        while _newest(run_id) == before and time.monotonic() < deadline:
            run = get_store().run(run_id)
            if run.status == "ended" or (before and before[0] == run.step):
                break  # nothing newer to come
            time.sleep(LOOK)


def save_first_weights(run_id: str) -> None:
    """Have a live run save its weights if it never has."""
    if _newest(run_id) is None:
        save_weights(run_id)


def switch_instruments(run_id: str) -> None:
    """Record more, less or nothing of a live run's layers from now on."""
    tier = st.session_state[key(f"tier.{run_id}")]
    with reporting():
        get_service().control(run_id, Control("set", {"instruments": tier}))


def _newest(run_id: str) -> tuple[int, float] | None:
    rows = get_store().checkpoints(run_id)
    return (rows[0].step, rows[0].created) if rows else None
