"""How a loop is steered: where controls come from, and whether it should be moving."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from proxprop.spec.events import Control

Gait = Literal["run", "pause", "stop"]


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


class Helm:
    """Turns controls into what to do at the next step boundary.

    Attributes:
        gait: "run", "pause" (hold at the next boundary) or "stop".
        changes: Values of "set" controls not yet applied, in order.
        wants_checkpoint: Whether a snapshot was asked for.
    """

    def __init__(self, steps_per_epoch: int) -> None:
        self.gait: Gait = "run"
        self.changes: list[dict[str, Any]] = []
        self.wants_checkpoint = False
        self._steps_per_epoch = steps_per_epoch
        self._pause_at: int | None = None

    @property
    def holding(self) -> bool:
        """Whether the loop should wait."""
        return self.gait == "pause"

    @property
    def stopping(self) -> bool:
        """Whether the loop should end."""
        return self.gait == "stop"

    def take(self, controls: list[Control], step: int) -> None:
        """Take in `controls` that arrived when `step` steps were done."""
        for control in controls:
            if self.stopping:
                return
            self._take(control, step)

    def arrive(self, step: int) -> None:
        """Hold if `step` is where "one batch" or "one epoch" ends."""
        if self.gait == "run" and self._pause_at is not None and step >= self._pause_at:
            self.gait, self._pause_at = "pause", None

    def _take(self, control: Control, step: int) -> None:
        action = control.action
        if action == "set":
            self.changes.append(control.values)
        elif action == "checkpoint":
            self.wants_checkpoint = True
        elif action == "pause":
            self.gait, self._pause_at = "pause", None
        elif action == "stop":
            self.gait = "stop"
        else:
            epoch = step // self._steps_per_epoch
            targets = {"step": step + 1, "epoch": (epoch + 1) * self._steps_per_epoch}
            self.gait, self._pause_at = "run", targets.get(action)
