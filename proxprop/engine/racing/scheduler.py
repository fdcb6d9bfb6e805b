"""Turns, pauses and saves: several training loops that share a worker and its commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from proxprop.data.dataset import Dataset
from proxprop.engine.training import train
from proxprop.spec.config import RunConfig
from proxprop.spec.controls import WAIT_SECONDS, Control, Controls
from proxprop.spec.events import (
    Artifact,
    Ended,
    Event,
    Mark,
    Notice,
    Point,
    Reason,
    Rewound,
    Snapshot,
    Started,
    State,
)

# Training seconds of a turn, at least one step: short enough for a passing load to hit all
# contenders alike, long enough for small nets to stay in the cache for several steps. Clocks of two
# identical contenders on a machine four times overbooked differed by 5 to 12 % with turns of 30 ms,
# by 0 to 4 % with turns of 5 ms (races of one to three seconds).
TURN = 0.005

# A race saves all members at one moment, so that none does so by itself.
_NEVER = 86_400.0

_RELEASING = ("resume", "step", "epoch", "stop")

# Saving takes at most about this share of the time.
_SAVING_SHARE = 0.05


class ContenderLoop:
    """A member's training loop, advanced a turn at a time, and where it stands.

    The loop asks it for controls. Paused, the loop would wait inside; so a turn ends before that,
    and the next one begins when there is a command for it.

    Args:
        member: Its number in the store.
        label: What a person calls it.
        config: The run it makes.
        dataset: The race's data.
        listen: Called whenever the loop asks for controls; may put some into `inbox`.
        snapshot: Where to go on; None to start.

    Attributes:
        inbox: Controls its loop has not taken yet.
        held: Whether its loop has paused.
        ended: How it ended; None before.
        snapshot: The latest state it saved, as long as something can follow from it.
        step: Steps done.
    """

    def __init__(
        self,
        member: int,
        label: str,
        config: RunConfig,
        dataset: Dataset,
        listen: Callable[[], None],
        snapshot: Snapshot | None = None,
    ) -> None:
        self.member = member
        self.inbox: list[Control] = []
        self.held = False
        self.ended: Ended | None = None
        self.snapshot = snapshot
        self.step = 0
        self._seconds = 0.0
        self._label = label
        self._listen = listen
        self._released = False
        self._limit: int | None = None
        self._budget = config.budget
        lasting = config.replace(**{"checkpoint.seconds": _NEVER, "checkpoint.along": 0})
        self._events = train(lasting, self, snapshot=snapshot, dataset=dataset)

    @property
    def movable(self) -> bool:
        """Whether a turn would advance it."""
        return self.ended is None and (not self.held or self._released)

    @property
    def share(self) -> float:
        """Fraction of its budget spent."""
        return self._budget.share(self.step, self._seconds, self._limit) or 0.0

    # -- what its loop asks for --------------------------------------------------------------

    def poll(self) -> list[Control]:
        """Return the controls that have come in for this member."""
        self._listen()
        taken, self.inbox = self.inbox, []
        return taken

    def wait(self, seconds: float) -> list[Control]:
        """Return them when its loop waits; a diverged one, which has nothing to save, goes on."""
        return self.poll() or [Control("resume")]

    # -- what the race asks of it ------------------------------------------------------------

    def send(self, control: Control) -> None:
        """Pass on a pause, resume, stop, batch, epoch or change of the whole race."""
        if control.action in _RELEASING:
            self._released = self.held
        elif control.action == "pause" and self.held:
            if self._released and any(c.action in _RELEASING for c in self.inbox):
                self.inbox = [c for c in self.inbox if c.action not in _RELEASING]
                self._released = False
            if not self._released:
                return
        self.inbox.append(control)

    def turn(self) -> Iterator[Event]:
        """Yield the loop's events of one turn; ends early where it pauses or is through."""
        until = self._seconds + TURN
        return self._drive(lambda event: _is_step(event) and self._seconds >= until)

    def save(self) -> Iterator[Event]:
        """Bring `snapshot` up to date without taking another step; yield the events on the way.

        An evaluation that is due comes first.
        """
        if self.held:
            return iter(())  # its loop saved when it paused
        self.inbox.append(Control("checkpoint"))
        return self._drive(lambda event: isinstance(event, Snapshot))

    def _drive(self, enough: Callable[[Event], bool]) -> Iterator[Event]:
        for event in self._events:
            reported = self._take(event)
            if reported is not None:
                yield reported
            if self.ended is not None:
                self._events = iter(())  # its network goes at once, not when all have ended
                return
            if (self.held and isinstance(event, Snapshot)) or enough(event):
                return

    def _take(self, event: Event) -> Event | None:
        """Note where the loop stands; return the event as the race reports it, if it does."""
        if isinstance(event, Snapshot):
            self.snapshot = event
            return None
        if isinstance(event, State):
            self.held, self._released = event.state == "paused", False
            return None
        if isinstance(event, Artifact) and event.name == "samples" and self.member > 0:
            return None
        if isinstance(event, Rewound):  # a run by itself has none
            return None
        if isinstance(event, Notice):
            return replace(event, text=f"{self._label}: {event.text}", member=self.member)
        event = replace(event, member=self.member)
        if isinstance(event, Started):
            self.step, self._limit = event.step, event.total_steps
        elif isinstance(event, (Point, Mark)):
            self.step, self._seconds = event.step, event.seconds
        elif isinstance(event, Ended):
            self.ended = event
            if event.outcome != "stopped":
                self.snapshot = None  # nothing can follow from it
        return event


