"""A race on a team: each trial of its search and each of its seeds is a part.

A seed's part is a race of that one seed, carried out by the same loop as a whole race on one
machine: its contenders stay together, take turns on one worker, and their clocks compare.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from proxprop.cluster.spreading import Spreading
from proxprop.cluster.team import Lost, Part, Team
from proxprop.engine.racing.loop import RaceState, search_progress, trial_run
from proxprop.spec.config import RaceConfig
from proxprop.spec.controls import Controls
from proxprop.spec.events import WHOLE, Artifact, Ended, Event, Notice, Reason, Snapshot, State
from proxprop.spec.racing.contenders import member_of, race_labels
from proxprop.spec.racing.search import ARTIFACT, as_raced, empty_search, next_trial, with_result


class RaceOnTeam:
    """One race; each method yields the events of one part of it.

    Args:
        config: The race.
        controls: Commands for it.
        team: Who carries out its parts.
        snapshot: Where to continue, one of this loop or of `proxprop.engine.racing`; None to start.

    Raises:
        ValueError: If the snapshot belongs to another race.
    """

    def __init__(
        self, config: RaceConfig, controls: Controls, team: Team, snapshot: Snapshot | None
    ) -> None:
        self._asked = self._raced = config
        self._spreading = Spreading(team, controls)
        self._state = RaceState(config.members)
        self._under_way = self._state.restore(snapshot) if snapshot is not None else {}
        self._searched: dict[int, Ended] = {}
        self._saved_at = time.monotonic()

    def events(self) -> Iterator[Event]:
        """Yield the whole race."""
        yield State("running", self._state.steps)
        yield from self._state.ended.values()
        if self._asked.search is not None:
            yield from self._search()
        self._raced = as_raced(self._asked, self._state.search)
        if not self._spreading.stopping:
            yield from self._spreading.carry_out(self._seeds(), self._take)
        if self._spreading.stopping:
            yield self._capture("asked")
        yield self._state.whole(self._raced, self._spreading.stopping)

    # -- search ------------------------------------------------------------------------------

    def _search(self) -> Iterator[Event]:
        self._state.search = payload = self._state.search or empty_search(self._asked)
        first, total = len(payload["results"]), payload["total"]
        began = time.monotonic()

        def take(part: Part, event: Any) -> Iterator[Event]:
            if isinstance(event, Ended) and event.outcome != "stopped":
                self._searched[part.number] = event
                yield from self._note_trials()
                done = first + len(self._searched)
                if done < total:
                    yield search_progress(total, done, first, time.monotonic() - began)

        if first < total:
            yield search_progress(total, first, first, 0.0)
        # Which trials are repeated is known once all have been made.
        for end in (payload["trials"] * len(self._asked.contenders), total):
            if not self._spreading.stopping:
                yield from self._spreading.carry_out(self._trials(end), take)
        if first < total and not self._spreading.stopping:
            yield Notice("info", f"Searched: {total} trials.", 1.0)
            yield self._capture("asked")  # a search is dear: no crash shall repeat it

    def _trials(self, end: int) -> list[Part]:
        """What is left to do of the trials before number `end`."""
        payload = self._state.search
        assert payload is not None
        trials = {
            number: next_trial(payload, self._asked, number)
            for number in range(len(payload["results"]), end)
        }
        return [
            Part(number, f"trial {number + 1}", "run", trial_run(self._asked, trial))
            for number, trial in trials.items()
        ]

    def _note_trials(self) -> Iterator[Event]:
        """Take in the trials that have ended, in their order."""
        payload = self._state.search
        assert payload is not None
        before = len(payload["results"])
        while (number := len(payload["results"])) in self._searched:
            payload = with_result(payload, self._asked, self._searched[number])
        self._state.search = payload
        if len(payload["results"]) > before:
            yield Artifact(ARTIFACT, len(payload["results"]), {**payload})
            yield from self._saved()

    # -- seeds -------------------------------------------------------------------------------

    def _seeds(self) -> Iterator[Part]:
        """What is left to do: each seed as a race of its own."""
        count = len(self._raced.contenders)
        labels = race_labels(self._asked)
        contenders = [
            contender.replace(label=label[:60])
            for contender, label in zip(self._raced.contenders, labels)
        ]
        for index in range(self._asked.seeds):
            members = tuple(member_of(self._raced, own, index) for own in range(count))
            if all(member in self._state.ended for member in members):
                continue
            config = self._raced.replace(
                contenders=contenders, seeds=1, seed=self._raced.seed + index, search=None
            )
            name = f"seed {config.seed}"
            yield Part(index, name, "race", config, members, self._state_of(members))

    def _state_of(self, members: tuple[int, ...]) -> Snapshot | None:
        """Return what is saved of a seed, as a snapshot of its own race."""
        state = RaceState(len(members))
        state.ended = {
            own: replace(self._state.ended[member], member=own)
            for own, member in enumerate(members)
            if member in self._state.ended
        }
        saved = {
            own: self._under_way[member]
            for own, member in enumerate(members)
            if member in self._under_way
        }
        return state.capture(saved, "asked") if saved or state.ended else None

    def _take(self, part: Part, event: Any) -> Iterator[Event]:
        """Yield what becomes of an event of a seed's race."""
        if isinstance(event, Snapshot):
            saved = RaceState(len(part.members)).restore(event)
            self._under_way |= {part.members[own]: snapshot for own, snapshot in saved.items()}
            yield from self._saved("cadence" if event.reason == "ended" else event.reason)
        elif isinstance(event, Lost):
            self._state.ended = {
                member: end
                for member, end in self._state.ended.items()
                if member not in part.members or member in self._kept(part)
            }
        elif event is not None and event.member != WHOLE:
            event = replace(event, member=part.members[event.member])
            if isinstance(event, Ended):
                if event.member in self._state.ended:
                    return  # repeated by a race that goes on
                self._state.ended[event.member] = event
                if event.outcome != "stopped":
                    self._under_way.pop(event.member, None)
            if not (isinstance(event, Artifact) and event.name == "samples" and event.member):
                yield event

    @staticmethod
    def _kept(part: Part) -> set[int]:
        """Return the members whose end the latest snapshot of a seed's race knows."""
        state = RaceState(len(part.members))
        if part.snapshot is not None:
            state.restore(part.snapshot)
        return {part.members[own] for own in state.ended}

    # -- saving ------------------------------------------------------------------------------

    def _saved(self, reason: Reason = "cadence") -> Iterator[Snapshot]:
        """Yield the whole as it is now, if that was asked for or has not been for a while."""
        due = time.monotonic() - self._saved_at >= self._asked.checkpoint.seconds
        if due or reason != "cadence":
            yield self._capture(reason)

    def _capture(self, reason: Reason) -> Snapshot:
        self._saved_at = time.monotonic()
        return self._state.capture(self._under_way, reason)
