"""What is asked of a cluster beside runs: the verdict of a lesson, what its workers are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from proxprop.cluster.spreading import Spreading
from proxprop.cluster.team import Part, Team
from proxprop.spec.controls import NoControls
from proxprop.spec.events import Event, Notice


def answers(team: Team, parts: Sequence[Part], report: Callable[[str], None]) -> Iterator[Any]:
    """Yield the last thing that each part has sent, in the order of the parts.

    Args:
        team: Who carries them out.
        parts: What is asked.
        report: Called with what happens to them on the way, such as the loss of a worker.
    """
    latest: dict[int, Any] = {}
    through: set[int] = set()

    def take(part: Part, event: Any) -> Iterator[Event]:
        if event is None:
            through.add(part.number)
        else:
            latest[part.number] = event
        return iter(())

    waiting = [part.number for part in parts]
    for event in Spreading(team, NoControls()).carry_out(parts, take):
        if isinstance(event, Notice):
            report(event.text)
        while waiting and waiting[0] in through:
            yield latest[waiting.pop(0)]
