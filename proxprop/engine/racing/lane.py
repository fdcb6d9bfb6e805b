"""One member of a race: its own loop, advanced a turn at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from proxprop.data.dataset import Dataset
from proxprop.engine.training import train
from proxprop.spec.config import RunConfig
from proxprop.spec.controls import Control
from proxprop.spec.events import (
    Artifact,
    Ended,
    Event,
    Mark,
    Notice,
    Point,
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


class Lane:
    """A member's training loop and where it stands.

    The loop asks it for controls. Paused, the loop would wait inside; so a turn ends before that,
    and the next one begins when there is something to hear.

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
        snapshot: The latest state it saved.
        step: Steps done.
        epoch: The same in epochs.
        seconds: Its training clock.
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
        self.epoch = self.seconds = 0.0
        self._label = label
        self._listen = listen
        self._released = False
        self._limit: int | None = None
        self._budget = config.budget
        lasting = config.replace(**{"checkpoint.seconds": _NEVER})
        self._events = train(lasting, self, snapshot=snapshot, dataset=dataset)

    @property
    def movable(self) -> bool:
        """Whether a turn would advance it."""
        return self.ended is None and (not self.held or self._released)

    @property
    def share(self) -> float:
        """Fraction of its budget spent."""
        return self._budget.share(self.step, self.seconds, self._limit) or 0.0

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
        """Yield what its loop tells in one turn; ends early where it pauses or is through."""
        until = self.seconds + TURN
        return self._drive(lambda event: _is_step(event) and self.seconds >= until)

    def save(self) -> Iterator[Event]:
        """Bring `snapshot` up to date without taking another step; yield what is told on the way.

        An evaluation that is due comes first.
        """
        if self.held:
            return iter(())  # its loop saved when it paused
        self.inbox.append(Control("checkpoint"))
        return self._drive(lambda event: isinstance(event, Snapshot))

    def _drive(self, enough: Callable[[Event], bool]) -> Iterator[Event]:
        for event in self._events:
            told = self._take(event)
            if told is not None:
                yield told
            paused = self.held and isinstance(event, Snapshot)
            if self.ended is not None or paused or enough(event):
                return

    def _take(self, event: Event) -> Event | None:
        """Note where the loop stands; return the event as the race tells it, if it does."""
        if isinstance(event, Snapshot):
            self.snapshot = event
            return None
        if isinstance(event, State):
            self.held, self._released = event.state == "paused", False
            return None
        if isinstance(event, Artifact) and event.name == "samples" and self.member > 0:
            return None
        if isinstance(event, Notice):
            return replace(event, text=f"{self._label}: {event.text}", member=self.member)
        told = replace(event, member=self.member)
        if isinstance(told, Started):
            self.step, self._limit = told.step, told.total_steps
        elif isinstance(told, (Point, Mark)):
            self.step, self.epoch, self.seconds = told.step, told.epoch, told.seconds
        elif isinstance(told, Ended):
            self.ended = told
        return told


def _is_step(event: Event) -> bool:
    return isinstance(event, Point) and event.table == "steps"
