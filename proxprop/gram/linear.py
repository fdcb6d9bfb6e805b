"""Grams of a linear layer's rows, and the FLOP count that chooses between them."""

from __future__ import annotations

import torch
from torch import Tensor


def row_gram(rows: Tensor, with_bias: bool) -> Tensor:
    """K = ÃÃᵀ of rows A (N, d): AAᵀ, plus one everywhere if the bias trains too."""
    gram = rows @ rows.mT
    return gram.add_(1.0) if with_bias else gram


def column_gram(rows: Tensor, with_bias: bool) -> Tensor:
    """S = ÃᵀÃ of rows A (N, d), with the ones column of a training bias last."""
    if with_bias:
        rows = torch.cat([rows, rows.new_ones(rows.shape[0], 1)], dim=1)
    return rows.mT @ rows


def solve_flops(route: str, rows: int, columns: int, units: int, cg_steps: int) -> float:
    """FLOPs of a solve beyond the weight-gradient product that backprop does anyway.

    Args:
        route: ``"dual"`` (system of size rows) or ``"primal"`` (of size columns).
        rows: N, rows of the layer input.
        columns: p, trainable columns per unit.
        units: m, output units.
        cg_steps: k for CG, 0 for the factorisation.
    """
    size, other = (rows, columns) if route == "dual" else (columns, rows)
    gram = 2.0 * size * size * other
    if cg_steps:
        return gram + 2.0 * cg_steps * size * size * units
    # Cholesky and inverse: n³. One side of the weight-gradient product meets the inverse: the
    # narrower one.
    return gram + float(size) ** 3 + 2.0 * size * size * min(units, other)


def choose_route(rows: int, columns: int, units: int, cg_steps: int) -> str:
    """The cheaper of ``"dual"`` and ``"primal"``."""
    dual = solve_flops("dual", rows, columns, units, cg_steps)
    primal = solve_flops("primal", rows, columns, units, cg_steps)
    return "dual" if dual <= primal else "primal"
