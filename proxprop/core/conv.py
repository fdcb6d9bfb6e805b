"""The proximal update direction of a 2-D convolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from proxprop.core.gram import ConvGeometry, patch_gram, position_gram
from proxprop.core.gram.patches import choose_system, default_precision
from proxprop.core.linear import Direction, solved_status
from proxprop.core.solvers.cg import DenseSystem, DualSystem, by_chunks, conjugate_gradient
from proxprop.core.solvers.cholesky import Damped, damped_factor, escalated, solved
from proxprop.core.solvers.precision import compute_dtype, is_traced
from proxprop.settings import SolveSpec

# Positions whose contributions to a gradient are added up in float32: 32 images of 32 × 32, and a
# third of them for few columns, as of images: smooth patches have the worst condition, and one
# thread's sums are the longest.
_SUMMED_POSITIONS = 1 << 15
_FEW_COLUMNS = 128
_SUMMED_POSITIONS_OF_FEW_COLUMNS = 10 << 10  # ten images


@dataclass(frozen=True)
class Convolution:
    """``Z = A ∗ W + b``, and what its backward pass needs.

    Attributes:
        geometry: Of the convolution; padding other than equal zeros is in the input already.
    """

    geometry: ConvGeometry

    def samples(self, input: Tensor, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        """Input (N, C, H, W) and Δ (N, m, H_out, W_out), as they are."""
        return input, grad_output

    def forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Z."""
        geometry = self.geometry
        left, _, top, _ = geometry.padding
        return F.conv2d(
            input, weight, bias, geometry.stride, (top, left), geometry.dilation, geometry.groups
        )

    def input_gradient(self, input: Tensor, weight: Tensor, grad_output: Tensor) -> Tensor:
        """∂J/∂A, the ordinary gradient handed to the layer below."""
        unused = grad_output.new_empty(1).expand(input.shape)
        mask = [True, False, False]
        return _convolution_backward(unused, weight, grad_output, self.geometry, mask)[0]

    def gradient(self, input: Tensor, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        """G = ΔᵀÃ as the weight's and the bias's gradient, by torch's own convolution."""
        return _gradient(input, grad_output, self.geometry)

    def accurate_gradient(
        self, input: Tensor, grad_output: Tensor, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """G for a product with an inverse of type ``dtype``."""
        if grad_output.numel() == 0:
            return self.gradient(input, grad_output)
        dtype = torch.promote_types(dtype, default_precision(input, self.geometry).result)
        return _accurate_gradient(input, grad_output, self.geometry, dtype)

    def running_gram(self, input: Tensor, with_bias: bool) -> tuple[Tensor, int]:
        """ÃᵀÃ (groups, p, p) of the input's patches, and how many there are."""
        size = self.geometry.output_size(input.shape[2], input.shape[3])
        count = input.shape[0] * size[0] * size[1]
        columns = self.geometry.columns(input.shape[1]) + with_bias
        if count == 0:
            return input.new_zeros(self.geometry.groups, columns, columns), 0
        lifted = input.to(compute_dtype(input))
        return patch_gram(lifted, self.geometry, bias=with_bias), count

    def direction(
        self,
        input: Tensor,
        grad_output: Tensor,
        spec: SolveSpec,
        train_weight: bool,
        train_bias: bool,
    ) -> Direction:
        """D = G (ÃᵀÃ + I/τ)⁻¹, Ã the input's patches (Frerix et al. 2018, Alg. 2).

        Each group of channels has a system of its own.

        Args:
            input: Layer input (N, C, H, W), with any padding but equal zeros written in.
            grad_output: Δ = ∂J/∂Z, (N, m, H_out, W_out).
            spec: τ and the solver.
            train_weight: Whether the patches' columns belong to Ã.
            train_bias: Whether the ones column belongs to Ã.

        Returns:
            Weight direction (m, C/groups, k_h, k_w) and bias direction (m,); None for what does
            not train.
        """
        dtype = compute_dtype(input, grad_output)
        x, grad_output = input.to(dtype), grad_output.to(dtype)
        if not train_weight:
            # The Gram of the bias alone is the number of positions, and one CG step is exact.
            count = grad_output.shape[0] * grad_output.shape[2:].numel()
            bias = grad_output.sum((0, 2, 3)) / (count + spec.damping()) if train_bias else None
            return Direction(None, bias, solved_status(grad_output), "primal")
        if grad_output.numel() == 0:
            weight, sums = self.gradient(x, grad_output)
            status = solved_status(grad_output)
            return Direction(weight, sums if train_bias else None, status, "empty")
        steps = spec.cg_steps if spec.solver == "cg" else 0
        route = choose_system(x.shape, self.geometry, grad_output.shape[1], steps)
        solve = _dual if route == "dual" else _primal
        weight, sums, each = solve(x, grad_output, self.geometry, spec, train_bias)
        status = solved_status(grad_output) if each is None else each.amax()
        return Direction(weight, sums if train_bias else None, status, route)


def _primal(
    x: Tensor, grad_output: Tensor, geometry: ConvGeometry, spec: SolveSpec, with_bias: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """D = G S⁻¹ with S = ÃᵀÃ + I/τ, per group."""
    status = None
    if spec.solver == "cg":
        gram = patch_gram(x, geometry, bias=with_bias)
        dtype = gram.dtype
    else:
        factor, status, _ = _accurate_factor(patch_gram, x, geometry, spec.damping(), with_bias)
        dtype = factor.dtype
    weight, bias = _accurate_gradient(x, grad_output, geometry, dtype)
    gradient = weight.reshape(geometry.groups, weight.shape[0] // geometry.groups, -1)
    if with_bias:
        gradient = torch.cat([gradient, bias.view(geometry.groups, -1, 1)], dim=2)
    if spec.solver == "cg":
        system = DenseSystem(gram, spec.damping())
        direction = conjugate_gradient(system, gradient, spec.cg_steps, spec.cg_rtol)
    else:
        direction = solved(factor, gradient.mT).mT
    direction = direction.to(x.dtype)
    columns = weight[0].numel()
    return (
        direction[..., :columns].reshape(weight.shape),
        direction[..., -1].reshape(bias.shape) if with_bias else bias,
        status,
    )


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
        system = DualSystem(gram, spec.damping())
        dual = by_chunks(
            rows.to(gram.dtype),
            lambda part: conjugate_gradient(system, part, spec.cg_steps, spec.cg_rtol),
        ).to(x.dtype)
    else:
        factor, status, _ = _accurate_factor(position_gram, x, geometry, spec.damping(), with_bias)
        dual = solved(factor, rows.to(factor.dtype))
        del factor  # not kept in memory beside the last product
    dual = dual.view(geometry.groups, samples, *positions, -1).permute(1, 0, 4, 2, 3)
    dual = dual.reshape(grad_output.shape)
    # Where the factor had to be float64, so has this product: Y is large along directions in which
    # Ã nearly cancels, and float32 would return what it rounds away there (ascent at tau=1e8).
    with _full_products(x):
        weight, bias = _gradient(x.to(dual.dtype), dual, geometry)
    return weight.to(x.dtype), bias.to(x.dtype), status


def _accurate_factor(
    build: Callable[..., Tensor],
    x: Tensor,
    geometry: ConvGeometry,
    damping: float,
    with_bias: bool,
) -> Damped:
    """The factor of either Gram, damped, in the arithmetic that its condition asks for."""

    def attempt(dtype: torch.dtype | None) -> Damped:
        return damped_factor(build(x, geometry, bias=with_bias, dtype=dtype), damping)

    return escalated(attempt, x)


def _accurate_gradient(
    x: Tensor, grad_output: Tensor, geometry: ConvGeometry, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """G added up in ``dtype`` from parts of the batch whose float32 sums are short.

    A solve amplifies what a long float32 sum loses: on the first layer of a trained net, 500
    images of 32 × 32 pixels, one thread and tau=1e4, the direction's error is 1.2e-2 with one sum,
    2.3e-3 with 16 and 1.3e-3 with 50.
    """
    if dtype == x.dtype:
        with _full_products(x):
            return _gradient(x, grad_output, geometry)
    few = geometry.columns(x.shape[1]) <= _FEW_COLUMNS
    summed = _SUMMED_POSITIONS_OF_FEW_COLUMNS if few else _SUMMED_POSITIONS
    samples = max(1, summed // max(1, grad_output.shape[2:].numel()))
    pieces = zip(torch.split(x, samples), torch.split(grad_output, samples))
    with _full_products(x):
        parts = [_gradient(part, delta, geometry) for part, delta in pieces]
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


def _gradient(x: Tensor, grad_output: Tensor, geometry: ConvGeometry) -> tuple[Tensor, Tensor]:
    shape = (grad_output.shape[1], x.shape[1] // geometry.groups, *geometry.kernel_size)
    unused = grad_output.new_empty(1).expand(shape)
    mask = [False, True, True]
    _, weight, bias = _convolution_backward(x, unused, grad_output, geometry, mask)
    return weight, bias


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
