"""The autograd function of the proximal layers: the only place with a ``ctx``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad

from proxprop.core.conv import Convolution
from proxprop.core.joined import joined_batch
from proxprop.core.linear import Direction, LinearMap, solved_status
from proxprop.core.running import RunningGram
from proxprop.core.solvers.precision import compute_dtype, is_traced, transforms_active
from proxprop.diagnostics import Observer, SolveRecord, TroubleMonitor
from proxprop.settings import SolveSpec


class LayerCall(NamedTuple):
    """What one call of a proximal layer needs beside its tensors.

    Attributes:
        operation: What the layer computes.
        spec: τ and the solver.
        train_weight: Whether the weight's columns belong to Ã.
        train_bias: Whether the bias's column belongs to Ã.
        forward_dtype: Autocast's dtype for the forward product; None outside autocast.
        monitor: Receives the solve's status; None where it cannot be read (compiled code).
        observer: Receives a record of the solve; None costs nothing.
        running: The layer's average where it takes the place of the batch's Gram.
        joined: Whether the batch is that of all processes of torch.distributed.
    """

    operation: LinearMap | Convolution
    spec: SolveSpec
    train_weight: bool
    train_bias: bool
    forward_dtype: torch.dtype | None
    monitor: TroubleMonitor | None
    observer: Observer | None
    running: RunningGram | None = None
    joined: bool = False


class ProximalFunction(torch.autograd.Function):
    """A layer's operation whose backward returns update directions for the parameters."""

    generate_vmap_rule = True

    @staticmethod
    def forward(input: Tensor, weight: Tensor, bias: Tensor | None, call: LayerCall) -> Tensor:
        """Compute the layer's output, in autocast's dtype where there is one."""
        # Cast here: what a Function casts carries no gradient and must not depend on, or enter,
        # autocast's cache of parameter casts.
        dtype = call.forward_dtype
        return call.operation.forward(cast(input, dtype), cast(weight, dtype), cast(bias, dtype))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        """Keep what backward needs: what plain autograd keeps too."""
        input, weight, bias, call = inputs
        if not call.train_weight and call.observer is None:  # only its shape is asked for
            input = input.new_zeros(()).expand(input.shape)
        ctx.save_for_backward(input, weight if ctx.needs_input_grad[0] else None)
        ctx.call = call
        ctx.dtypes = weight.dtype, None if bias is None else bias.dtype

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        """Return the input's gradient and the parameters' update directions."""
        device = grad_output.device.type
        if autocasts(device):  # backward called inside the block
            with torch.autocast(device, enabled=False):
                return ProximalFunction.backward(ctx, grad_output)
        input, weight = ctx.saved_tensors
        needs_input, needs_weight, needs_bias, _ = ctx.needs_input_grad
        grad_input = weight_direction = bias_direction = None
        with torch.no_grad():
            if needs_weight or needs_bias:
                direction = _solve(input, grad_output, ctx.call)
                if needs_weight and direction.weight is not None:
                    weight_direction = direction.weight.to(ctx.dtypes[0])
                if needs_bias and direction.bias is not None:
                    bias_direction = direction.bias.to(ctx.dtypes[1])
            if needs_input:  # after the solve, whose memory is more than anything else's
                factor = weight.to(grad_output.dtype)
                grad_input = ctx.call.operation.input_gradient(input, factor, grad_output)
                grad_input = grad_input.to(input.dtype)
        directions = differentiable_once(
            grad_output, weight, grad_input, weight_direction, bias_direction
        )
        return *directions, None


def autocasts(device: str) -> bool:
    """Whether autocast is on for a type of device; "meta" is none that torch can be asked for."""
    return device != "meta" and torch.is_autocast_enabled(device)


