"""What the Train page shows: the settings on the form and the run beside it, in one address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from pydantic import Field

from app.components.run_settings import find_run, settings_in_force
from app.components.transport import start
from app.guard import reporting
from app.services import get_service
from app.state.draft import Draft, read_query
from app.state.url_state import Query, UrlState
from proxprop.runs.record import Run
from proxprop.spec.config import RunConfig, to_query
from proxprop.spec.config.query import flatten
from proxprop.spec.controls import Control
from proxprop.spec.settings import LIVE

NO_RUN = "Run {id} is a {kind}; it has no page of its own yet."


@dataclass
class RunDraft(Draft):
    """The settings on the form; while their run goes on, some are sent to it as they change.

    Attributes:
        run: Id of the run that takes them.
    """

    run: str = ""

    def locked(self, name: str) -> bool:
        """Whether a setting cannot change while the run goes on."""
        return self.live and name not in LIVE

    def edit(self, name: str, raw: Any) -> None:
        """Take a new raw value for a setting; a running run takes it at once."""
        super().edit(name, raw)
        if self.live and name in LIVE and self.config() is not None:
            with reporting():
                get_service().control(self.run, Control("set", {LIVE[name]: raw}))


class TrainState(UrlState):
    """The run and the draft: in the address, a setting stands under its name in the config.

    Attributes:
        run: Id of the run the page shows, if any.
        draft: The settings on the form.
        base: What the address is compared with: the defaults, or the run's settings in force.
        unknown: Names in the link that no setting has.
    """

    run: str = ""
    draft: RunDraft = Field(default_factory=RunDraft, exclude=True)
    base: RunConfig = Field(RunConfig(), exclude=True)
    unknown: list[str] = Field([], exclude=True)

    @classmethod
    def from_query(cls, query: Query) -> Self:
        """Take the settings from the link, on top of those of the run that it names."""
        run = find_run(query.get("run"), "run", NO_RUN)
        base = settings_in_force(run) if run is not None else RunConfig()
        values, unknown = read_query({n: t for n, t in query.items() if n != "run"}, base)
        run_id = run.id if run is not None else ""
        return cls(run=run_id, draft=RunDraft(values), base=base, unknown=unknown)

    def to_query(self) -> Query | None:
        """Return the run and what differs from its settings; None while a setting is refused."""
        config = self.draft.config()
        if config is None:
            return None
        attached = {"run": self.run} if self.run else {}
        return attached if self.draft.live else {**attached, **to_query(config, self.base)}

    def follow(self) -> Run | None:
        """Return the run the page shows, if any; while it goes on, take over what it was set to.

        Another window, or a planned change, may have set it in the meantime.
        """
        run = find_run(self.run, "run", NO_RUN)
        self.draft.live = run is not None and run.status != "ended"
        self.draft.run = self.run
        if run is not None and self.draft.live:
            before, self.base = flatten(self.base), settings_in_force(run)
            now = flatten(self.base)
            self.draft.values |= {name: now[name] for name in LIVE if now[name] != before[name]}
        self.draft.config()
        return run

    def start(self) -> None:
        """Start what is on the form as a new run and show that."""
        config = self.draft.config()
        if config is not None and (run := start(config)):
            self.change(run=run, base=config, draft=RunDraft.of(config, live=True, run=run))
