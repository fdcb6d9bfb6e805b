"""What the Layers page shows: whose weights, step sizes and runs; all of it in the link."""

from __future__ import annotations

import time
from dataclasses import dataclass

import streamlit as st

from app.components.run_settings import marks_of, settings_in_force
from app.forms.fields import log_grid
from app.services import get_store
from proxprop.analysis.slow_motion import TraceRequest
from proxprop.runs.record import Run
from proxprop.spec.config import RunConfig

VIEWS = {"step": "One step", "time": "Along a run"}
STEPS = {"cg": "CG k", "exact": "exact"}
NETS = {
    "mlp": ("initial: MLP", {}),
    "conv": ("initial: ConvNet", {"model.name": "small-convnet", "model.widths": (8, 16)}),
}
TAUS = log_grid(1e-3, 10.0)
ETAS = log_grid(1e-3, 100.0)
COUNTS = (1, 2, 3, 4, 5, 6, 8, 10)
TIERS = ("off", "cheap", "full")
RUNS = 50
DEFAULTS = {"view": "step", "of": "mlp", "step": "cg", "k": "3", "tau": "", "eta": "", "with": ""}
SETTLE = 1.0  # seconds within which a rerun may still carry the URL from before our last change
_PREFIX, _WRITTEN = "layers.", "layers-written"


@dataclass(frozen=True)
class Choice:
    """What is on the page.

    Attributes:
        view: "step" or "time".
        run: The run whose weights or measures are shown; None for initial weights.
        other: A second run to compare with.
        request: The step to trace, in view "step".
    """

    view: str
    run: Run | None
    other: Run | None
    request: TraceRequest | None


def known_runs() -> dict[str, Run]:
    """Return the latest runs of one network, by id, and those the link names."""
    store = get_store()
    found = {run.id: run for run in store.runs(kind="run", limit=RUNS)}
    named = [st.query_params.get(name, "") for name in ("run", "with")]
    for run in store.get([run_id for run_id in named if run_id]).values():
        if run.kind == "run" and run.deleted is None:
            found.setdefault(run.id, run)
    return found


def missing(runs: dict[str, Run]) -> list[str]:
    """Return the runs that the link names but that cannot be shown."""
    named = [asked(name) for name in ("run", "with")]
    return [name for name in named if name and name not in runs]


def arrive() -> None:
    """Let the URL win where it changed by itself: a link, the back button."""
    query, (written, when) = _query(), st.session_state.get(_WRITTEN, ({}, 0.0))
    if query != written and time.monotonic() - when > SETTLE:
        for key in [key for key in st.session_state if str(key).startswith(_PREFIX)]:
            del st.session_state[key]
        st.session_state[_WRITTEN] = (query, 0.0)  # taken over: the controls are ours from here


def leave(values: dict[str, str]) -> None:
    """Write what differs from the defaults to the URL."""
    query = {name: text for name, text in values.items() if text and text != DEFAULTS.get(name)}
    if values.get("view") == "time" and "measures" in st.query_params:
        query["measures"] = st.query_params["measures"]  # a control further down the page
    if query != _query():
        kept = {"lecture": "1"} if lecture() else {}
        st.query_params.from_dict({**query, **kept})
        st.session_state[_WRITTEN] = (query, time.monotonic())


def remember(name: str, text: str) -> None:
    """Write one more value to the URL; empty for its default."""
    query = {**_query(), name: text}
    if text == _query().get(name, ""):
        return
    st.query_params.from_dict({key: value for key, value in query.items() if value})
    st.session_state[_WRITTEN] = (_query(), time.monotonic())


def forget(*names: str) -> None:
    """Let controls take their defaults again."""
    for name in names:
        st.session_state.pop(key(name), None)
        st.query_params.pop(name, None)
    st.session_state[_WRITTEN] = (_query(), time.monotonic())


def lecture() -> bool:
    """Whether the link asks for type that the last row can read."""
    return st.query_params.get("lecture") == "1"


def asked(name: str) -> str:
    """Return what the link says, or the default."""
    return st.query_params.get(name, DEFAULTS.get(name, ""))


def number(name: str, fallback: float) -> float:
    """Return a step size from the link where it is one, else `fallback`."""
    try:
        value = float(asked(name))
    except ValueError:
        return fallback
    return value if 0 < value < float("inf") else fallback


def key(name: str) -> str:
    """Return the session's key of a control."""
    return f"{_PREFIX}{name}"


def settings(run: Run | None, net: str) -> RunConfig:
    """Return the settings in force in a run, or those of a network not yet trained."""
    if run is None:
        return RunConfig().replace(**NETS[net][1])
    config = run.config
    assert isinstance(config, RunConfig)
    return settings_in_force(run)


def tiers(run: Run) -> set[str]:
    """Return what the instruments of a run have been set to so far."""
    config = run.config
    assert isinstance(config, RunConfig)
    changes = [mark.changes for mark in marks_of(run.id) if mark.kind == "set"]
    live = {change["instruments.tier"] for change in changes if "instruments.tier" in change}
    asked = st.session_state.get(key(f"tier.{run.id}"))  # it may not have come into force yet
    return {config.instruments.tier, *live, *([asked] if asked else [])}


def request_of(config: RunConfig, run: Run | None) -> TraceRequest:
    """Return the request for the run's latest checkpoint, or for initial weights."""
    if run is None:
        return TraceRequest(config)
    saved = get_store().checkpoints(run.id)
    return TraceRequest(config, run.id, saved[0].step if saved else 0)


def _query() -> dict[str, str]:
    return {name: text for name, text in st.query_params.to_dict().items() if name != "lecture"}
