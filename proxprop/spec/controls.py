"""How a loop is steered, and what a loop is: a generator of events fed by controls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from proxprop.spec.events import Event, Snapshot

# Called with a message and the fraction done (None where unknown) while data is fetched.
Progress = Callable[[str, float | None], None]


@dataclass(frozen=True)
class Control:
    """One command to a running loop.

    Attributes:
        action: "pause", "resume", "stop", "step" (one batch, then pause), "epoch" (to the end
            of the epoch, then pause), "set" (change settings) or "checkpoint".
        values: For "set": any of lr, explicit_lr, tau, cg_steps, solver, instruments
            ("off", "cheap" or "full").
    """

    action: Literal["pause", "resume", "stop", "step", "epoch", "set", "checkpoint"]
    values: dict[str, Any] = field(default_factory=dict)


class Controls(Protocol):
    """Where a loop's controls come from."""

    def poll(self) -> list[Control]:
        """Return what has arrived since the last call, without ever blocking."""

    def wait(self, seconds: float) -> list[Control]:
        """Return what arrives, waiting at most `seconds` for it; asked while paused."""


class NoControls:
    """Nobody steers: the loop runs to its end."""

    def poll(self) -> list[Control]:
        """Return nothing."""
        return []

    def wait(self, seconds: float) -> list[Control]:
        """Return nothing."""
        return []


class Loop(Protocol):
    """What carries out one kind of config: `train`, `race`, `sweep`.

    Whoever carries out runs is handed its loops as kind of config → loop
    (`proxprop.engine.loops.LOOPS`). After a `Snapshot` is yielded, resuming from it yields exactly
    the points that would have come next. A loop of several members puts each member's step into
    `extra["member_steps"]`.
    """

    def __call__(
        self,
        config: Any,
        controls: Controls,
        *,
        snapshot: Snapshot | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Event]:
        """Carry out `config`."""
