"""Conjugate gradients from zero, one system per output unit, each with its own coefficients."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from proxprop.core.solvers.precision import host_can_read

ChunkSolve = Callable[[Tensor], Tensor]

# Units handled at once on the CPU: the iterates of a batch of 500 stay in the second-level cache.
_UNITS_PER_CHUNK = 256


def conjugate_gradient(
    gram: Tensor, rhs: Tensor, damping: float | Tensor, steps: int, rtol: float
) -> Tensor:
    """``steps`` CG steps from zero on ``X (gram + damping·I) = rhs``, one system per row of rhs.

    Args:
        gram: Symmetric positive semidefinite (..., p, p).
        rhs: Gradient rows G, (..., m, p).
        damping: 1/τ > 0; as a tensor (..., 1, 1), each system its own.
        steps: CG steps ≥ 1.
        rtol: A row stops once its residual norm is ≤ rtol · its right-hand side's norm.

    Returns:
        X, (..., m, p).
    """
    gram, shift, size = normalised(gram, damping)
    rhs, scale = unit_scaled(rhs, dim=-1)
    residual = direction = rhs
    squared = residual.square().sum(-1, keepdim=True)
    floor = squared_floor(squared, rtol)
    solution = torch.zeros_like(rhs)
    for step in range(steps):
        image = torch.addcmul(direction @ gram, direction, shift)
        curvature = (direction * image).sum(-1, keepdim=True)
        alpha = guarded_ratio(squared, curvature, squared, floor)
        solution = torch.addcmul(solution, direction, alpha)
        if step + 1 == steps:
            break
        residual = torch.addcmul(residual, image, alpha, value=-1)
        previous, squared = squared, residual.square().sum(-1, keepdim=True)
        beta = guarded_ratio(squared, previous, previous, floor)
        direction = torch.addcmul(residual, direction, beta)
    return solution * (scale / size)


def dual_conjugate_gradient(
    gram: Tensor, rhs: Tensor, damping: float | Tensor, steps: int, rtol: float
) -> Tensor:
    """The primal CG iterates, computed in the row space: X = Yᵀ Ã for the returned Y.

    With ρ, π the dual vectors of residual r = Ãᵀρ and direction p = Ãᵀπ and K = ÃÃᵀ:
    ``⟨r, r⟩ = ρᵀKρ`` and ``⟨p, (ÃᵀÃ + I/τ)p⟩ = ‖Kπ‖² + πᵀKπ/τ``; K is applied once a step,
    because Kπ follows the recurrence of π.

    Args:
        gram: K, (..., N, N).
        rhs: Δ, (..., N, m): one system per column.
        damping: 1/τ > 0; as a tensor (..., 1, 1), each Gram its own.
        steps: CG steps ≥ 1.
        rtol: A column stops once its primal residual is ≤ rtol · its gradient's norm.

    Returns:
        Y, (..., N, m).
    """
    gram, shift, size = normalised(gram, damping)
    solution = by_chunks(rhs, lambda part: _dual_cg(gram, part, shift, steps, rtol))
    return solution / size


def _dual_cg(gram: Tensor, rhs: Tensor, shift: Tensor, steps: int, rtol: float) -> Tensor:
    rhs, scale = unit_scaled(rhs, dim=-2)
    residual = direction = rhs
    image = gram @ rhs
    squared = _column_dots(rhs, image)
    # ρᵀKρ cancels: parts of ρ that K maps to zero stay in it, and their rounding sets the floor.
    typical = gram.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
    rounding = torch.finfo(rhs.dtype).eps * typical * _column_dots(rhs, rhs)
    floor = squared_floor(squared, rtol).maximum(rounding)
    solution = torch.zeros_like(rhs)
    for step in range(steps):
        curvature = _column_dots(image, image) + shift * _column_dots(direction, image)
        alpha = guarded_ratio(squared, curvature, squared, floor)
        solution = torch.addcmul(solution, direction, alpha)
        if step + 1 == steps:
            break
        change = torch.addcmul(image, direction, shift)
        residual = torch.addcmul(residual, change, alpha, value=-1)
        image_residual = gram @ residual
        previous, squared = squared, _column_dots(residual, image_residual)
        beta = guarded_ratio(squared, previous, previous, floor)
        direction = torch.addcmul(residual, direction, beta)
        image = torch.addcmul(image_residual, image, beta)
    return solution * scale


def _column_dots(left: Tensor, right: Tensor) -> Tensor:
    dots: Tensor = torch.linalg.vecdot(left, right, dim=-2)
    return dots[..., None, :]


def by_chunks(rhs: Tensor, solve: ChunkSolve) -> Tensor:
    """Solve column blocks of rhs one after the other on the CPU, all at once elsewhere."""
    if rhs.shape[-1] <= _UNITS_PER_CHUNK or not host_can_read(rhs):
        return solve(rhs)
    starts = range(0, rhs.shape[-1], _UNITS_PER_CHUNK)
    return torch.cat([solve(rhs[..., i : i + _UNITS_PER_CHUNK]) for i in starts], dim=-1)


def squared_floor(squared: Tensor, rtol: float) -> Tensor:
    """The squared residual norm at which a system counts as solved, relative to its start.

    Below the square of the rounding unit a residual is noise and further steps only amplify it.
    """
    return squared * max(rtol, torch.finfo(squared.dtype).eps) ** 2


def guarded_ratio(numerator: Tensor, denominator: Tensor, squared: Tensor, floor: Tensor) -> Tensor:
    """numerator/denominator, and 0 for a system whose squared residual is not above its floor.

    NaN passes through: a non-finite problem must stay visible.
    """
    return torch.where(squared <= floor, 0.0, numerator / denominator)


def normalised(gram: Tensor, damping: float | Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A system divided by its size, so that no square over- or underflows.

    Returns:
        gram/s, damping/s and s = trace/n + damping > 0, the latter two (..., 1, 1).
    """
    size = gram.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None] + damping
    return gram / size, damping / size, size


def unit_scaled(rhs: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Right-hand sides with largest entry 1, and what they were divided by (1 for zeros)."""
    scale = rhs.abs().amax(dim, keepdim=True)
    scale = torch.where(scale == 0, 1.0, scale)
    return rhs / scale, scale
