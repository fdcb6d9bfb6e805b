"""Turns, pauses and saves: several lanes that share one worker and one person's commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from proxprop.engine.racing.lane import Lane
from proxprop.spec.controls import Control, Controls
from proxprop.spec.events import Event, Notice, Reason, Snapshot, State

_WAIT_SECONDS = 0.2

# Saving takes at most about this share of the time.
_SAVING_SHARE = 0.05

# From "why now" to a snapshot of the whole race, made from the lanes' own.
Capture = Callable[[Reason], Snapshot]


class Conductor:
    """Gives lanes their turns and obeys commands for all of them.

    Args:
        controls: Where commands come from.
        capture: Makes the snapshot of the whole; called when every lane has saved.
        cadence: Seconds between snapshots.

    Attributes:
        stopping: Whether the race was told to stop.
    """

    def __init__(self, controls: Controls, capture: Capture, cadence: float) -> None:
        self.stopping = False
        self._controls = controls
        self._capture = capture
        self._cadence = cadence
        self._lanes: Sequence[Lane] = ()
        self._pausing = False
        self._wants_checkpoint = False
        self._refused: list[str] = []
        self._saved_at = time.monotonic()
        self._saving_seconds = 0.0

    def listen(self) -> None:
        """Take in what has arrived; lanes call it between steps and pieces of evaluations."""
        for control in self._controls.poll():
            self._take(control)

    def run(self, lanes: Sequence[Lane], silent: bool = False) -> Iterator[Event]:
        """Give `lanes` their turns until all have ended; the least advanced one is next.

        Args:
            lanes: Who runs.
            silent: Whether what they tell is kept back: trials of a search are no members.
        """
        self._lanes = lanes
        if self.stopping or self._pausing:  # told so while nobody was running
            for lane in lanes:
                lane.send(Control("stop" if self.stopping else "pause"))
        while any(lane.ended is None for lane in lanes):
            self.listen()
            yield from self._refusals()
            movable = [lane for lane in lanes if lane.movable]
            if movable:
                told = min(movable, key=lambda lane: lane.share).turn()
                yield from self._shown(told, silent)
                if self._saving_due():
                    yield from self._save("cadence", silent)
            else:
                yield from self._hold()
        self._lanes = ()

    def _hold(self) -> Iterator[Event]:
        step = sum(lane.step for lane in self._lanes)
        yield State("paused", step)
        yield self._captured("paused")
        while not any(lane.movable for lane in self._lanes):
            for control in self._controls.wait(_WAIT_SECONDS):
                self._take(control)
            yield from self._refusals()
            if self._wants_checkpoint:
                yield self._captured("asked")
        if not self.stopping:
            yield State("running", step)

    def _save(self, reason: Reason, silent: bool) -> Iterator[Event]:
        began = time.monotonic()
        for lane in self._lanes:
            if lane.ended is None:
                yield from self._shown(lane.save(), silent)
        yield self._captured("asked" if self._wants_checkpoint else reason)
        self._saving_seconds = time.monotonic() - began

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
        elif action != "set":
            self._pausing = action != "resume"  # a batch or an epoch ends in a pause
        for lane in self._lanes:
            if lane.ended is None:
                lane.send(control)

    def _refusals(self) -> Iterator[Notice]:
        while self._refused:
            yield Notice("warning", self._refused.pop(0))

    @staticmethod
    def _shown(events: Iterator[Event], silent: bool) -> Iterator[Event]:
        for event in events:
            if not silent:
                yield event
