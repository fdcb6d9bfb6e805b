"""The proximal update direction of a layer that is linear in its rows."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from proxprop.core.gram.linear import choose_route, column_gram, row_gram
from proxprop.core.solvers import (
    CONDITION_FOR_FLOAT64,
    FALLBACK,
    NON_FINITE,
    SOLVED,
    Damped,
    DenseSystem,
    DiagonalSystem,
    DualSystem,
    SolveSpec,
    by_chunks,
    compute_dtype,
    conjugate_gradient,
    damped_factor,
    damped_inverse,
    gram_dtype,
    host_can_read,
    symmetric_eigen,
)

# From here on even the products with the inverse are done in float64: their float32 rounding,
# amplified by 1/√(smallest eigenvalue), would show.
_CONDITION_FOR_FLOAT64_PRODUCTS = 1e6

# Enough pivots to see most ill-conditioned batches coming, for 1/15 of a Gram of batch size 500.
_PROBED_PIVOTS = 128


class Direction(NamedTuple):
    """D = G (ÃᵀÃ + I/τ)⁻¹ split into weight and bias, and how it was found.

    Attributes:
        weight: (m, d), or None if the weight does not train.
        bias: (m,), or None if the bias does not train.
        status: Scalar int tensor, see :class:`~proxprop.core.solvers.Damped`.
        route: ``"dual"`` or ``"primal"``, with ``"-spectral"`` for CG in the eigenbasis;
            ``"empty"`` if there was nothing to solve.
    """

    weight: Tensor | None
    bias: Tensor | None
    status: Tensor
    route: str


def linear_direction(
    rows: Tensor, grad_output: Tensor, spec: SolveSpec, train_weight: bool, train_bias: bool
) -> Direction:
    """D = G (ÃᵀÃ + I/τ)⁻¹ for one linear layer (Frerix et al. 2018, Alg. 2).

    Args:
        rows: Layer input A, (N, d).
        grad_output: Δ = ∂J/∂Z, (N, m).
        spec: τ and the solver.
        train_weight: Whether the columns of A belong to Ã.
        train_bias: Whether the ones column belongs to Ã.

    Returns:
        Weight direction (m, d) and bias direction (m,); None for what does not train.
    """
    dtype = compute_dtype(rows, grad_output)
    rows, grad_output = rows.to(dtype), grad_output.to(dtype)
    if not train_weight:
        rows = rows[:, :0]
    count, width = rows.shape
    units = grad_output.shape[1]
    columns = width + int(train_bias)
    status = torch.full_like(grad_output[:0].sum(), SOLVED, dtype=torch.int8)
    if count == 0 or columns == 0 or units == 0:
        weight, bias, route = rows.new_zeros(units, width), rows.new_zeros(units), "empty"
    elif spec.solver == "cg":
        route = choose_route(count, columns, units, spec.cg_steps, host_can_read(rows))
        weight, bias, status = _cg(rows, grad_output, spec, train_bias, route)
    else:
        route = choose_route(count, columns, units, 0, False)
        solve = _dual_exact if route == "dual" else _primal_exact
        weight, bias, status = solve(rows, grad_output, spec.damping, train_bias)
    return Direction(weight if train_weight else None, bias if train_bias else None, status, route)


def _dual_exact(
    rows: Tensor, grad_output: Tensor, damping: float, with_bias: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """D = Δᵀ (K + I/τ)⁻¹ Ã; the inverse meets the narrower of Δ and A."""
    inverse = _accurate_inverse("dual", rows, damping, with_bias)
    matrix, (rows, grad_output) = _product_operands(inverse, rows, grad_output)
    if grad_output.shape[1] <= rows.shape[1]:
        dual = matrix @ grad_output
        return dual.mT @ rows, dual.sum(0), inverse.status
    return grad_output.mT @ (matrix @ rows), grad_output.mT @ matrix.sum(1), inverse.status


def _primal_exact(
    rows: Tensor, grad_output: Tensor, damping: float, with_bias: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """D = G S⁻¹ = Δᵀ (Ã S⁻¹); the inverse meets the shorter of G and Ã."""
    inverse = _accurate_inverse("primal", rows, damping, with_bias)
    matrix, (rows, grad_output) = _product_operands(inverse, rows, grad_output)
    width = rows.shape[1]
    if grad_output.shape[1] <= rows.shape[0]:
        left = _gradient(rows, grad_output, with_bias)
    else:
        left = grad_output.mT
        change = rows @ matrix[:width]
        matrix = change + matrix[-1] if with_bias else change
    # The columns are separated before the product, which leaves each result contiguous.
    return left @ matrix[:, :width], left @ matrix[:, -1], inverse.status


def _accurate_inverse(route: str, rows: Tensor, damping: float, with_bias: bool) -> Damped:
    """The damped inverse in the arithmetic that its condition asks for."""
    build = row_gram if route == "dual" else column_gram
    dtype = gram_dtype(rows)
    readable = dtype == torch.float32 and host_can_read(rows)
    if readable and _leading_block_is_poor(rows if route == "dual" else rows.mT, damping):
        dtype = torch.float64
    inverse = damped_inverse(build(rows.to(dtype), with_bias), damping)
    if dtype == torch.float64 or not readable:
        return inverse
    overflowed = int(inverse.status) == NON_FINITE
    if overflowed and not bool(rows.isfinite().all()):
        return inverse
    poor = int(inverse.status) == FALLBACK or float(inverse.condition) > CONDITION_FOR_FLOAT64
    if not (overflowed or poor):
        return inverse
    inverse = damped_inverse(build(rows.double(), with_bias), damping)
    # What overflows in the Gram underflows in its inverse.
    return inverse._replace(condition=inverse.condition * torch.inf) if overflowed else inverse


def _leading_block_is_poor(left: Tensor, damping: float) -> bool:
    """Whether the first few pivots foretell a need for float64, so that float32 is not tried.

    The pivots of a leading block are the first pivots of the whole factor. On real batches the
    estimate grows at least in proportion to their number.
    """
    block = left[:_PROBED_PIVOTS]
    if 2 * len(block) > len(left):
        return False
    largest = float(block.square().sum(1).amax())
    # The estimate is at most (largest + damping)/damping; NaN compares false.
    if not largest > CONDITION_FOR_FLOAT64 * damping:
        return False
    condition = float(damped_factor(block @ block.mT, damping).condition)
    return condition * len(left) > CONDITION_FOR_FLOAT64 * len(block)


def _product_operands(inverse: Damped, *operands: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The inverse and what it is multiplied with, in one dtype."""
    matrix = inverse.matrix
    dtype = operands[0].dtype
    if (
        matrix.dtype != dtype
        and host_can_read(inverse.condition)
        and float(inverse.condition) > _CONDITION_FOR_FLOAT64_PRODUCTS
    ):
        return matrix, tuple(operand.to(matrix.dtype) for operand in operands)
    return matrix.to(dtype), operands


