"""How long the parts of a step take, without making an accelerator wait."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import torch
from torch import Tensor

# Steps whose numbers may stay on an accelerator before they are read together.
_BLOCK_STEPS = 32
_BLOCK_SECONDS = 0.1


class StepReport(NamedTuple):
    """What one step was like.

    Attributes:
        step: Steps done after it.
        loss: Loss of the mini-batch before it.
        forward: Seconds of fetching the batch and the forward pass.
        backward: Seconds of the backward pass, solves included.
        solve: Seconds of the proximal solves; NaN where only the device knows.
        optimizer: Seconds of the optimizer's own work.
        closures: How often a line search evaluated the loss; 0 where there is none.
    """

    step: int
    loss: float
    forward: float
    backward: float
    solve: float
    optimizer: float
    closures: int = 0

    @property
    def seconds(self) -> float:
        """Training seconds of the step."""
        return self.forward + self.backward + self.optimizer

    @property
    def columns(self) -> dict[str, float]:
        """Values of the "steps" point."""
        values = {
            "loss": self.loss,
            "seconds_forward": self.forward,
            "seconds_backward": self.backward,
            "seconds_solve": self.solve,
            "seconds_optimizer": self.optimizer,
        }
        return values | ({"closures": float(self.closures)} if self.closures else {})


class Moments(NamedTuple):
    """When the parts of a step began and ended; instruments fall between the middle two."""

    start: Any
    forward_end: Any
    backward_end: Any
    optimizer_start: Any
    optimizer_end: Any


class Stopwatch:
    """Marks moments of a step and turns them into its report, at once.

    It reads the host's clock and the loss: the CPU has finished when a call returns.
    """

    def moment(self) -> Any:
        """Return this moment."""
        return time.perf_counter()

    def finish(self, step: int, loss: Tensor, at: Moments, solve: float) -> list[StepReport]:
        """Take in the step that just ended; return the reports that are ready."""
        return [
            StepReport(
                step,
                loss.item(),
                at.forward_end - at.start,
                at.backward_end - at.forward_end,
                solve,
                at.optimizer_end - at.optimizer_start,
            )
        ]

    def flush(self) -> list[StepReport]:
        """Return the reports of all steps not yet reported."""
        return []


class CudaStopwatch(Stopwatch):
    """Leaves events in the queue and reads losses and times in blocks, one wait for each."""

    def __init__(self) -> None:
        self._pending: list[tuple[int, Tensor, Moments]] = []
        self._block_started = 0.0

    def moment(self) -> Any:
        """Return an event that marks this moment in the queue."""
        event = torch.Event("cuda", enable_timing=True)
        event.record()
        return event

    def finish(self, step: int, loss: Tensor, at: Moments, solve: float) -> list[StepReport]:
        """Take in the step just queued; return the block's reports once it is full."""
        now = time.perf_counter()
        if not self._pending:
            self._block_started = now
        self._pending.append((step, loss.detach(), at))
        if len(self._pending) < _BLOCK_STEPS and now - self._block_started < _BLOCK_SECONDS:
            return []
        return self.flush()

    def flush(self) -> list[StepReport]:
        """Wait for the queue and return every step not yet reported."""
        pending, self._pending = self._pending, []
        if not pending:
            return []
        losses = torch.stack([loss for _, loss, _ in pending]).tolist()
        pending[-1][2].optimizer_end.synchronize()
        return [
            StepReport(
                step,
                loss,
                at.start.elapsed_time(at.forward_end) / 1e3,
                at.forward_end.elapsed_time(at.backward_end) / 1e3,
                float("nan"),
                at.optimizer_start.elapsed_time(at.optimizer_end) / 1e3,
            )
            for (step, _, at), loss in zip(pending, losses)
        ]


def stopwatch_for(device: torch.device) -> Stopwatch:
    """Return the stopwatch that fits `device`."""
    return CudaStopwatch() if device.type == "cuda" else Stopwatch()
