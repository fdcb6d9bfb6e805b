"""The exact direction of a linear layer from either of its systems, in the arithmetic it needs.

On the host a condition estimate chooses between float32 and float64. On accelerators and in traced
code there is no branch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from proxprop.core.rows import (
    column_gram,
    joint_gradient,
    lower_column_gram,
    lower_row_gram,
    row_gram,
    with_ones,
)
from proxprop.core.solvers.cholesky import (
    CONDITION_FOR_FLOAT64,
    NON_FINITE,
    Inverse,
    damped_inverse,
    exceeds,
    host_inverse,
)
from proxprop.core.solvers.precision import gram_dtype, host_can_read

# Condition from which even the products with the inverse are done in float64: their float32
# rounding would show. In the dual system it is amplified by 1/√(smallest eigenvalue), in the primal
# one by its square, where G has a part in directions that Ã lacks but for rounding (rows behind a
# layer norm sum to zero: error of a transformer's layers 2e-3 at 3e3, 2e-2 at 3e4).
_DUAL_CONDITION_FOR_WIDE_PRODUCTS = 1e6
_PRIMAL_CONDITION_FOR_WIDE_PRODUCTS = 1e3

# Enough pivots to see most ill-conditioned batches coming, for 1/15 of a Gram of batch size 500.
_PROBED_PIVOTS = 128

# Rows up to this size are copied with their ones column, which spares a few operations on it.
_COPIED_ELEMENTS = 1 << 16

Parts = tuple[Tensor, Tensor | None, Tensor | int]


def dual_exact(rows: Tensor, grad_output: Tensor, damping: float, with_bias: bool) -> Parts:
    """D = Δᵀ (K + I/τ)⁻¹ Ã; the inverse meets the narrower of Δ and A.

    Args:
        rows: Layer input A, (N, d).
        grad_output: Δ = ∂J/∂Z, (N, m).
        damping: 1/τ > 0.
        with_bias: Whether Ã has a ones column.

    Returns:
        Weight direction (m, d), bias direction (m,) if it trains, and the status of the solve.
    """
    inverse = _accurate_inverse("dual", rows, damping, with_bias)
    status = inverse.status
    matrix, dtype = _in_product_type(inverse, rows, _DUAL_CONDITION_FOR_WIDE_PRODUCTS)
    rows, grad_output = rows.to(dtype), grad_output.to(dtype)
    if grad_output.shape[1] <= rows.shape[1]:
        left = matrix @ grad_output
        bias = left.sum(0) if with_bias else None
    else:
        left = grad_output
        bias = grad_output.mT @ matrix.sum(1) if with_bias else None
        rows = matrix @ rows
    del inverse, matrix  # not kept in memory beside the product
    return left.mT @ rows, bias, status


def primal_exact(rows: Tensor, grad_output: Tensor, damping: float, with_bias: bool) -> Parts:
    """D = G S⁻¹ = Δᵀ (Ã S⁻¹); the inverse meets the shorter of G and Ã.

    Args and what is returned are those of :func:`dual_exact`.
    """
    width, bias_is_apart = rows.shape[1], with_bias
    if with_bias and rows.numel() <= _COPIED_ELEMENTS and host_can_read(rows):
        rows, bias_is_apart = with_ones(rows, True), False
    inverse = _accurate_inverse("primal", rows, damping, bias_is_apart)
    matrix, dtype = _in_product_type(inverse, rows, _PRIMAL_CONDITION_FOR_WIDE_PRODUCTS)
    rows, grad_output = rows.to(dtype), grad_output.to(dtype)
    if grad_output.shape[1] <= rows.shape[0]:
        left = joint_gradient(rows, grad_output, bias_is_apart)
    else:
        left = grad_output.mT
        change = rows @ matrix[: rows.shape[1]]
        matrix = change + matrix[-1] if bias_is_apart else change
    # The columns are separated before the product, which leaves each result contiguous.
    bias = left @ matrix[:, -1] if with_bias else None
    return left @ matrix[:, :width], bias, inverse.status


def _accurate_inverse(route: str, rows: Tensor, damping: float, with_bias: bool) -> Inverse:
    """The damped inverse in the arithmetic that its condition asks for."""
    if not _may_choose(rows):
        return _direct(route, rows, damping, with_bias, gram_dtype(rows))
    first = None
    if not _is_poor(rows if route == "dual" else rows.mT, damping):
        first = _direct(route, rows, damping, with_bias, torch.float32)
        if first.condition <= CONDITION_FOR_FLOAT64:
            return first
        if first.status == NON_FINITE and not bool(rows.isfinite().all()):
            return first  # what is no number will not be one in float64 either
    second = _direct(route, rows, damping, with_bias, torch.float64)
    # What overflows in the Gram underflows in its inverse.
    overflowed = first is not None and first.status == NON_FINITE
    return second._replace(condition=math.inf) if overflowed else second


def _may_choose(rows: Tensor) -> bool:
    """Whether a condition may choose the arithmetic: float32 on the host, not traced."""
    return gram_dtype(rows) == torch.float32 and host_can_read(rows)


def _direct(
    route: str, rows: Tensor, damping: float, with_bias: bool, dtype: torch.dtype
) -> Inverse:
    """The damped inverse of a Gram formed and inverted in ``dtype``."""
    rows = rows.to(dtype)
    if host_can_read(rows):
        lower = lower_row_gram if route == "dual" else lower_column_gram
        return host_inverse(lower(rows, with_bias), damping)
    build = row_gram if route == "dual" else column_gram
    return Inverse(*damped_inverse(build(rows, with_bias), damping))


def _in_product_type(inverse: Inverse, rows: Tensor, limit: float) -> tuple[Tensor, torch.dtype]:
    """The inverse in the type of its products, and that type."""
    matrix = inverse.matrix
    if matrix.dtype != rows.dtype and exceeds(inverse.condition, limit):
        return matrix, matrix.dtype
    return matrix.to(rows.dtype), rows.dtype


def _is_poor(left: Tensor, damping: float) -> bool:
    """Whether the first few pivots foretell a need for float64, so that float32 is not tried.

    The pivots of a leading block are the first pivots of the whole factor. On real batches the
    estimate grows at least in proportion to their number.
    """
    if len(left) < 2 * _PROBED_PIVOTS or left.shape[1] == 0:
        return False
    block = left[:_PROBED_PIVOTS]
    largest = float(block.square().sum(1).amax())
    # The estimate is at most (largest + damping)/damping; NaN compares false.
    if not largest > CONDITION_FOR_FLOAT64 * damping:
        return False
    condition = float(host_inverse(block @ block.mT, damping).condition)
    return condition * len(left) > CONDITION_FOR_FLOAT64 * len(block)
