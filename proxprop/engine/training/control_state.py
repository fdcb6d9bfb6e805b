"""What the controls that have come in ask of a loop: whether it should be moving."""

from __future__ import annotations

from typing import Any, Literal

from proxprop.spec.controls import Control


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

    def arrive(self, step: int) -> None:
        """Hold if `step` is where "one batch" or "one epoch" ends."""
        if self.wanted == "run" and self._pause_at is not None and step >= self._pause_at:
            self.wanted, self._pause_at = "pause", None

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
            epoch = step // self._steps_per_epoch
            targets = {"step": step + 1, "epoch": (epoch + 1) * self._steps_per_epoch}
            self.wanted, self._pause_at = "run", targets.get(action)
