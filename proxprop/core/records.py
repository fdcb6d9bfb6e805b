"""What a call of a proximal layer carries, and what observers are told about its solve."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from proxprop.core.conv import conv_residual, parameter_gradient
from proxprop.core.gram import ConvGeometry
from proxprop.core.linear import Direction, linear_residual
from proxprop.core.solvers import SOLVED, SolveSpec, compute_dtype
from proxprop.diagnostics import Observer, SolveRecord, TroubleMonitor


class LayerCall(NamedTuple):
    """What one call of a proximal layer needs beside its tensors.

    Attributes:
        spec: τ and the solver.
        train_weight: Whether the weight's columns belong to Ã.
        train_bias: Whether the bias's column belongs to Ã.
        forward_dtype: Autocast's dtype for the forward product; None outside autocast.
        monitor: Receives the solve's status; None where it cannot be read (compiled code).
        observer: Receives a record of the solve; None costs nothing.
    """

    spec: SolveSpec
    train_weight: bool
    train_bias: bool
    forward_dtype: torch.dtype | None
    monitor: TroubleMonitor | None
    observer: Observer | None


def linear_record(
    rows: Tensor, grad_output: Tensor, call: LayerCall, found: Direction, seconds: float
) -> SolveRecord:
    """The record of a linear layer's solve."""
    tau, weight, bias = call.spec.tau, found.weight, found.bias
    return _record(
        call,
        found,
        (rows, grad_output),
        (rows.shape[0], rows.shape[1]),
        seconds,
        lambda: linear_residual(rows, grad_output, weight, bias, tau),
    )


def conv_record(
    input: Tensor,
    grad_output: Tensor,
    geometry: ConvGeometry,
    call: LayerCall,
    found: Direction,
    seconds: float,
) -> SolveRecord:
    """The record of a convolution's solve."""
    tau, weight, bias = call.spec.tau, found.weight, found.bias
    positions = grad_output.shape[0] * grad_output.shape[2] * grad_output.shape[3]
    taps = input.shape[1] // geometry.groups * geometry.kernel_size[0] * geometry.kernel_size[1]
    return _record(
        call,
        found,
        (input, grad_output),
        (positions, taps),
        seconds,
        lambda: conv_residual(input, grad_output, geometry, weight, bias, tau),
    )


def explicit_linear_record(rows: Tensor, grad_output: Tensor, call: LayerCall) -> SolveRecord:
    """The record of a plain step, D = G, for an observer: the gradient is computed for it."""
    grad_output = grad_output.detach().reshape(-1, grad_output.shape[-1])
    dtype = compute_dtype(rows, grad_output)
    started = time.perf_counter()
    gradients = (grad_output.to(dtype).mT @ rows.to(dtype), grad_output.to(dtype).sum(0))
    found = _undone(*gradients, call)
    seconds = time.perf_counter() - started
    return linear_record(rows, grad_output, _explicit(call), found, seconds)


def explicit_conv_record(
    input: Tensor, grad_output: Tensor, geometry: ConvGeometry, call: LayerCall
) -> SolveRecord:
    """The record of a convolution's plain step, D = G; the gradient is computed for it."""
    grad_output = grad_output.detach()
    dtype = compute_dtype(input, grad_output)
    started = time.perf_counter()
    gradients = parameter_gradient(input.to(dtype), grad_output.to(dtype), geometry)
    found = _undone(*gradients, call)
    seconds = time.perf_counter() - started
    return conv_record(input, grad_output, geometry, _explicit(call), found, seconds)


def _explicit(call: LayerCall) -> LayerCall:
    return call._replace(spec=call.spec._replace(solver="explicit"))


def _undone(weight: Tensor, bias: Tensor, call: LayerCall) -> Direction:
    """The gradient itself as a direction: no system was solved."""
    status = torch.full_like(bias[:0].sum(), SOLVED, dtype=torch.int8)
    return Direction(
        weight if call.train_weight else None,
        bias if call.train_bias else None,
        status,
        "explicit",
    )


def _record(
    call: LayerCall,
    found: Direction,
    data: tuple[Tensor, Tensor],
    size: tuple[int, int],
    seconds: float,
    residual: Callable[[], Tensor],
) -> SolveRecord:
    """Fill a record; ``size`` is Ã's rows and the weight's columns."""
    return SolveRecord(
        solver=call.spec.solver,
        route=found.route,
        tau=call.spec.tau,
        steps=call.spec.cg_steps if call.spec.solver == "cg" else 0,
        rows=size[0],
        columns=size[1] * call.train_weight + int(call.train_bias),
        input=data[0].detach(),
        grad_output=data[1].detach(),
        weight_direction=found.weight,
        bias_direction=found.bias,
        status=found.status,
        seconds=seconds,
        residual=residual,
    )