def refuse_other_derivatives() -> None:
    """Refuse what cannot carry the backward pass; to ask is cheaper than a Function that fails.

    Raises:
        NotImplementedError: torch.jit is tracing, or derivatives are taken in forward mode: those
            of a backward pass would differentiate update directions.
    """
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        raise NotImplementedError(
            "a proximal step cannot be traced by torch.jit: call revert(model) first, or trace "
            "under torch.no_grad()"
        )
    if forward_ad._current_level >= 0:
        raise NotImplementedError(
            "a proximal layer has no forward-mode derivative: call revert(model) first, or set "
            "solver='explicit'"
        )


class _EagerFunction(torch.autograd.Function):
    """The same without the seam for torch.func, which costs 30 µs a call."""

    @staticmethod
    def forward(
        ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None, call: LayerCall
    ) -> Tensor:
        output = ProximalFunction.forward(input, weight, bias, call)
        ProximalFunction.setup_context(ctx, (input, weight, bias, call), output)
        return output

    backward = ProximalFunction.backward


def proximal_output(input: Tensor, weight: Tensor, bias: Tensor | None, call: LayerCall) -> Tensor:
    """The layer's output, whose backward pass leaves directions for weight and bias."""
    eager = not torch.compiler.is_compiling() and not transforms_active()
    function = _EagerFunction if eager else ProximalFunction
    output: Tensor = function.apply(input, weight, bias, call)
    return output


def _solve(input: Tensor, grad_output: Tensor, call: LayerCall) -> Direction:
    started = time.perf_counter() if call.observer is not None else 0.0
    input, grad_output = call.operation.samples(input, grad_output)
    if call.joined:
        input, grad_output = joined_batch(input, grad_output)
    direction = None
    trained = call.train_weight, call.train_bias
    if call.running is not None:
        damping = call.spec.damping()
        direction = call.running.direction(call.operation, input, grad_output, damping, *trained)
    if direction is None:
        direction = call.operation.direction(input, grad_output, call.spec, *trained)
    if call.monitor is not None and not is_traced(direction.status):
        call.monitor.post(direction.status, call.spec.solver, call.spec.tau)
    if call.observer is not None:
        seconds = time.perf_counter() - started
        call.observer(solve_record(input, grad_output, direction, call, seconds))
    return direction


def explicit_report(input: Tensor, call: LayerCall) -> Callable[[Tensor], None]:
    """A hook on a layer's output that reports its plain step; D = G is computed for the record.

    Args:
        input: The layer's, detached.
        call: With an observer.
    """
    call = call._replace(spec=call.spec._replace(solver="explicit"))

    def report(grad_output: Tensor) -> None:
        samples, delta = call.operation.samples(input, grad_output.detach())
        dtype = compute_dtype(samples, delta)
        started = time.perf_counter()
        weight, bias = call.operation.gradient(samples.to(dtype), delta.to(dtype))
        direction = Direction(
            weight if call.train_weight else None,
            bias if call.train_bias else None,
            solved_status(delta),
            "explicit",
        )
        seconds = time.perf_counter() - started
        assert call.observer is not None
        call.observer(solve_record(samples, delta, direction, call, seconds))

    return report


def solve_record(
    input: Tensor, grad_output: Tensor, direction: Direction, call: LayerCall, seconds: float
) -> SolveRecord:
    """The record of a direction, for observers."""
    weight, bias = direction.weight, direction.bias
    return SolveRecord(
        operation=call.operation,
        solver=call.spec.solver,
        route=direction.route,
        tau=call.spec.tau,
        steps=call.spec.cg_steps if call.spec.solver == "cg" else 0,
        rows=grad_output.shape[0] * grad_output.shape[2:].numel(),
        columns=(0 if weight is None else weight.shape[1:].numel()) + (bias is not None),
        input=input.detach(),
        grad_output=grad_output.detach(),
        weight_direction=weight,
        bias_direction=bias,
        status=direction.status,
        seconds=seconds,
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
    def forward(grad_output: Tensor, weight: Tensor | None, *outputs: Tensor) -> tuple[Tensor, ...]:
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
    grad_output: Tensor, weight: Tensor | None, *outputs: Tensor | None
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
