"""The guard of everything that changes something: who may do it, asked in one place.

Pages are handed the store and the service behind it. What is not known to read is guarded, so that
a new method is, too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.ownership import this_owner
from app.room import Role, get_room
from proxprop.runs.errors import RunError
from proxprop.runs.reading import Reading
from proxprop.runs.record import Run
from proxprop.runs.service import RunService
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.memory import least_memory

# What the audience may have of its own: a network of some 300,000 weights for a minute.
SMALL_MEMORY = 8e6  # bytes by `least_memory`
SMALL_SECONDS = 60.0
LONGEST_QUEUE = 20
OWN = ("resume", "back", "control", "give_up", "delete", "restore", "rename", "note", "tag")
NOT_YOURS = "Only the presenter does this. You can look at everything, and move about freely."


class NotPermitted(RunError):
    """The audience may not do this."""

    def __init__(self, message: str = NOT_YOURS) -> None:
        super().__init__(message)


def this_role() -> Role:
    """Return the role of the browser whose page is being drawn."""
    room = get_room()
    if not room.has_roles:
        return "presenter"
    return "audience" if get_script_run_ctx() is None else room.role(st.context.cookies)


def permit(action: str, store: Store | None = None, *subject: Any) -> None:
    """Refuse what the browser whose page is being drawn may not do.

    Args:
        action: What it asks for, as the service or the store calls it.
        store: Where runs are.
        *subject: What it is asked for: a config to start, the id of a run.

    Raises:
        NotPermitted: With who may.
    """
    if this_role() == "presenter":
        return
    if get_room().audience_runs and store is not None and subject and this_owner():
        if action == "start":
            _permit_small(store, subject[0])
            return
        if action in OWN and (run := store.run(subject[0])).owner == this_owner():
            if action == "resume":  # it takes a place again, and may come with a larger budget
                _permit_small(store, next(filter(None, subject[1:]), run.config))
            elif action == "back":  # so does a new run from there on
                _permit_small(store, run.config)
            return
    raise NotPermitted


def may_start() -> bool:
    """Return whether this browser may start anything at all."""
    return this_role() == "presenter" or bool(get_room().audience_runs and this_owner())


def may_change(run: Run) -> bool:
    """Return whether this browser may stop, change or delete a run."""
    own = bool(get_room().audience_runs) and run.owner == this_owner() != ""
    return this_role() == "presenter" or own


class Guarded:
    """The store or the service as pages have it: what changes something is asked for first.

    Args:
        inner: The real one.
        store: Where runs are.
        reads: Names of what everyone may use.
    """

    def __init__(self, inner: object, store: Store, reads: frozenset[str]) -> None:
        self._inner, self._store, self._reads = inner, store, reads

    def __getattr__(self, name: str) -> Any:
        """Return what the inner one has of that name, behind the guard unless it only reads."""
        attribute = getattr(self._inner, name)
        if name in self._reads:
            return attribute
        if not callable(attribute):
            raise AttributeError(f"{name} is not for pages")
        return self._asking(name, attribute)

    def _asking(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def asking(*args: Any, **kwargs: Any) -> Any:
            permit(name, self._store, *args)
            return method(*args, **kwargs)

        return asking


# Whatever only asks a question: of the store, and of the service.
STORE_READS = frozenset(name for name in dir(Reading) if not name.startswith("_")) - {
    "copy_to",
    "check_writable",
}
SERVICE_READS = frozenset({"status", "trouble", "concurrency"})


def guarded_store(store: Store) -> Store:
    """Return a store whose changes pass the guard."""
    return cast(Store, Guarded(store, store, STORE_READS | {"path"}))


def guarded_service(service: RunService, store: Store) -> RunService:
    """Return a service whose changes pass the guard."""
    return cast(RunService, Guarded(service, store, SERVICE_READS))


def _permit_small(store: Store, config: object) -> None:
    """Refuse a viewer's run that is not small, or one too many."""
    most = get_room().audience_runs
    if not isinstance(config, RunConfig) or (least_memory(config) or SMALL_MEMORY) >= SMALL_MEMORY:
        raise NotPermitted("Here you may start single runs of small networks and data only.")
    if config.log != "off":
        raise NotPermitted("Only the presenter's runs are logged elsewhere.")
    if config.devices > 1:
        raise NotPermitted("Here your runs have one process each.")
    seconds = config.budget.seconds
    if seconds is None or seconds > SMALL_SECONDS:
        raise NotPermitted(f"Set the budget to at most {SMALL_SECONDS:.0f} seconds to start this.")
    live = store.runs(status=("queued", "starting", "running", "paused"))
    own = sum(run.owner == this_owner() for run in live)
    if own >= most:
        raise NotPermitted(f"You have {own} of {most} runs; stop one to start another.")
    if sum(run.status == "queued" for run in live) >= LONGEST_QUEUE:
        raise NotPermitted(f"{LONGEST_QUEUE} runs wait already; start this one later.")
