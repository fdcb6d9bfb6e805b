"""What the Train page shows: the settings on the form and the run beside it, in one address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import Field

from app.components.run_settings import (
    changes_of,
    find_run,
    live_changes,
    settings_in_force,
)
from app.components.transport import send, start
from app.guard import reporting
from app.ownership import this_owner
from app.services import get_service, get_store
from app.state.draft import DEFAULTS, Draft, Values, check, read_query
from app.state.url_state import Query, UrlState
from proxprop.runs.record import Run
from proxprop.runs.replay import wanted_at
from proxprop.spec.config import RunConfig, to_query
from proxprop.spec.config.query import flatten
from proxprop.spec.controls import Control
from proxprop.spec.settings import LIVE

BUDGET = [name for name in DEFAULTS if name.startswith("budget.")]  # grows when it is extended
NO_RUN = "Run {id} is a {kind}; it has no page of its own yet."


def talking(values: Values) -> bool:
    """Whether a run has no end or a speed limit: somebody talks while it goes on."""
    return values["budget.endless"] is True or values["pace"] is not None


@dataclass
class RunDraft(Draft):
    """The settings on the form; while their run goes on, some are sent to it as they change.

    Attributes:
        run: Id of the run that takes them.
        in_force: Its settings at the last look.
        seen: How many changes of them had been made by then.
        sent: Setting → what was sent of it and is not yet known to be in force, oldest first.
    """

    run: str = ""
    in_force: Values = field(default_factory=DEFAULTS.copy)
    seen: int = 0
    sent: dict[str, list[Any]] = field(default_factory=dict)

    def locked(self, name: str) -> bool:
        """Whether a setting cannot change while the run goes on."""
        return self.live and name not in LIVE

    def edit(self, name: str, raw: Any) -> None:
        """Take a new raw value for a setting; a running run takes it at once."""
        super().edit(name, raw)
        # Another field that is refused keeps nothing back: this one is judged beside what is, or
        # will soon be, in force.
        soon = {other: values[-1] for other, values in self.sent.items()}
        changed = {**self.in_force, **soon, name: raw}
        if self.live and name in LIVE and check(changed)[0] is not None:
            self.sent.setdefault(name, []).append(raw)
            send(self.run, Control("set", {LIVE[name]: raw}))

    def follow(self, now: Values, made: Sequence[Mapping[str, Any]] = ()) -> None:
        """Take over what the run was set to, here or in another window.

        Change by change: a setting may have been turned and turned back since the last look.

        Args:
            now: Its settings in force.
            made: What was changed of them since the last look, in order.
        """
        for name in BUDGET:
            if now[name] != self.in_force[name]:
                self.values[name] = now[name]
        for changes in made:
            for name, value in changes.items():
                if not self._sent(name, value):
                    self.values[name] = value
        for name, waiting in list(self.sent.items()):
            if waiting[-1] == now[name]:  # sent, and in force already: it leaves no mark
                del self.sent[name]
        self.in_force = now

    def show(self, now: Values) -> None:
        """Show what is in force of a run that goes on again, whatever was on the form."""
        self.values |= {name: now[name] for name in LIVE}
        self.sent.clear()

    def _sent(self, name: str, value: Any) -> bool:
        """Whether `value` was sent from here: the form shows it, or what was typed since."""
        waiting = self.sent.pop(name, [])
        if value not in waiting:
            return False
        if later := waiting[waiting.index(value) + 1 :]:
            self.sent[name] = later
        return True


class TrainState(UrlState):
    """The run and the draft: in the address, a setting stands under its name in the config.

    Attributes:
        run: Id of the run the page shows, if any.
        dial: The setting that a lecture turns; empty for η.
        draft: The settings on the form.
        base: What the address is compared with: the defaults, or the run's settings in force.
        unknown: Names in the link that no setting has.
        changes: How many changes of the run's settings the draft has seen at least.
    """

    run: str = ""
    dial: str = ""
    draft: RunDraft = Field(default_factory=RunDraft, exclude=True)
    base: RunConfig = Field(RunConfig(), exclude=True)
    unknown: list[str] = Field([], exclude=True)
    changes: int = Field(0, exclude=True)

    @classmethod
    def from_query(cls, query: Query) -> Self:
        """Take the settings from the link, on top of those of the run that it names."""
        run = find_run(query.get("run"), "run", NO_RUN)
        base = settings_in_force(run) if run is not None else RunConfig()
        values, unknown = read_query(
            {n: t for n, t in query.items() if n not in ("run", "dial")}, base
        )
        run_id = run.id if run is not None else ""
        dial = query.get("dial", "")
        return cls(run=run_id, dial=dial, draft=RunDraft(values), base=base, unknown=unknown)

    def to_query(self) -> Query | None:
        """Return the run and what differs from its settings; None while a setting is refused."""
        config = self.draft.config()
        if config is None:
            return None
        seen = {"run": self.run, "dial": self.dial}
        attached = {name: value for name, value in seen.items() if value}
        return attached if self.draft.live else {**attached, **to_query(config, self.base)}

    def follow(self) -> Run | None:
        """Return the run the page shows, if any; while it goes on, take over what it was set to.

        Another window, or a planned change, may have set it in the meantime.
        """
        run = find_run(self.run, "run", NO_RUN)
        was_live = self.draft.live
        self.draft.live = run is not None and run.status != "ended"
        self.draft.run = self.run
        # Before they are read: one that comes in between is then news to the page's status.
        self.changes = changes_of(self.run) if run is not None else 0
        if run is not None and (self.draft.live or was_live):
            made, self.base = live_changes(run), settings_in_force(run)
            now, seen = flatten(self.base), self.draft.seen
            self.draft.seen = len(made)
            if not was_live or len(made) < seen:  # it goes on again, from an earlier state
                self.draft.show(now)
            self.draft.follow(now, made[seen:])
        self.draft.config()
        return run

    def back(self, step: int) -> None:
        """Go back to a saved step of the run on show: a new run, with what was turned since."""
        now, ended = self.draft.values, flatten(self.base)
        turned = {name: now[name] for name in LIVE if now[name] != ended[name]}
        with reporting():
            store, run = get_store(), get_store().run(self.run)
            _, values = wanted_at(store, run, step, turned)
            new_id = get_service().back(run.id, step, turned, this_owner())
            base = settings_in_force(store.run(new_id))
            seen = len(live_changes(store.run(new_id)))
            draft = RunDraft.of(base, live=True, run=new_id, in_force=flatten(base), seen=seen)
            draft.values |= values
            draft.sent = {name: [value] for name, value in values.items()}
            self.change(run=new_id, base=base, draft=draft)

    def start(self) -> None:
        """Start what is on the form as a new run and show that."""
        config = self.draft.config()
        if config is not None and (run := start(config)):
            self.change(
                run=run,
                base=config,
                draft=RunDraft.of(config, live=True, run=run, in_force=flatten(config)),
            )
