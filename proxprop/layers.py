"""Drop-in layers that leave a proximal update direction in ``.grad``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from proxprop.autograd import LayerCall, LinearFunction, explicit_linear_record
from proxprop.diagnostics import Observer, TroubleMonitor
from proxprop.solvers import SolveSpec

SOLVERS = ("exact", "cg", "explicit")


def check_settings(**settings: Any) -> None:
    """Refuse a proximal setting that has no meaning; None stands for "leave as it is".

    Raises:
        TypeError: A setting has the wrong type or an unknown name.
        ValueError: A setting is out of range.
    """
    for name, value in settings.items():
        if name not in _CHECKS:
            raise TypeError(f"unknown proximal setting {name!r}; known: {', '.join(_CHECKS)}")
        if value is not None:
            _CHECKS[name](name, value)


def _positive_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be finite and > 0, got {value!r}; the paper uses 0.05")


def _tolerance(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value!r}; 0 takes every step")


def _step_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be >= 1, got {value!r}; the paper uses 3, 5 and 10")


def _solver_name(name: str, value: object) -> None:
    if value not in SOLVERS:
        raise ValueError(f"{name} must be one of {', '.join(SOLVERS)}, got {value!r}")


_CHECKS = {
    "tau": _positive_number,
    "solver": _solver_name,
    "cg_steps": _step_count,
    "cg_rtol": _tolerance,
}


class ProximalLayer(nn.Module):
    """The settings and seams that every proximal layer shares.

    Attributes:
        tau: Proximal step size, finite and > 0; may change between any two steps.
        solver: ``"exact"``, ``"cg"`` or ``"explicit"`` (plain backpropagation).
        cg_steps: CG steps per solve, ≥ 1.
        cg_rtol: Relative tolerance at which CG stops early, in [0, 1); 0 takes every step.
        observer: Called with a :class:`~proxprop.diagnostics.SolveRecord` after every solve;
            belongs to the process, not to the model: never copied, pickled or saved.
        label: Name used in warnings; set by ``convert`` to the layer's path in its model.
    """

    weight: Tensor
    bias: Any
    tau: float
    solver: str
    cg_steps: int
    cg_rtol: float
    observer: Observer | None = None
    label: str = ""
    _monitor: TroubleMonitor | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _CHECKS:
            _CHECKS[name](name, value)
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.pop("observer", None)
        state.pop("_monitor", None)
        return state

    def extra_repr(self) -> str:
        """Torch's line, then the proximal settings."""
        text = f"{super().extra_repr()}, tau={self.tau:g}, solver={self.solver!r}"
        return text + (f", cg_steps={self.cg_steps}" if self.solver == "cg" else "")

    def _set_prox(self, tau: float, solver: str, cg_steps: int, cg_rtol: float) -> None:
        self.tau, self.solver, self.cg_steps, self.cg_rtol = tau, solver, cg_steps, cg_rtol

    def _takes_implicit_step(self) -> bool:
        if self.solver == "explicit" or not torch.is_grad_enabled():
            return False
        return self.weight.requires_grad or (self.bias is not None and self.bias.requires_grad)

    def _call(self, input: Tensor) -> LayerCall:
        return LayerCall(
            SolveSpec(self.tau, self.solver, self.cg_steps, self.cg_rtol),
            self.weight.requires_grad,
            self.bias is not None and self.bias.requires_grad,
            _autocast_dtype(input),
            self._polled_monitor(),
            self.observer,
        )

    def _polled_monitor(self) -> TroubleMonitor | None:
        if torch.compiler.is_compiling():
            return None
        if self._monitor is None:
            self._monitor = TroubleMonitor(self.label or f"{type(self).__name__} without a name")
        self._monitor.poll()
        return self._monitor


def _autocast_dtype(input: Tensor) -> torch.dtype | None:
    device = input.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None


class ProxPropLinear(ProximalLayer, nn.Linear):
    r"""``nn.Linear`` whose weights take an implicit step.

    Backward leaves ``D = G (ÃᵀÃ + I/τ)⁻¹`` in ``.grad`` (Frerix et al. 2018, Alg. 2): G is the
    gradient, Ã the layer's input rows with a ones column for the bias. Any optimizer uses D in
    place of a gradient. The gradient handed to the layer below is the ordinary one.

    Args:
        in_features: d_in ≥ 0.
        out_features: d_out ≥ 0.
        bias: Whether the layer has a bias; default True.
        device: As in torch.
        dtype: As in torch.
        tau: Proximal step size, finite and > 0; default 0.05.
        solver: ``"exact"`` (default), ``"cg"`` or ``"explicit"``.
        cg_steps: CG steps, ≥ 1; default 3.
        cg_rtol: Relative tolerance of CG in [0, 1); default 0 (every step is taken).

    Shape:
        (\*, d_in) → (\*, d_out); every leading position counts as one row of A.

    Raises:
        TypeError: A setting has the wrong type.
        ValueError: A setting is out of range.

    Note:
        The loss is a batch mean but ÃᵀÃ is a sum over rows, as in the paper: the effective
        strength of τ grows with the batch.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        tau: float = 0.05,
        solver: str = "exact",
        cg_steps: int = 3,
        cg_rtol: float = 0.0,
    ) -> None:
        check_settings(tau=tau, solver=solver, cg_steps=cg_steps, cg_rtol=cg_rtol)
        super().__init__(in_features, out_features, bias, device, dtype)
        self._set_prox(tau, solver, cg_steps, cg_rtol)

    def forward(self, input: Tensor) -> Tensor:
        """Compute input · weightᵀ + bias."""
        if self._takes_implicit_step():
            output: Tensor = LinearFunction.apply(input, self.weight, self.bias, self._call(input))
            return output
        output = F.linear(input, self.weight, self.bias)
        if self.observer is not None and output.requires_grad:
            output.register_hook(self._report_explicit(input.detach(), self.observer))  # type: ignore[no-untyped-call]
        return output

    def _report_explicit(self, input: Tensor, observer: Observer) -> Callable[[Tensor], None]:
        rows = input.reshape(-1, input.shape[-1])
        call = self._call(input)

        def report(grad_output: Tensor) -> None:
            observer(explicit_linear_record(rows, grad_output, call))

        return report
