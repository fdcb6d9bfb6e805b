"""What a solve says about itself: records for instruments, typed warnings for trouble."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from proxprop.core.conv import Convolution
from proxprop.core.linear import LinearMap
from proxprop.core.solvers.cholesky import FALLBACK, NON_FINITE
from proxprop.core.solvers.precision import compute_dtype


class ProxPropWarning(UserWarning):
    """Base of every warning that proxprop issues."""


class SolveFallbackWarning(ProxPropWarning):
    """A factorisation failed and the bounded fallback direction took the place of the solve."""


class NonFiniteWarning(ProxPropWarning):
    """A layer's input was not finite, and neither is its update direction."""


class NeverSolvedWarning(ProxPropWarning):
    """The model used a converted layer's parameters without calling the layer."""


class LastLayerWarning(ProxPropWarning):
    """Which layer gives a model's output was guessed, and others may do so too."""


class NothingConvertedWarning(ProxPropWarning):
    """A conversion left every layer as it was."""


@dataclass(frozen=True)
class SolveRecord:
    """One layer's update direction and how it was found, delivered to ``layer.observer``.

    Attributes:
        operation: What the layer computes.
        solver: ``"exact"``, ``"cg"`` or ``"explicit"``.
        route: The system that was solved: ``"dual"`` (of batch size) or ``"primal"`` (of the
            number of columns), with ``"-spectral"`` for CG in the Gram's eigenbasis;
            ``"explicit"`` for none.
        tau: Proximal step size of this solve.
        steps: CG steps taken (0 for a factorisation).
        rows: Rows of the layer's input matrix (samples, positions or patches).
        columns: Trainable columns per output unit, bias included.
        input: The layer's input, detached: rows × d_in, or the input of a convolution.
        grad_output: Gradient of the loss at the layer's output, rows × d_out, or in the shape of
            a convolution's output.
        weight_direction: What the layer leaves in ``weight.grad`` (``None`` if frozen).
        bias_direction: What the layer leaves in ``bias.grad`` (``None`` if absent or frozen).
        status: Scalar int tensor on the layer's device: 0 solved, 1 fallback direction, 2 not
            finite.
        seconds: Wall-clock seconds of the solve on the host.
    """

    operation: LinearMap | Convolution
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

    @property
    def relative_residual(self) -> Tensor:
        """‖G − D(ÃᵀÃ + I/τ)‖/‖G‖ as a scalar tensor on the layer's device, computed when asked.

        For ``"explicit"``, where D = G, it is the residual of the system that was not solved.
        """
        return self.residual()

    @torch.no_grad()
    def residual(self, units: slice = slice(None)) -> Tensor:
        """The relative residual of some output units; of a layer without groups, if not of all.

        It takes no Gram: G − DÃᵀÃ is the gradient for Δ − ÃDᵀ, the change that is left to do.
        """
        dtype = compute_dtype(self.input, self.grad_output)
        input, delta = self.input.to(dtype), self.grad_output[:, units].to(dtype)
        weight, bias = (
            None if part is None else part[units]
            for part in (self.weight_direction, self.bias_direction)
        )
        remainder = delta
        if weight is not None:
            remainder = remainder - self.operation.forward(input, weight.to(dtype), None)
        if bias is not None:
            remainder = remainder - bias.to(dtype).view(-1, *[1] * (delta.dim() - 2))
        error, size = delta.new_zeros(()), delta.new_zeros(())
        parts = self.operation.gradient(input, delta), self.operation.gradient(input, remainder)
        for direction, gradient, left in zip((weight, bias), *parts):
            if direction is not None:
                error = error + (left - direction / self.tau).square().sum()
                size = size + gradient.square().sum()
        return (error / size).sqrt()


Observer = Callable[[SolveRecord], None]


class TroubleMonitor:
    """Turns a layer's solve status into warnings, without ever waiting for a device.

    A status on the host is read at once. One on an accelerator is copied without blocking into
    memory that stays where it is (so a CUDA graph's replays write there too) and is read at the
    layer's next forward pass.

    Args:
        layer: What to call the layer.
    """

    def __init__(self, layer: str) -> None:
        self.layer = layer
        self._mailbox: Tensor | None = None
        self._about = ("", 0.0)

    def post(self, status: Tensor, solver: str, tau: float) -> None:
        """Take the status of a solve just made; warn now if reading it costs nothing."""
        self._about = (solver, tau)
        if not self._is_remote(status):
            warn_of_trouble(int(status), self.layer, solver, tau)
            return
        if self._mailbox is None:
            with torch.inference_mode(False):  # it outlives the mode that this step runs in
                self._mailbox = torch.zeros((), dtype=torch.int8, device="cpu", pin_memory=True)
        self._mailbox.copy_(status.detach(), non_blocking=True)

    def poll(self) -> None:
        """Warn about the last solve whose status has arrived, once."""
        if self._mailbox is None:
            return
        # Read as NumPy memory: Tensor.item() is a synchronisation point to torch.
        status = int(self._mailbox.numpy())
        if status:
            self._mailbox.numpy()[...] = 0
            warn_of_trouble(status, self.layer, *self._about)

    @staticmethod
    def _is_remote(status: Tensor) -> bool:
        return status.device.type != "cpu"


def warn_of_trouble(status: int, layer: str, solver: str, tau: float) -> None:
    """Say which layer had trouble, what was done instead and what helps."""
    if status == NON_FINITE:
        warnings.warn(
            f"{layer}: its input is not finite, and so is its update direction (tau={tau:g}). "
            "The run has diverged: lower the learning rate of the explicit layers first.",
            NonFiniteWarning,
            stacklevel=3,
        )
    elif status == FALLBACK:
        warnings.warn(
            f"{layer}: the {solver} solve failed (tau={tau:g}): its system is too badly "
            "conditioned. The bounded direction tau·G/(1 + tau·trace) was used instead. Lower tau "
            "or use float64.",
            SolveFallbackWarning,
            stacklevel=3,
        )