def _gradient(rows: Tensor, grad_output: Tensor, with_bias: bool) -> Tensor:
    """G = ΔᵀÃ, the bias's column last."""
    gradient = grad_output.mT @ rows
    return torch.cat([gradient, grad_output.sum(0)[:, None]], 1) if with_bias else gradient


def _cg(
    rows: Tensor, grad_output: Tensor, spec: SolveSpec, with_bias: bool, route: str
) -> tuple[Tensor, Tensor, Tensor]:
    """``cg_steps`` CG iterates from zero, in the space and basis where they are cheapest."""
    dual = route.startswith("dual")
    dtype = gram_dtype(rows)
    rows, grad_output = rows.to(dtype), grad_output.to(dtype)
    gram = (row_gram if dual else column_gram)(rows, with_bias)
    status = (~gram.diagonal().sum().isfinite()).to(torch.int8) * NON_FINITE
    eigen = symmetric_eigen(gram) if route.endswith("-spectral") else None
    damping, steps, rtol = spec.damping, spec.cg_steps, spec.cg_rtol
    if dual and eigen is not None:
        return *_dual_spectral(*eigen, rows, grad_output, spec), status
    if dual:
        system = DualSystem(gram, damping)
        solution = by_chunks(
            grad_output, lambda part: conjugate_gradient(system, part, steps, rtol)
        )
        return solution.mT @ rows, solution.sum(0), status
    gradient = _gradient(rows, grad_output, with_bias)
    if eigen is None:
        direction = conjugate_gradient(DenseSystem(gram, damping), gradient, steps, rtol)
    else:
        values, vectors = eigen
        basis = vectors.mT
        diagonal = DiagonalSystem(values, damping, dual=False)
        solution = conjugate_gradient(diagonal, basis @ gradient.mT, steps, rtol)
        direction = solution.mT @ basis
    return direction[:, : rows.shape[1]], direction[:, -1], status


def _dual_spectral(
    values: Tensor, vectors: Tensor, rows: Tensor, grad_output: Tensor, spec: SolveSpec
) -> tuple[Tensor, Tensor]:
    """Dual CG in the eigenbasis of K; the way back goes through the narrower of Y and A."""
    system = DiagonalSystem(values, spec.damping, dual=True)
    basis = vectors.mT
    solution = by_chunks(
        grad_output,
        lambda part: conjugate_gradient(system, basis @ part, spec.cg_steps, spec.cg_rtol),
    )
    if grad_output.shape[1] <= rows.shape[1]:
        solution = vectors @ solution
        return solution.mT @ rows, solution.sum(0)
    return solution.mT @ (basis @ rows), solution.mT @ vectors.sum(0)


def linear_residual(
    rows: Tensor, grad_output: Tensor, weight: Tensor | None, bias: Tensor | None, tau: float
) -> Tensor:
    """‖G − D(ÃᵀÃ + I/τ)‖/‖G‖ of a linear layer's direction D, as a scalar tensor.

    Args:
        rows: Layer input A, (N, d).
        grad_output: Δ, (N, m).
        weight: D's weight part (m, d), None if the weight does not train.
        bias: D's bias part (m,), None if the bias does not train.
        tau: Proximal step size.
    """
    dtype = compute_dtype(rows, grad_output)
    rows, grad_output = rows.to(dtype), grad_output.to(dtype)
    remainder = grad_output
    if weight is not None:
        remainder = remainder - rows @ weight.mT.to(dtype)
    if bias is not None:
        remainder = remainder - bias.to(dtype)
    missed, asked = rows.new_zeros(()), rows.new_zeros(())
    if weight is not None:
        missed = missed + (remainder.mT @ rows - weight / tau).square().sum()
        asked = asked + (grad_output.mT @ rows).square().sum()
    if bias is not None:
        missed = missed + (remainder.sum(0) - bias / tau).square().sum()
        asked = asked + grad_output.sum(0).square().sum()
    return (missed / asked).sqrt()
