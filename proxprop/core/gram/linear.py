"""Grams of a linear layer's rows, and the FLOP count that chooses between their solvers."""

from __future__ import annotations

import torch
from torch import Tensor

from proxprop.core.solvers.precision import host_can_read

# Rows per block of a symmetric product: below this a matrix product loses more speed than the
# saved half is worth (measured on two cores, 500 × 3072: 5.1 ms in blocks, 7.6 ms in one).
_BLOCK_ROWS = 100

# FLOPs of a symmetric eigendecomposition with vectors in units of n³, counted at the speed of a
# matrix product (measured on two cores at n = 500).
_EIGEN_FLOPS = 12.0


def row_gram(rows: Tensor, with_bias: bool) -> Tensor:
    """K = ÃÃᵀ of rows A (N, d): AAᵀ, plus one everywhere if the bias trains too."""
    gram = symmetric_product(rows)
    return gram.add_(1.0) if with_bias else gram


def column_gram(rows: Tensor, with_bias: bool) -> Tensor:
    """S = ÃᵀÃ of rows A (N, d), with the ones column of a training bias last."""
    gram = symmetric_product(rows.mT)
    if not with_bias:
        return gram
    sums = rows.sum(0)
    corner = rows.new_full((1,), rows.shape[0])
    right = torch.cat([sums, corner])
    return torch.cat([torch.cat([gram, sums[None]]), right[:, None]], dim=1)


def symmetric_product(left: Tensor) -> Tensor:
    """Left · leftᵀ, on the CPU by block rows of the lower triangle only (mirrored)."""
    size = left.shape[0]
    if size < 2 * _BLOCK_ROWS or not host_can_read(left):
        return left @ left.mT
    product = left.new_empty(size, size)
    for start in range(0, size, _BLOCK_ROWS):
        stop = min(start + _BLOCK_ROWS, size)
        torch.mm(left[start:stop], left[:stop].mT, out=product[start:stop, :stop])
        product[:start, start:stop] = product[start:stop, :start].mT
    return product


def exact_flops(size: int, other: int, units: int) -> float:
    """FLOPs of an exact solve beyond the weight-gradient product that backprop does anyway.

    Gram (half of it, being symmetric), Cholesky and inverse, and the inverse's product with the
    narrower side of the weight-gradient product.

    Args:
        size: n, of the system: rows (dual) or trainable columns (primal).
        other: The other of the two.
        units: m, output units.
    """
    return float(size) ** 2 * other + float(size) ** 3 + 2.0 * size * size * min(units, other)


def cg_flops(size: int, other: int, units: int, steps: int) -> float:
    """FLOPs of ``steps`` CG steps: Gram, and one product with it a step and unit."""
    return float(size) ** 2 * other + 2.0 * steps * size * size * units


def spectral_cg_flops(size: int, other: int, units: int) -> float:
    """FLOPs of any number of CG steps in the eigenbasis: Gram, eigenbasis, there and back."""
    back = min(units, other)
    return (
        float(size) ** 2 * other
        + _EIGEN_FLOPS * float(size) ** 3
        + 2.0 * size * size * (units + back)
    )


def choose_route(rows: int, columns: int, units: int, cg_steps: int, spectral: bool) -> str:
    """The cheapest way to the direction.

    Args:
        rows: N, rows of the layer input.
        columns: p, trainable columns per unit.
        units: m, output units.
        cg_steps: k for CG, 0 for the exact step.
        spectral: Whether CG may use the Gram's eigenbasis (a CPU, and nothing traces the code).

    Returns:
        ``"dual"`` or ``"primal"``, with ``"-spectral"`` for CG in the eigenbasis.
    """
    costs = {}
    for name, size, other in (("dual", rows, columns), ("primal", columns, rows)):
        if cg_steps == 0:
            costs[name] = exact_flops(size, other, units)
            continue
        costs[name] = cg_flops(size, other, units, cg_steps)
        if spectral:
            costs[f"{name}-spectral"] = spectral_cg_flops(size, other, units)
    return min(costs, key=lambda name: costs[name])