def _is_step(event: Event) -> bool:
    return isinstance(event, Point) and event.table == "steps"


class Scheduler:
    """Gives contenders their turns and obeys commands for all of them.

    Args:
        controls: Where commands come from.
        capture: Makes the snapshot of the whole race from the contenders' own; called with the
            reason when every contender has saved.
        cadence: Seconds between snapshots.

    Attributes:
        stopping: Whether the race is to stop.
    """

    def __init__(
        self, controls: Controls, capture: Callable[[Reason], Snapshot], cadence: float
    ) -> None:
        self.stopping = False
        self._controls = controls
        self._capture = capture
        self._cadence = cadence
        self._contenders: Sequence[ContenderLoop] = ()
        self._silent = False
        self._pausing = False
        self._until: list[Control] = []  # the epoch at whose end members hold, if one was told
        self._wants_checkpoint = False
        self._refused: list[str] = []
        self._saved_at = time.monotonic()
        self._saving_seconds = 0.0

    def listen(self) -> None:
        """Take in what has arrived; asked between steps and pieces of evaluations."""
        for control in self._controls.poll():
            self._take(control)

    def run(self, contenders: Sequence[ContenderLoop], silent: bool = False) -> Iterator[Event]:
        """Give `contenders` their turns until all have ended; the least advanced one is next.

        Args:
            contenders: Who runs.
            silent: Whether their events are kept back: trials of a search are no members.
        """
        self._contenders, self._silent = contenders, silent
        for contender in contenders if not silent else ():
            for control in self._until:
                contender.send(control)
        if self.stopping or self._pausing:  # commanded while nobody was running
            for contender in contenders:
                contender.send(Control("stop" if self.stopping else "pause"))
        while any(contender.ended is None for contender in contenders):
            self.listen()
            yield from self._refusals()
            movable = [contender for contender in contenders if contender.movable]
            if movable:
                events = min(movable, key=lambda contender: contender.share).turn()
                yield from _unless(silent, events)
                if self._saving_due():
                    yield from self._save(silent)
            else:
                yield from self._hold()
        self._contenders = ()

    def _hold(self) -> Iterator[Event]:
        step = sum(contender.step for contender in self._contenders)
        yield State("paused", step)
        yield self._captured("paused")
        while not any(contender.movable for contender in self._contenders):
            for control in self._controls.wait(WAIT_SECONDS):
                self._take(control)
            yield from self._refusals()
            if self._wants_checkpoint:
                yield self._captured("asked")
        if not self.stopping:
            yield State("running", step)

    def _save(self, silent: bool) -> Iterator[Event]:
        spent = 0.0
        for contender in self._contenders:
            if contender.ended is None:
                began = time.monotonic()
                for event in contender.save():
                    if not silent:
                        yield event
                    began = time.monotonic()  # an evaluation that was due is no part of saving
                spent += time.monotonic() - began
        began = time.monotonic()
        yield self._captured("asked" if self._wants_checkpoint else "cadence")
        self._saving_seconds = spent + time.monotonic() - began

    def _captured(self, reason: Reason) -> Snapshot:
        self._wants_checkpoint = False
        self._saved_at = time.monotonic()
        return self._capture(reason)

    def _saving_due(self) -> bool:
        pause = max(self._cadence, self._saving_seconds / _SAVING_SHARE)
        return self._wants_checkpoint or time.monotonic() - self._saved_at >= pause

    def _take(self, control: Control) -> None:
        action = control.action
        if action == "checkpoint":
            self._wants_checkpoint = True
            return
        if action == "set" and set(control.values) != {"instruments"}:
            self._refused.append(
                "not changed: contenders of a race keep their settings, so that it stays fair; "
                "stop it and start another one"
            )
            return
        if action == "stop":
            self.stopping = True
        elif control.lasting:
            self._until, self._pausing = [control], False
        elif action != "set":
            self._until = []
            self._pausing = action != "resume"  # a batch or an epoch ends in a pause
        for contender in self._contenders:
            if contender.ended is None and not (control.lasting and self._silent):
                contender.send(control)

    def _refusals(self) -> Iterator[Notice]:
        while self._refused:
            yield Notice("warning", self._refused.pop(0))


def _unless(silent: bool, events: Iterator[Event]) -> Iterator[Event]:
    """Yield `events`, or carry them out silently."""
    return (event for event in events if not silent)
