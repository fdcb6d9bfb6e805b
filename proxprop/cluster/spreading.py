"""The parts of a run or race as one generator of events: commands in, one state out."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from proxprop.cluster.team import Lost, Part, Team
from proxprop.spec.controls import WAIT_SECONDS, Control, Controls
from proxprop.spec.events import Event, Notice, Point, Rewound, Started, State

_POLL_SECONDS = 0.05

# Takes what a part has sent, None when it is through, `Lost` before it begins again; yields what
# becomes of it.
Handle = Callable[[Part, Any], Iterator[Event]]


class Spreading:
    """Carries out the parts of a run on a team and steers them together.

    Args:
        team: Who carries them out.
        controls: Commands for the whole.

    Attributes:
        stopping: Whether the whole is to stop.
    """

    def __init__(self, team: Team, controls: Controls) -> None:
        self.stopping = False
        self._team = team
        self._controls = controls
        self._held = False
        self._limited = False  # parts hold by themselves, each at the end of an epoch
        self._paused = False
        self._pausing: set[int] = set()  # parts that hold
        self._reached: Counter[int] = Counter()  # member → its last step
        self._said = ""

    def carry_out(self, parts: Iterable[Part], handle: Handle) -> Iterator[Event]:
        """Yield what parts report until all are through; a stop leaves out those not begun.

        Args:
            parts: In the order in which they begin.
            handle: What becomes of their events; it is not asked about states.
        """
        waiting = deque(parts)
        while (waiting and not self.stopping) or self._team.parts:
            while waiting and self._team.free > 0 and not (self._held or self.stopping):
                self._team.begin(waiting.popleft())
            yield from self._team.placement()  # a short part is over before anybody looks again
            yield from self._obey(self._controls.poll())
            if not self._team.parts and self._held:
                yield from self._obey(self._controls.wait(WAIT_SECONDS))
                continue
            for part, event in self._team.go_on(_POLL_SECONDS):
                yield from self._take(part, event, handle)
            yield from self._team.placement()

    def _obey(self, controls: Iterable[Control]) -> Iterator[Event]:
        for control in controls:
            if control.action in ("pause", "step", "epoch", "resume"):
                self._held = control.action != "resume" and not control.lasting
                self._limited = control.lasting
            elif control.action == "stop":
                self.stopping, self._held = True, False
            self._team.send(control)
        yield from self._state()

    def _take(self, part: Part, event: Any, handle: Handle) -> Iterator[Event]:
        if isinstance(event, State):
            (self._pausing.add if event.state == "paused" else self._pausing.discard)(part.number)
            yield from self._state()
            return
        if isinstance(event, Lost):
            self._pausing.discard(part.number)
            yield from self._begun_again(part, event)
        if isinstance(event, Notice):
            if event.text == self._said:  # all parts say so
                return
            self._said = event.text
        if isinstance(event, Point | Started) and part.members:
            member = part.members[event.member]
            self._reached[member] = max(self._reached[member], event.step)
        if event is None:
            self._pausing.discard(part.number)
        yield from handle(part, event)

    def _state(self) -> Iterator[State]:
        """Report when the whole begins to hold, which is when all parts do, and when it goes on."""
        asked = self._held or (self._limited and bool(self._team.parts))
        paused = asked and all(part.number in self._pausing for part in self._team.parts)
        if paused != self._paused and not self.stopping:
            self._paused = paused
            yield State("paused" if paused else "running", self._reached.total())

    def _begun_again(self, part: Part, lost: Lost) -> Iterator[Event]:
        steps = _steps(part)
        redone = sum(self._reached[member] - max(0, step) for member, step in steps.items())
        for member, step in steps.items():
            self._reached[member] = max(0, step)
        if steps:
            yield Rewound(steps)
        where = "its last checkpoint" if part.snapshot is not None else "the start"
        words = f"{redone} steps are done again, from {where}." if steps else "It is done again."
        name = part.name.capitalize()
        yield Notice("warning", f"{name} lost its worker on {lost.node}: {lost.reason} {words}")


def _steps(part: Part) -> dict[int, int]:
    """Return member → the last step that counts when a part goes on from its snapshot."""
    steps: dict[str, int] = {}
    if part.snapshot is not None:
        steps = part.snapshot.extra.get("member_steps", {"0": part.snapshot.step})
    return {member: steps.get(str(own), -1) for own, member in enumerate(part.members)}
