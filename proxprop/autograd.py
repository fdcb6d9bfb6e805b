"""The autograd functions of the proximal layers: the only place with a ``ctx``."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from proxprop.diagnostics import Observer, SolveRecord, TroubleMonitor
from proxprop.directions import Direction, linear_direction
from proxprop.solvers import SolveSpec


class LayerCall(NamedTuple):
    """What one call of a proximal layer needs beside its tensors.

    Attributes:
        spec: τ and the solver.
        train_weight: Whether the weight's columns belong to Ã.
        train_bias: Whether the bias's column belongs to Ã.
        monitor: Receives the failure flag; None where flags cannot be read (traced code).
        observer: Receives a record of the solve; None costs nothing.
    """

    spec: SolveSpec
    train_weight: bool
    train_bias: bool
    monitor: TroubleMonitor | None
    observer: Observer | None


class LinearFunction(torch.autograd.Function):
    """``F.linear`` whose backward returns update directions for the parameters."""

    generate_vmap_rule = True

    @staticmethod
    def forward(input: Tensor, weight: Tensor, bias: Tensor | None, call: LayerCall) -> Tensor:
        """Compute input · weightᵀ + bias."""
        return F.linear(input, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        """Keep what backward needs."""
        input, weight, _, call = inputs
        ctx.save_for_backward(input, weight)
        ctx.call = call

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        """Return the input's gradient and the parameters' update directions."""
        input, weight = ctx.saved_tensors
        call: LayerCall = ctx.call
        grad_input = None
        if ctx.needs_input_grad[0]:
            grad_input = grad_output @ weight.to(grad_output.dtype)
        rows = input.reshape(-1, input.shape[-1])
        grad_rows = grad_output.reshape(-1, grad_output.shape[-1])
        started = time.perf_counter() if call.observer is not None else 0.0
        direction = linear_direction(rows, grad_rows, call.spec, call.train_weight, call.train_bias)
        if call.monitor is not None:
            call.monitor.post(direction.status, call.spec.solver)
        if call.observer is not None:
            seconds = time.perf_counter() - started
            call.observer(_record(call, direction, rows, grad_rows, seconds))
        weight_direction = direction.weight if ctx.needs_input_grad[1] else None
        bias_direction = direction.bias if ctx.needs_input_grad[2] else None
        return grad_input, weight_direction, bias_direction, None


def _record(
    call: LayerCall, direction: Direction, rows: Tensor, grad_rows: Tensor, seconds: float
) -> SolveRecord:
    spec = call.spec

    def residual() -> Tensor:
        return linear_residual(rows, grad_rows, direction.weight, direction.bias, spec.tau)

    return SolveRecord(
        solver=spec.solver,
        route=direction.route,
        tau=spec.tau,
        steps=spec.cg_steps if spec.solver == "cg" else 0,
        rows=rows.shape[0],
        columns=rows.shape[1] * call.train_weight + int(call.train_bias),
        input=rows.detach(),
        grad_output=grad_rows.detach(),
        weight_direction=direction.weight,
        bias_direction=direction.bias,
        status=direction.status,
        seconds=seconds,
        residual=residual,
    )


def linear_residual(
    rows: Tensor,
    grad_output: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    tau: float,
) -> Tensor:
    """‖G − D(ÃᵀÃ + I/τ)‖/‖G‖ of a linear layer's direction."""
    change = torch.zeros_like(grad_output)
    if weight is not None:
        change = change + rows.to(weight.dtype) @ weight.mT
    if bias is not None:
        change = change + bias
    remainder = grad_output - change
    left, right = grad_output.new_zeros(()), grad_output.new_zeros(())
    if weight is not None:
        rows = rows.to(weight.dtype)
        left = left + (remainder.mT @ rows - weight / tau).square().sum()
        right = right + (grad_output.mT @ rows).square().sum()
    if bias is not None:
        left = left + (remainder.sum(0) - bias / tau).square().sum()
        right = right + grad_output.sum(0).square().sum()
    return (left / right).sqrt()
