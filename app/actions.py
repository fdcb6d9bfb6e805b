"""What buttons and controls do: each asks the run service, and says in words what went wrong."""

from __future__ import annotations

from typing import Any

from app.components.transport import owner
from app.guard import reporting
from app.rescale import rescale
from app.services import get_service
from app.state import editing as state
from proxprop.spec.controls import Control


def start() -> None:
    """Start the draft as a new run and attach the page to it."""
    draft = state.current()
    config = draft.config()
    if config is None:
        return
    with reporting():
        run_id = get_service().start(config, "", owner())
        state.replace(config, base=config, run=run_id).live = True


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
    with reporting():
        get_service().control(draft.run, Control("set", values))
