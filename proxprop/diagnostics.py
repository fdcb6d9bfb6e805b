"""What a solve says about itself: records for instruments, typed warnings for trouble."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


class ProxPropWarning(UserWarning):
    """Base of every warning that proxprop issues."""


class SolveFallbackWarning(ProxPropWarning):
    """A factorisation failed and the bounded fallback direction took the place of the solve."""


@dataclass(frozen=True)
class SolveRecord:
    """One layer's update direction and how it was found, delivered to ``layer.observer``.

    Attributes:
        solver: ``"exact"``, ``"cg"`` or ``"explicit"``.
        route: How the system was solved: ``"dual"`` (batch × batch), ``"primal"``
            (parameters × parameters) or ``"explicit"`` (not at all).
        tau: Proximal step size of this solve.
        steps: CG steps taken (0 for a factorisation).
        rows: Rows of the layer's input matrix (samples, positions or patches).
        columns: Trainable columns per output unit, bias included.
        input: The layer's input, detached: rows × d_in, or the input of a convolution.
        grad_output: Gradient of the loss at the layer's output, in the shape of that output
            (rows × d_out for a linear layer).
        weight_direction: What the layer leaves in ``weight.grad`` (``None`` if frozen).
        bias_direction: What the layer leaves in ``bias.grad`` (``None`` if absent or frozen).
        status: Scalar int tensor on the layer's device: 0 solved, 1 fallback direction, 2 not
            finite.
        seconds: Wall-clock seconds of the solve on the host.
        residual: Computes the relative residual on demand, see :attr:`relative_residual`.
    """

    solver: str
    route: str
    tau: float
    steps: int
    rows: int
    columns: int
    input: Tensor
    grad_output: Tensor
    weight_direction: Tensor | None
    bias_direction: Tensor | None
    status: Tensor
    seconds: float
    residual: Callable[[], Tensor]

    @property
    def relative_residual(self) -> Tensor:
        """‖G − D(ÃᵀÃ + I/τ)‖/‖G‖ as a scalar tensor on the layer's device, computed when asked."""
        return self.residual()


Observer = Callable[[SolveRecord], None]


class TroubleMonitor:
    """Turns a layer's failure flags into warnings, without ever waiting for the device.

    A flag on the host is read at once. A flag on an accelerator is copied without blocking and
    read at the layer's next forward pass, when it has long arrived.
    """

    def __init__(self) -> None:
        self._pending: Tensor | None = None
        self._arrived: Any = None
        self._solver = ""

    def post(self, failed: Tensor, solver: str) -> None:
        """Take the flag of a solve just made; warn now if reading it costs nothing."""
        self._solver = solver
        if failed.device.type == "cpu":
            self._pending = failed
            return
        host = torch.empty_like(failed, device="cpu", pin_memory=True)
        self._pending = host.copy_(failed, non_blocking=True)
        self._arrived = torch.Event(device=failed.device)
        self._arrived.record()

    def poll(self, layer: str, tau: float) -> None:
        """Warn about the last solve if its flag has arrived and is raised."""
        if self._pending is None or (self._arrived is not None and not self._arrived.query()):
            return
        failed, self._pending, self._arrived = bool(self._pending), None, None
        if failed:
            warn_fallback(layer, self._solver, tau)


def warn_fallback(layer: str, solver: str, tau: float) -> None:
    """Say which layer took the bounded fallback direction and what helps."""
    warnings.warn(
        f"{layer}: the {solver} solve failed (tau={tau:g}); the bounded direction "
        "tau·G/(1 + tau·trace) was used instead. Lower tau, or use float64.",
        SolveFallbackWarning,
        stacklevel=3,
    )
