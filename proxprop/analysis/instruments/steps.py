"""What steps do to a layer's output, at the least cost: no gradient where a small Gram will do."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_weight

from proxprop.core.linear import linear_residual
from proxprop.diagnostics import SolveRecord

Layer = nn.Linear | nn.Conv2d
# Output units that are measured, evenly spaced: each is a least-squares problem of its own, and all
# 4,000 of a wide layer would cost as much as a forward pass.
STEP_UNITS = 1024
RESIDUAL_UNITS = 128


def some_units(count: int, most: int) -> slice:
    """Return at most `most` of `count` units, evenly spaced; all of them where they are few."""
    if count <= most:
        return slice(None)
    stride = count // most
    return slice(0, most * stride, stride)


def explicit_step(
    layer: Layer, input: Tensor, grad_output: Tensor, tau: float
) -> tuple[Tensor, Tensor]:
    """Return ``‖G‖`` and ``‖Δ − τÃGᵀ‖``."""
    if isinstance(layer, nn.Linear):
        rows, delta = input.flatten(0, -2), grad_output.flatten(0, -2)
        if len(rows) <= rows.shape[1]:
            # ÃGᵀ = KΔ and ‖G‖² = ⟨Δ, KΔ⟩ with K = ÃÃᵀ, which knows nothing of the columns.
            gram = rows @ rows.mT
            change = (gram + 1 if layer.bias is not None else gram) @ delta
            return (delta * change).sum().clamp_min(0).sqrt(), (delta - tau * change).norm()
    weight, bias = _gradient(layer, input, grad_output)
    parts = [part.flatten() for part in (weight, bias) if part is not None]
    change = output_change(layer, input, weight, bias)
    return torch.cat(parts).norm(), (grad_output - tau * change).norm()


def output_change(layer: Layer, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return how a step along (weight, bias) moves the layer's output."""
    if isinstance(layer, nn.Conv2d):
        return F.conv2d(
            input, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups
        )
    return F.linear(input, weight, bias)


def relative_residual(layer: Layer, record: SolveRecord) -> Tensor:
    """Return ``‖G − D(ÃᵀÃ + I/τ)‖ / ‖G‖``, of some output units where there are many."""
    weight, bias = record.weight_direction, record.bias_direction
    units = record.grad_output.shape[-1]
    if isinstance(layer, nn.Conv2d) or units <= RESIDUAL_UNITS:
        return record.relative_residual
    some = some_units(units, RESIDUAL_UNITS)
    return linear_residual(
        record.input,
        record.grad_output[:, some],
        None if weight is None else weight[some],
        None if bias is None else bias[some],
        record.tau,
    )


def _gradient(layer: Layer, input: Tensor, grad_output: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return G, split as the layer's parameters are."""
    if isinstance(layer, nn.Conv2d):
        weight = conv2d_weight(  # type: ignore[no-untyped-call]
            input,
            layer.weight.shape,
            grad_output,
            layer.stride,
            layer.padding,
            layer.dilation,
            layer.groups,
        )
        over: tuple[int, ...] = (0, 2, 3)
    else:
        weight = grad_output.flatten(0, -2).mT @ input.flatten(0, -2)
        over = tuple(range(grad_output.ndim - 1))
    return weight, None if layer.bias is None else grad_output.sum(over)
