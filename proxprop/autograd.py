"""The autograd functions of the proximal layers: the only place with a ``ctx``."""

from __future__ import annotations

import time
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from proxprop.core.conv import conv_direction, input_gradient
from proxprop.core.gram import ConvGeometry
from proxprop.core.linear import Direction, linear_direction
from proxprop.core.records import LayerCall, conv_record, linear_record
from proxprop.core.solvers import is_traced


class LinearFunction(torch.autograd.Function):
    """``F.linear`` whose backward returns update directions for the parameters."""

    generate_vmap_rule = True

    @staticmethod
    def forward(input: Tensor, weight: Tensor, bias: Tensor | None, call: LayerCall) -> Tensor:
        """Compute input · weightᵀ + bias, in autocast's dtype where there is one."""
        # Cast here: what a Function casts carries no gradient and must not depend on, or enter,
        # autocast's cache of parameter casts.
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
            in_dtype(weight_direction, weight.dtype) if needs_weight else None,
            in_dtype(bias_direction, ctx.bias_dtype) if needs_bias else None,
        )
        return *differentiable_once(grad_output, weight, *directions), None


def _solve_linear(
    rows: Tensor, grad_output: Tensor, call: LayerCall
) -> tuple[Tensor | None, Tensor | None]:
    started = time.perf_counter() if call.observer is not None else 0.0
    found = linear_direction(rows, grad_output, call.spec, call.train_weight, call.train_bias)
    _post(call, found)
    if call.observer is not None:
        seconds = time.perf_counter() - started
        call.observer(linear_record(rows, grad_output, call, found, seconds))
    return found.weight, found.bias


class Conv2dFunction(torch.autograd.Function):
    """``F.conv2d`` whose backward returns update directions for the parameters."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        call: LayerCall,
        geometry: ConvGeometry,
    ) -> Tensor:
        """Convolve (N, C, H, W); padding other than equal zeros is written into the input."""
        dtype = call.forward_dtype
        left, _, top, _ = geometry.padding
        return F.conv2d(
            cast(input, dtype),
            cast(weight, dtype),
            cast(bias, dtype),
            geometry.stride,
            (top, left),
            geometry.dilation,
            geometry.groups,
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        """Keep what backward needs: what plain autograd keeps too."""
        input, weight, bias, call, geometry = inputs
        ctx.save_for_backward(input, weight)
        ctx.call, ctx.geometry = call, geometry
        ctx.bias_dtype = None if bias is None else bias.dtype

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        """Return the input's gradient and the parameters' update directions."""
        input, weight = ctx.saved_tensors
        needs_input, needs_weight, needs_bias, *_ = ctx.needs_input_grad
        grad_input = weight_direction = bias_direction = None
        with torch.no_grad():
            if needs_input:
                kernel = weight.to(grad_output.dtype)
                grad_input = input_gradient(input.shape, kernel, grad_output, ctx.geometry)
                grad_input = grad_input.to(input.dtype)
            if needs_weight or needs_bias:
                weight_direction, bias_direction = _solve_conv(
                    input, grad_output, ctx.geometry, ctx.call
                )
        directions = (
            grad_input,
            in_dtype(weight_direction, weight.dtype) if needs_weight else None,
            in_dtype(bias_direction, ctx.bias_dtype) if needs_bias else None,
        )
        return *differentiable_once(grad_output, weight, *directions), None, None


def _solve_conv(
    input: Tensor, grad_output: Tensor, geometry: ConvGeometry, call: LayerCall
) -> tuple[Tensor | None, Tensor | None]:
    started = time.perf_counter() if call.observer is not None else 0.0
    found = conv_direction(
        input, grad_output, geometry, call.spec, call.train_weight, call.train_bias
    )
    _post(call, found)
    if call.observer is not None:
        seconds = time.perf_counter() - started
        call.observer(conv_record(input, grad_output, geometry, call, found, seconds))
    return found.weight, found.bias


def _post(call: LayerCall, found: Direction) -> None:
    if call.monitor is not None and not is_traced(found.status):
        call.monitor.post(found.status, call.spec.solver, call.spec.tau)


def cast(tensor: Any, dtype: torch.dtype | None) -> Any:
    """Convert to dtype as autocast would: not at all for None, and never from float64."""
    if tensor is None or dtype is None or tensor.dtype == torch.float64:
        return tensor
    return tensor.to(dtype)


def in_dtype(direction: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """A direction in its parameter's dtype."""
    return None if direction is None else direction.to(dtype)


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
