"""The proximal update direction of a layer that is linear in its rows."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from proxprop.gram.linear import choose_route, column_gram, row_gram
from proxprop.solvers import (
    SolveSpec,
    compute_dtype,
    conjugate_gradient,
    damped_inverse,
    dual_conjugate_gradient,
)


class Direction(NamedTuple):
    """D = G (ÃᵀÃ + I/τ)⁻¹ split into weight and bias, and how it was found."""

    weight: Tensor | None
    bias: Tensor | None
    failed: Tensor
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
    if count == 0 or columns == 0 or units == 0:
        return _zero_direction(rows, units, train_weight, train_bias)
    steps = spec.cg_steps if spec.solver == "cg" else 0
    route = choose_route(count, columns, units, steps)
    solve = _dual if route == "dual" else _primal
    weight, bias, failed = solve(rows, grad_output, spec, train_bias)
    return Direction(weight if train_weight else None, bias if train_bias else None, failed, route)


def _dual(
    rows: Tensor, grad_output: Tensor, spec: SolveSpec, with_bias: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """D = YᵀÃ with (K + I/τ) Y = Δ; the exact inverse meets the narrower of Δ and A."""
    gram = row_gram(rows, with_bias)
    if spec.solver == "cg":
        dual = dual_conjugate_gradient(gram, grad_output, spec.damping, spec.cg_steps, spec.cg_rtol)
        return dual.mT @ rows, dual.sum(0), gram.new_zeros((), dtype=torch.bool)
    inverse, failed = damped_inverse(gram, spec.damping)
    if grad_output.shape[1] <= rows.shape[1]:
        dual = inverse @ grad_output
        return dual.mT @ rows, dual.sum(0), failed
    return grad_output.mT @ (inverse @ rows), grad_output.mT @ inverse.sum(1), failed


def _primal(
    rows: Tensor, grad_output: Tensor, spec: SolveSpec, with_bias: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """D = G S⁻¹ with S = ÃᵀÃ + I/τ."""
    width = rows.shape[1]
    if with_bias:
        rows = torch.cat([rows, rows.new_ones(rows.shape[0], 1)], dim=1)
    gram = column_gram(rows, with_bias=False)
    gradient = grad_output.mT @ rows
    if spec.solver == "cg":
        direction = conjugate_gradient(gram, gradient, spec.damping, spec.cg_steps, spec.cg_rtol)
        failed = gram.new_zeros((), dtype=torch.bool)
    else:
        inverse, failed = damped_inverse(gram, spec.damping)
        direction = gradient @ inverse
    return direction[:, :width], direction[:, -1], failed


def _zero_direction(rows: Tensor, units: int, train_weight: bool, train_bias: bool) -> Direction:
    """Nothing to solve: an empty batch or layer asks for no change."""
    return Direction(
        rows.new_zeros(units, rows.shape[1]) if train_weight else None,
        rows.new_zeros(units) if train_bias else None,
        rows.new_zeros((), dtype=torch.bool),
        "empty",
    )
