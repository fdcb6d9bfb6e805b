"""A crew of threads of this process, some of which are lost on purpose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from proxprop.cluster.part_worker import PartWorker
from proxprop.cluster.team import News, Part
from proxprop.runs.errors import RunError
from proxprop.spec.controls import Control

Loses = Callable[[Part, Sequence[Any]], bool]


class ThreadCrew:
    """Workers in threads.

    Args:
        room: How many.
        loses: Told of a part and of what it has just sent; returns whether its worker is lost.
    """

    def __init__(self, room: int = 2, loses: Loses = lambda part, events: False) -> None:
        self.room = room
        self.begun: list[tuple[str, list[Control]]] = []
        self._loses = loses
        self._workers: dict[int, tuple[PartWorker, Part]] = {}
        self._waiting: dict[int, list[Control]] = {}
        self._first: list[News] = []

    def begin(self, part: Part, controls: Sequence[Control]) -> None:
        self.begun.append((part.name, [*controls]))
        worker = PartWorker(cores=1)
        self._workers[part.number] = worker, part
        self._waiting[part.number] = []
        reply = worker.begin(part, controls, 0.0)
        self._first.append(News(part.number, "here", reply.events))

    def send(self, number: int, control: Control) -> None:
        self._waiting[number].append(control)

    def withdraw(self, number: int) -> None:
        worker, _ = self._workers.pop(number)
        worker.exchange([Control("stop")], 0.0)

    def news(self, seconds: float) -> list[News]:
        news, self._first = self._first, []
        for number, (worker, part) in [*self._workers.items()]:
            controls, self._waiting[number] = self._waiting[number], []
            reply = worker.exchange(controls, 0.01)
            if reply.events and self._loses(part, reply.events):
                self.withdraw(number)
                news.append(News(number, "here", lost="its process or its machine is gone."))
                continue
            trouble = reply.refusal or reply.error
            failure = RunError(trouble) if trouble else None
            news.append(News(number, "here", reply.events, reply.over, failure=failure))
            if reply.over:
                del self._workers[number]
        return news

    def close(self) -> None:
        for number in [*self._workers]:
            self.withdraw(number)
