"""How a loop is steered: commands, where they come from, what they ask of it; what a loop is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from proxprop.spec.events import Event, Snapshot

# Called with a message and the fraction done (None where unknown) while data is fetched.
Report = Callable[[str, float | None], None]

WAIT_SECONDS = 0.2  # how long a loop that is held waits for controls at a time


@dataclass(frozen=True)
class Control:
    """One command to a running loop.

    Attributes:
        action: "pause", "resume", "stop", "step" (one batch, then pause), "epoch" (to the end
            of the epoch, then pause), "set" (change settings) or "checkpoint".
        values: For "set": any of lr, explicit_lr, tau, cg_steps, solver, gram,
            decay, refresh, instruments ("off", "cheap" or "full"). For "epoch": none, or "until",
            how many epochs are done when it pauses; who has done as many pauses at once.
    """

    action: Literal["pause", "resume", "stop", "step", "epoch", "set", "checkpoint"]
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def lasting(self) -> bool:
        """Whether it holds for members that begin later just as for those under way."""
        return "until" in self.values


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


class ControlState:
    """Turns controls into what to do at the next step boundary.

    Attributes:
        wanted: "run", "pause" (hold at the next boundary) or "stop".
        changes: Values of "set" controls not yet applied, in order.
        wants_checkpoint: Whether a snapshot was asked for.
    """

    def __init__(self, steps_per_epoch: int) -> None:
        self.wanted: Literal["run", "pause", "stop"] = "run"
        self.changes: list[dict[str, Any]] = []
        self.wants_checkpoint = False
        self._steps_per_epoch = steps_per_epoch
        self._pause_at: int | None = None

    @property
    def holding(self) -> bool:
        """Whether the loop should wait."""
        return self.wanted == "pause"

    @property
    def stopping(self) -> bool:
        """Whether the loop should end."""
        return self.wanted == "stop"

    def take(self, controls: list[Control], step: int) -> None:
        """Take in `controls` that arrived when `step` steps were done."""
        for control in controls:
            if self.stopping:
                return
            self._take(control, step)

    def wait(self, controls: Controls, step: int) -> Iterator[None]:
        """Wait while holding; yield whenever something may have come in."""
        while self.holding:
            self.take(controls.wait(WAIT_SECONDS), step)
            yield

    def arrive(self, step: int) -> None:
        """Hold if `step` is where "one batch" or "one epoch" ends."""
        if self.wanted == "run" and self._pause_at is not None and step >= self._pause_at:
            self.wanted, self._pause_at = "pause", None

    def arrives(self, step: int) -> bool:
        """Return whether "one batch" or "one epoch" ends at `step`."""
        return self._pause_at == step

    def _take(self, control: Control, step: int) -> None:
        action = control.action
        if action == "set":
            self.changes.append(control.values)
        elif action == "checkpoint":
            self.wants_checkpoint = True
        elif action == "pause":
            self.wanted, self._pause_at = "pause", None
        elif action == "stop":
            self.wanted = "stop"
        else:
            epochs = control.values.get("until", step // self._steps_per_epoch + 1)
            targets = {"step": step + 1, "epoch": epochs * self._steps_per_epoch}
            self.wanted, self._pause_at = "run", targets.get(action)


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
        progress: Report | None = None,
    ) -> Iterator[Event]:
        """Carry out `config`."""
