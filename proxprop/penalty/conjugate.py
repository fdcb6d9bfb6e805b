"""Textbook conjugate gradients, one system per output unit, every iterate in the open."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class CgStep:
    """State after one CG iteration on ``C S = B``; every row (output unit) is a system of its own.

    Attributes:
        iteration: Counted from 1.
        correction: The iterate C. Shape: (m, d).
        residual: ``B − C S``, by CG's own recurrence. Shape: (m, d).
        residual_norm: Its norm per output unit. Shape: (m,).
        alpha: The step length per output unit. Shape: (m,).
        beta: The factor of the next search direction per output unit. Shape: (m,).
        relative_residual: ``‖B − C S‖ / ‖B‖`` over all output units; 0 for ``B = 0``.
    """

    iteration: int
    correction: Tensor
    residual: Tensor
    residual_norm: Tensor
    alpha: Tensor
    beta: Tensor
    relative_residual: float


def conjugate_gradients(rows: Tensor, damping: float, rhs: Tensor, steps: int) -> Iterator[CgStep]:
    """Yield the CG iterates for ``C (ÃᵀÃ + damping·I) = B`` from ``C = 0``.

    Hestenes and Stiefel 1952, as in any textbook. The operator is applied as written,
    ``P ↦ (P Ãᵀ) Ã + damping·P``, and never formed.

    Args:
        rows: Ã. Shape: (N, d).
        damping: 1/τ, > 0.
        rhs: B. Shape: (m, d).
        steps: Number of iterations, ≥ 1. A unit that has converged exactly stays where it is.

    Yields:
        The state after each iteration.
    """
    correction = torch.zeros_like(rhs)
    residual = rhs.clone()
    direction = rhs.clone()
    squared = _dot(residual, residual)
    start = squared.sum()
    for iteration in range(1, steps + 1):
        image = torch.addmm(direction, direction @ rows.T, rows, beta=damping)
        alpha = _ratio(squared, _dot(direction, image))
        correction = torch.addcmul(correction, alpha[:, None], direction)
        residual = torch.addcmul(residual, alpha[:, None], image, value=-1)
        previous, squared = squared, _dot(residual, residual)
        beta = _ratio(squared, previous)
        direction = torch.addcmul(residual, beta[:, None], direction)
        relative = float(_ratio(squared.sum(), start).sqrt())
        yield CgStep(iteration, correction, residual, squared.sqrt(), alpha, beta, relative)


def _dot(left: Tensor, right: Tensor) -> Tensor:
    """Return the inner product of each pair of rows, without a product as large as both."""
    products: Tensor = torch.linalg.vecdot(left, right)
    return products


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    # Zero denominators mean a residual of exactly zero: no step. No epsilon, so scale drops out.
    safe = torch.where(denominator > 0, denominator, torch.ones_like(denominator))
    return torch.where(denominator > 0, numerator / safe, torch.zeros_like(numerator))
