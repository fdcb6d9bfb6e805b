"""Parts of a run on the workers of a crew: begun, steered, and begun again where one is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from proxprop.runs.errors import RunError
from proxprop.spec.controls import Control
from proxprop.spec.events import Artifact, Snapshot
from proxprop.spec.placing import ARTIFACT, PartsPayload

_MOST_LOSSES = 3  # of one part at the same place: then it is the part that kills its workers
_UNKNOWN = "a node that had not answered"


@dataclass
class Part:
    """Something that one worker carries out.

    Attributes:
        number: Tells it from the others of its run.
        name: What a person calls it, for example "seed 1".
        work: What it is, a key of `proxprop.cluster.work.WORK`.
        config: What that is called with.
        members: Which members of the whole its own members 0, 1, … are.
        snapshot: Where it goes on; the latest one it has sent.
    """

    number: int
    name: str
    work: str
    config: Any
    members: tuple[int, ...] = ()
    snapshot: Snapshot | None = None


@dataclass(frozen=True)
class News:
    """What a crew reports of a part.

    Attributes:
        number: Which.
        node: Where it is; empty while it waits for room.
        events: What it has sent.
        over: Whether it is through.
        lost: Why its worker is gone; empty where it is not.
        failure: What broke it.
    """

    number: int
    node: str
    events: Sequence[Any] = ()
    over: bool = False
    lost: str = ""
    failure: Exception | None = None


class Crew(Protocol):
    """Workers on other machines, one part at a time each."""

    @property
    def room(self) -> int:
        """How many parts can be under way at once."""

    def begin(self, part: Part, controls: Sequence[Control]) -> None:
        """Have a part carried out, with these commands first, as soon as there is a worker."""

    def send(self, number: int, control: Control) -> None:
        """Pass a command on to a part that is under way."""

    def withdraw(self, number: int) -> None:
        """End a part at once, without a word from it."""

    def news(self, seconds: float) -> list[News]:
        """Return what has come in, waiting at most `seconds` for it."""

    def close(self) -> None:
        """End all workers."""


class Lost(NamedTuple):
    """A part's worker is gone; the part begins again from its last snapshot.

    Attributes:
        node: Where it was.
        reason: Why, in words.
    """

    node: str
    reason: str


@dataclass
class _UnderWay:
    part: Part
    node: str = ""
    losses: int = 0


@dataclass
class _Node:
    parts: list[str] = field(default_factory=list)
    done: int = 0
    lost: int = 0


class Team:
    """Gives parts to the workers of a crew and looks after them.

    Args:
        crew: The workers.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._under_way: dict[int, _UnderWay] = {}
        self._first: list[Control] = []  # commands that a part begins with
        self._done: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._moved = False

    @property
    def free(self) -> int:
        """How many more parts there is room for; one at least has a place in the queue."""
        return max(1, self._crew.room) - len(self._under_way)

    @property
    def parts(self) -> list[Part]:
        """The parts that are under way."""
        return [under_way.part for under_way in self._under_way.values()]

    def begin(self, part: Part) -> None:
        """Have a part carried out."""
        self._under_way[part.number] = _UnderWay(part)
        self._moved = True  # into the queue
        self._begin(part)

    def _begin(self, part: Part) -> None:
        self._crew.begin(part, [control for control in self._first if _concerns(control, part)])

    def send(self, control: Control) -> None:
        """Pass a command on to all parts; one that waits for room is given up at a stop."""
        if control.lasting:
            self._first = [control]
        elif control.action in ("pause", "step", "epoch"):
            self._first = [Control("pause")]  # a batch or an epoch ends in one
        elif control.action in ("resume", "stop"):
            self._first = [control] if control.action == "stop" else []
        for number, under_way in list(self._under_way.items()):
            if control.action == "stop" and not under_way.node:
                self._crew.withdraw(number)
                del self._under_way[number]
                self._moved = True
            elif _concerns(control, under_way.part):
                self._crew.send(number, control)

    def go_on(self, seconds: float) -> list[tuple[Part, Any]]:
        """Return what parts have sent, `Lost` and at last None among it; wait at most `seconds`.

        Raises:
            Exception: What broke a part.
            RunError: If a part loses one worker after the other at the same place.
        """
        received: list[tuple[Part, Any]] = []
        for news in self._crew.news(seconds):
            under_way = self._under_way.get(news.number)
            if under_way is None:
                continue
            part = under_way.part
            if news.node != under_way.node:
                under_way.node, self._moved = news.node, True
            for event in news.events:
                if isinstance(event, Snapshot):
                    part.snapshot, under_way.losses = event, 0
                received.append((part, event))
            if news.failure is not None:
                raise news.failure
            if news.lost:
                received.append((part, self._replace(under_way, news.lost)))
            elif news.over:
                self._done[news.node] += 1
                self._moved = True
                del self._under_way[news.number]
                received.append((part, None))
        return received

    def _replace(self, under_way: _UnderWay, reason: str) -> Lost:
        lost = Lost(under_way.node or _UNKNOWN, reason)
        self._lost[lost.node] += 1
        under_way.node, self._moved = "", True
        under_way.losses += 1
        if under_way.losses >= _MOST_LOSSES:
            raise RunError(
                f"{under_way.part.name} lost its worker {_MOST_LOSSES} times at the same place, "
                f"last on {lost.node}: {reason} Often that is a machine running out of memory."
            )
        self._begin(under_way.part)
        return lost

    def placement(self) -> list[Artifact]:
        """Return where parts are now, if that has changed: see `proxprop.spec.placing`."""
        if not self._moved:
            return []
        self._moved = False
        return [Artifact(ARTIFACT, 0, {**_payload(self._nodes())})]

    def _nodes(self) -> dict[str, _Node]:
        nodes: dict[str, _Node] = {}
        for node, done in self._done.items():
            nodes.setdefault(node, _Node()).done = done
        for node, lost in self._lost.items():
            nodes.setdefault(node, _Node()).lost = lost
        for under_way in self._under_way.values():
            nodes.setdefault(under_way.node, _Node()).parts.append(under_way.part.name)
        return nodes

    def close(self) -> None:
        """End all that is under way."""
        self._crew.close()
        self._under_way.clear()


def _concerns(control: Control, part: Part) -> bool:
    """Whether a part obeys: how many epochs are asked for is no matter of a search's trials."""
    return bool(part.members) or not control.lasting


def _payload(nodes: Mapping[str, _Node]) -> PartsPayload:
    return {
        "nodes": [
            {"node": name, "parts": node.parts, "done": node.done, "lost": node.lost}
            for name, node in sorted(nodes.items())
        ]
    }
