"""The proximal update direction of a 2-D convolution."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from proxprop.core.gram import ConvGeometry, patch_gram, position_gram
from proxprop.core.gram.patches import choose_system, default_precision
from proxprop.core.linear import Direction
from proxprop.core.solvers import (
    CONDITION_FOR_FLOAT64,
    FALLBACK,
    NON_FINITE,
    SOLVED,
    Damped,
    DenseSystem,
    DualSystem,
    SolveSpec,
    by_chunks,
    compute_dtype,
    conjugate_gradient,
    damped_factor,
    host_can_read,
    is_traced,
)

# With float32 products and float64 after them the direction's error on real images is below 1e-11
# times the condition estimate; this keeps it below 1e-3.
_CONDITION_FOR_FLOAT64_PRODUCTS = 1e8

# Positions whose contributions to a gradient are added up in float32: 32 images of 32 × 32.
_SUMMED_POSITIONS = 1 << 15


def conv_direction(
    x: Tensor,
    grad_output: Tensor,
    geometry: ConvGeometry,
    spec: SolveSpec,
    train_weight: bool,
    train_bias: bool,
) -> Direction:
    """D = G (ÃᵀÃ + I/τ)⁻¹ for one convolution, Ã its patches (Frerix et al. 2018, Alg. 2).

    Args:
        x: Layer input (N, C, H, W), with any padding but equal zeros written in.
        grad_output: Δ = ∂J/∂Z, (N, m, H_out, W_out).
        geometry: Of the convolution; each group of channels has a system of its own.
        spec: τ and the solver.
        train_weight: Whether the patches' columns belong to Ã.
        train_bias: Whether the ones column belongs to Ã.

    Returns:
        Weight direction (m, C/groups, k_h, k_w) and bias direction (m,); None for what does not
        train.
    """
    dtype = compute_dtype(x, grad_output)
    x, grad_output = x.to(dtype), grad_output.to(dtype)
    status = torch.full_like(grad_output[:0].sum(), SOLVED, dtype=torch.int8)
    if not train_weight:
        sums = grad_output.sum((0, 2, 3))
        count = grad_output.shape[0] * grad_output.shape[2] * grad_output.shape[3]
        bias = _count_direction(sums, count, spec) if train_bias else None
        return Direction(None, bias, status, "primal")
    if grad_output.numel() == 0:
        weight, sums = parameter_gradient(x, grad_output, geometry)
        return Direction(weight, sums if train_bias else None, status, "empty")
    steps = spec.cg_steps if spec.solver == "cg" else 0
    route = choose_system(x.shape, geometry, grad_output.shape[1], steps)
    solve = _dual if route == "dual" else _primal
    weight, bias, failed = solve(x, grad_output, geometry, spec, train_bias)
    status = status if failed is None else failed
    return Direction(weight, bias if train_bias else None, status, route)


def parameter_gradient(
    x: Tensor, grad_output: Tensor, geometry: ConvGeometry
) -> tuple[Tensor, Tensor]:
    """G = ΔᵀÃ as the weight's and the bias's gradient, by torch's own convolution."""
    shape = (grad_output.shape[1], x.shape[1] // geometry.groups, *geometry.kernel_size)
    weight = grad_output.new_empty(1).expand(shape)
    mask = [False, True, True]
    _, of_weight, of_bias = _convolution_backward(x, weight, grad_output, geometry, mask)
    return of_weight, of_bias


def _accurate_gradient(
    x: Tensor, grad_output: Tensor, geometry: ConvGeometry, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """G added up in ``dtype`` from parts of the batch whose float32 sums are short.

    A solve amplifies what a long float32 sum loses: on the first layer of a trained net, 500
    images of 32 × 32 pixels, the direction's error is 1e-2 with one sum, 3e-3 with four and
    1.5e-3 with sixteen, which take as long.
    """
    if dtype == x.dtype:
        with _full_products(x):
            return parameter_gradient(x, grad_output, geometry)
    samples = max(1, _SUMMED_POSITIONS // grad_output[0, 0].numel())
    pieces = zip(torch.split(x, samples), torch.split(grad_output, samples))
    with _full_products(x):
        parts = [parameter_gradient(part, delta, geometry) for part, delta in pieces]
    weight, bias = (torch.stack(part).sum(0, dtype=dtype) for part in zip(*parts))
    return weight, bias


@contextmanager
def _full_products(x: Tensor) -> Iterator[None]:
    """Keep cuDNN from rounding a gradient that is about to be solved with to TF32, its default."""
    if x.device.type != "cuda" or is_traced(x):
        yield
        return
    backend: Any = torch.backends.cudnn  # torch's stubs do not know its submodules
    convolutions = backend.conv
    before = convolutions.fp32_precision
    convolutions.fp32_precision = "ieee"
    try:
        yield
    finally:
        convolutions.fp32_precision = before


def input_gradient(
    shape: torch.Size, weight: Tensor, grad_output: Tensor, geometry: ConvGeometry
) -> Tensor:
    """∂J/∂x, the ordinary gradient handed to the layer below."""
    x = grad_output.new_empty(1).expand(shape)
    mask = [True, False, False]
    return _convolution_backward(x, weight, grad_output, geometry, mask)[0]


def _convolution_backward(
    x: Tensor, weight: Tensor, grad_output: Tensor, geometry: ConvGeometry, mask: list[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    left, _, top, _ = geometry.padding
    gradients: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        grad_output,
        x,
        weight,
        [weight.shape[0]],
        geometry.stride,
        [top, left],
        geometry.dilation,
        False,
        [0, 0],
        geometry.groups,
        mask,
    )
    return gradients


def _count_direction(gradient: Tensor, count: int, spec: SolveSpec) -> Tensor:
    """The bias alone: its Gram is the number of positions, and one CG step is exact."""
    return gradient / (count + spec.damping)


def _primal(
    x: Tensor, grad_output: Tensor, geometry: ConvGeometry, spec: SolveSpec, with_bias: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """D = G S⁻¹ with S = ÃᵀÃ + I/τ, per group."""
    status = None
    # First what backpropagation does anyway: Δ is still in the cache from the input's gradient,
    # and x will be for the Gram.
    dtype = default_precision(x, geometry).result
    weight, bias = _accurate_gradient(x, grad_output, geometry, dtype)
    if spec.solver == "cg":
        gram = patch_gram(x, geometry, bias=with_bias)
    else:
        factor, status, _ = _accurate_factor(x, geometry, spec.damping, with_bias)
        if factor.dtype != dtype:
            weight, bias = _accurate_gradient(x, grad_output, geometry, factor.dtype)
    gradient = weight.reshape(geometry.groups, weight.shape[0] // geometry.groups, -1)
    if with_bias:
        gradient = torch.cat([gradient, bias.view(geometry.groups, -1, 1)], dim=2)
    if spec.solver == "cg":
        system = DenseSystem(gram, spec.damping)
        direction = conjugate_gradient(system, gradient, spec.cg_steps, spec.cg_rtol)
    else:
        direction = torch.cholesky_solve(gradient.mT, factor).mT
    direction = direction.to(x.dtype)
    columns = weight[0].numel()
    return (
        direction[..., :columns].reshape(weight.shape),
        direction[..., -1].reshape(bias.shape) if with_bias else bias,
        status,
    )


def _accurate_factor(x: Tensor, geometry: ConvGeometry, damping: float, with_bias: bool) -> Damped:
    """The factor of S in the arithmetic that its condition asks for."""
    gram = patch_gram(x, geometry, bias=with_bias)
    single = gram.dtype == torch.float32
    factor = damped_factor(gram, damping)
    if x.dtype == torch.float64 or not host_can_read(factor.status):
        return factor
    limit = CONDITION_FOR_FLOAT64 if single else _CONDITION_FOR_FLOAT64_PRODUCTS
    poor = int(factor.status) == FALLBACK or float(factor.condition) > limit
    if int(factor.status) == NON_FINITE or not poor:
        return factor
    return damped_factor(patch_gram(x, geometry, bias=with_bias, dtype=torch.float64), damping)


def _dual(
    x: Tensor, grad_output: Tensor, geometry: ConvGeometry, spec: SolveSpec, with_bias: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """D = YᵀÃ with (K + I/τ) Y = Δ: the weight gradient with Y in place of Δ, per group."""
    samples, units, *positions = grad_output.shape
    grouped = grad_output.view(samples, geometry.groups, -1, *positions)
    rows = grouped.permute(1, 0, 3, 4, 2).reshape(geometry.groups, -1, units // geometry.groups)
    status = None
    if spec.solver == "cg":
        gram = position_gram(x, geometry, bias=with_bias)
        rows = rows.to(gram.dtype)
        system = DualSystem(gram, spec.damping)
        dual = by_chunks(
            rows, lambda part: conjugate_gradient(system, part, spec.cg_steps, spec.cg_rtol)
        )
    else:
        factor, status = _accurate_dual_factor(x, geometry, spec.damping, with_bias)
        dual = torch.cholesky_solve(rows.to(factor.dtype), factor)
    dual = dual.view(geometry.groups, samples, *positions, -1).permute(1, 0, 4, 2, 3)
    dual = dual.reshape(grad_output.shape)
    if spec.solver == "cg":
        dual = dual.to(x.dtype)
    # Where the factor had to be float64, so has this product: Y is large along directions in which
    # Ã nearly cancels, and float32 would return what it rounds away there (ascent at tau=1e8).
    with _full_products(x):
        weight, bias = parameter_gradient(x.to(dual.dtype), dual, geometry)
    return weight.to(x.dtype), bias.to(x.dtype), status


def _accurate_dual_factor(
    x: Tensor, geometry: ConvGeometry, damping: float, with_bias: bool
) -> tuple[Tensor, Tensor]:
    gram = position_gram(x, geometry, bias=with_bias)
    single = gram.dtype == torch.float32
    factor, status, condition = damped_factor(gram, damping)
    if not single or not host_can_read(status):
        return factor, status
    poor = int(status) == FALLBACK or float(condition) > CONDITION_FOR_FLOAT64
    if int(status) == NON_FINITE or not poor:
        return factor, status
    gram = position_gram(x, geometry, bias=with_bias, dtype=torch.float64)
    factor, status, _ = damped_factor(gram, damping)
    return factor, status


def conv_residual(
    x: Tensor,
    grad_output: Tensor,
    geometry: ConvGeometry,
    weight: Tensor | None,
    bias: Tensor | None,
    tau: float,
) -> Tensor:
    """‖G − D(ÃᵀÃ + I/τ)‖/‖G‖ of a convolution's direction, without a Gram: ÃDᵀ convolves."""
    dtype = compute_dtype(x, grad_output)
    x, grad_output = x.to(dtype), grad_output.to(dtype)
    change = torch.zeros_like(grad_output)
    if weight is not None:
        left, _, top, _ = geometry.padding
        change = F.conv2d(
            x, weight, None, geometry.stride, (top, left), geometry.dilation, geometry.groups
        )
    if bias is not None:
        change = change + bias[:, None, None]
    remainders = parameter_gradient(x, grad_output - change, geometry)
    gradients = parameter_gradient(x, grad_output, geometry)
    error, size = grad_output.new_zeros(()), grad_output.new_zeros(())
    for direction, remainder, gradient in zip((weight, bias), remainders, gradients, strict=True):
        if direction is not None:
            error = error + (remainder - direction / tau).square().sum()
            size = size + gradient.square().sum()
    return (error / size).sqrt()
