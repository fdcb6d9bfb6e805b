"""The autograd functions of the proximal layers: the only place with a ``ctx``."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from proxprop.diagnostics import Observer, SolveRecord, TroubleMonitor
from proxprop.directions import linear_direction, linear_residual
from proxprop.solvers import SOLVED, SolveSpec, compute_dtype, is_traced


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


class LinearFunction(torch.autograd.Function):
    """``F.linear`` whose backward returns update directions for the parameters."""

    generate_vmap_rule = True

    @staticmethod
    def forward(input: Tensor, weight: Tensor, bias: Tensor | None, call: LayerCall) -> Tensor:
        """Compute input · weightᵀ + bias, in autocast's dtype where there is one."""
        # Autocast would cast here too, but it keeps its casts of parameters for later calls, and
        # one made inside a Function carries no gradient.
        dtype = call.forward_dtype
        return F.linear(cast(input, dtype), cast(weight, dtype), cast(bias, dtype))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        """Keep what backward needs: what plain autograd keeps too."""
        input, weight, bias, call = inputs
        ctx.save_for_backward(input, weight)
        ctx.call = call
        ctx.bias_dtype = None if bias is None else bias.dtype

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        """Return the input's gradient and the parameters' update directions."""
        input, weight = ctx.saved_tensors
        needs_input, needs_weight, needs_bias, _ = ctx.needs_input_grad
        grad_input = weight_direction = bias_direction = None
        with torch.no_grad():
            if needs_input:
                grad_input = (grad_output @ weight.to(grad_output.dtype)).to(input.dtype)
            if needs_weight or needs_bias:
                rows = input.reshape(-1, input.shape[-1])
                grad_rows = grad_output.reshape(-1, grad_output.shape[-1])
                weight_direction, bias_direction = _solve_linear(rows, grad_rows, ctx.call)
        directions = (
            grad_input,
            cast(weight_direction, weight.dtype) if needs_weight else None,
            cast(bias_direction, ctx.bias_dtype) if needs_bias else None,
        )
        return *differentiable_once(grad_output, weight, *directions), None


def _solve_linear(
    rows: Tensor, grad_output: Tensor, call: LayerCall
) -> tuple[Tensor | None, Tensor | None]:
    started = time.perf_counter() if call.observer is not None else 0.0
    spec = call.spec
    found = linear_direction(rows, grad_output, spec, call.train_weight, call.train_bias)
    if call.monitor is not None and not is_traced(found.status):
        call.monitor.post(found.status, spec.solver, spec.tau)
    if call.observer is not None:
        weight, bias = found.weight, found.bias
        record = SolveRecord(
            solver=spec.solver,
            route=found.route,
            tau=spec.tau,
            steps=spec.cg_steps if spec.solver == "cg" else 0,
            rows=rows.shape[0],
            columns=rows.shape[1] * call.train_weight + int(call.train_bias),
            input=rows.detach(),
            grad_output=grad_output.detach(),
            weight_direction=weight,
            bias_direction=bias,
            status=found.status,
            seconds=time.perf_counter() - started,
            residual=lambda: linear_residual(rows, grad_output, weight, bias, spec.tau),
        )
        call.observer(record)
    return found.weight, found.bias


def explicit_linear_record(rows: Tensor, grad_output: Tensor, call: LayerCall) -> SolveRecord:
    """The record of a plain step, D = G, for an observer: the gradient is computed for it."""
    grad_output = grad_output.detach().reshape(-1, grad_output.shape[-1])
    dtype, tau = compute_dtype(rows, grad_output), call.spec.tau
    started = time.perf_counter()
    weight = grad_output.to(dtype).mT @ rows.to(dtype) if call.train_weight else None
    bias = grad_output.to(dtype).sum(0) if call.train_bias else None
    return SolveRecord(
        solver="explicit",
        route="explicit",
        tau=tau,
        steps=0,
        rows=rows.shape[0],
        columns=rows.shape[1] * call.train_weight + int(call.train_bias),
        input=rows,
        grad_output=grad_output,
        weight_direction=weight,
        bias_direction=bias,
        status=torch.full_like(grad_output[:0].sum(), SOLVED, dtype=torch.int8),
        seconds=time.perf_counter() - started,
        residual=lambda: linear_residual(rows, grad_output, weight, bias, tau),
    )


def cast(tensor: Any, dtype: torch.dtype | None) -> Any:
    """Convert to dtype as autocast would: not at all for None, and never from float64."""
    if tensor is None or dtype is None or tensor.dtype == torch.float64:
        return tensor
    return tensor.to(dtype)


class _DifferentiableOnce(torch.autograd.Function):
    """Identity on its later arguments that refuses to be differentiated."""

    generate_vmap_rule = True

    @staticmethod
    def forward(grad_output: Tensor, weight: Tensor, *outputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(output.clone() for output in outputs)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep nothing: there is no backward."""

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        raise NotImplementedError(
            "a proximal layer can be differentiated once: its update direction is no gradient, so "
            "it has no meaningful derivative. Set solver='explicit' on the layer (or revert the "
            "model) where higher derivatives are needed."
        )


def differentiable_once(
    grad_output: Tensor, weight: Tensor, *outputs: Tensor | None
) -> tuple[Tensor | None, ...]:
    """Make a second differentiation of a backward's outputs an error with an explanation.

    Without this, ``create_graph=True`` would treat the outputs as constants and silently return
    wrong second derivatives.
    """
    if not torch.is_grad_enabled() or torch.compiler.is_compiling():
        return outputs
    present = [output for output in outputs if output is not None]
    marked = iter(_DifferentiableOnce.apply(grad_output, weight, *present))
    return tuple(None if output is None else next(marked) for output in outputs)
