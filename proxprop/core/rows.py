"""Grams and products of a layer's rows: what the direction is made of, whatever the solver."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from proxprop.core.solvers.precision import host_can_read

# Rows per block of a symmetric product: with fewer a matrix product loses more speed than the saved
# half is worth (two cores, 500 × 784: 1.9 ms in two blocks, 2.2 in one; 2000 × 3072: 77, 125).
_BLOCK_ROWS = 250


def row_products(dual: Tensor, rows: Tensor, with_bias: bool) -> tuple[Tensor, Tensor | None]:
    """YᵀÃ as weight (..., m, d) and bias (..., m): the gradient for Y = Δ.

    Args:
        dual: Y, (..., N, m).
        rows: A, (..., N, d).
        with_bias: Whether Ã has a ones column.
    """
    bias = dual.sum(-2) if with_bias else None
    if dual.dim() > 2:  # batched products cost less on the host when asked for by name
        return torch.bmm(dual.mT, rows.expand(len(dual), -1, -1)), bias
    return dual.mT @ rows, bias


def joint_gradient(rows: Tensor, grad_output: Tensor, with_bias: bool) -> Tensor:
    """G = ΔᵀÃ, (..., m, p), the bias's column last."""
    weight, bias = row_products(grad_output, rows, with_bias)
    return weight if bias is None else torch.cat([weight, bias[..., None]], -1)


def separated(direction: Tensor, with_bias: bool) -> tuple[Tensor, Tensor | None]:
    """The inverse of :func:`joint_gradient`: weight (..., m, d) and bias (..., m)."""
    return (direction[..., :-1], direction[..., -1]) if with_bias else (direction, None)


def row_gram(rows: Tensor, with_bias: bool) -> Tensor:
    """K = ÃÃᵀ of rows A (..., N, d): AAᵀ, plus one everywhere if the bias trains too."""
    gram = symmetric_product(rows)
    return gram.add_(1.0) if with_bias else gram


def column_gram(rows: Tensor, with_bias: bool) -> Tensor:
    """S = ÃᵀÃ of rows A (..., N, d), with the ones column of a training bias last."""
    if rows.dim() > 2 or not with_bias:
        return symmetric_product(with_ones(rows, with_bias).mT)
    gram, sums = symmetric_product(rows.mT), rows.sum(0)
    right = torch.cat([sums, rows.new_full((1,), rows.shape[0])])
    return torch.cat([torch.cat([gram, sums[None]]), right[:, None]], dim=1)


def with_ones(rows: Tensor, with_bias: bool) -> Tensor:
    """Ã of rows A (..., N, d), with the ones column of a training bias last."""
    return torch.cat([rows, rows.new_ones(*rows.shape[:-1], 1)], -1) if with_bias else rows


def symmetric_product(left: Tensor) -> Tensor:
    """Left · leftᵀ, on the CPU by block rows of the lower triangle only (mirrored)."""
    if left.dim() > 2:
        return torch.bmm(left, left.mT)
    size = left.shape[0]
    if size < 2 * _BLOCK_ROWS or not host_can_read(left):
        return left @ left.mT
    product = left.new_empty(size, size)
    fill_lower(product, left)
    for start, stop in _blocks(size):
        product[:start, start:stop] = product[start:stop, :start].mT
    return product


def fill_lower(product: Tensor, left: Tensor) -> None:
    """Write the lower triangle of Left · leftᵀ, and what is as cheap above it, on the host.

    Args:
        product: (n, n).
        left: (n, k).
    """
    size = left.shape[0]
    if size < 2 * _BLOCK_ROWS:
        torch.mm(left, left.mT, out=product)
        return
    for start, stop in _blocks(size):
        torch.mm(left[start:stop], left[:stop].mT, out=product[start:stop, :stop])


def _blocks(size: int) -> Iterator[tuple[int, int]]:
    """Blocks of equal length: a short one would cost as much as the others."""
    count = size // _BLOCK_ROWS
    return itertools.pairwise(size * part // count for part in range(count + 1))


def lower_row_gram(rows: Tensor, with_bias: bool) -> Tensor:
    """K of rows A (N, d) on the host; above the diagonal it may hold anything."""
    gram = rows.new_empty(len(rows), len(rows))
    fill_lower(gram, rows)
    return gram.add_(1.0) if with_bias else gram


def lower_column_gram(rows: Tensor, with_bias: bool) -> Tensor:
    """S of rows A (N, d) on the host; above the diagonal it may hold anything."""
    count, width = rows.shape
    gram = rows.new_empty(width + with_bias, width + with_bias)
    fill_lower(gram[:width, :width], rows.mT)
    if with_bias:
        torch.sum(rows, 0, out=gram[width, :width])
        gram[width, width] = count
    return gram
