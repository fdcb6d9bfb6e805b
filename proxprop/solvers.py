"""Solvers of (gram + damping·I) X = rhs that never raise, wait, or use an absolute epsilon."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class SolveSpec(NamedTuple):
    """How a layer's proximal system is solved.

    Attributes:
        tau: Proximal step size, > 0.
        solver: ``"exact"`` or ``"cg"``.
        cg_steps: CG steps, ≥ 1.
        cg_rtol: A unit stops once its residual is below this fraction of its gradient; 0 never.
    """

    tau: float
    solver: str
    cg_steps: int
    cg_rtol: float

    @property
    def damping(self) -> float:
        """1/τ, what is added to the Gram's diagonal."""
        return 1.0 / self.tau


def compute_dtype(*tensors: Tensor) -> torch.dtype:
    """At least float32: float64 if any tensor is float64 (bfloat16 and float16 are lifted)."""
    if any(tensor.dtype == torch.float64 for tensor in tensors):
        return torch.float64
    return torch.float32


def damped_factor(gram: Tensor, damping: float) -> tuple[Tensor, Tensor]:
    """The Cholesky factor of gram + damping·I, with a bounded stand-in if it does not exist.

    The stand-in factors (damping + trace)·I: it turns ``G (gram + damping·I)⁻¹`` into
    ``τG/(1 + τ·trace)``, which always descends and is never longer than the true direction.
    Non-finite input gives a non-finite factor.

    Args:
        gram: Symmetric positive semidefinite (..., n, n); overwritten.
        damping: 1/τ > 0.

    Returns:
        The lower factor and a scalar tensor that is nonzero if the stand-in was used anywhere.
    """
    diagonal = gram.diagonal(dim1=-2, dim2=-1)
    trace = diagonal.sum(-1)[..., None, None]
    diagonal.add_(damping)
    factor, info = torch.linalg.cholesky_ex(gram)
    failed = info[..., None, None] != 0
    # Swapping the factor keeps everything after it the same in both cases: no branch, no sync.
    stand_in = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    factor = torch.where(failed, stand_in * (damping + trace).sqrt(), factor)
    return factor, failed.any()


def damped_inverse(gram: Tensor, damping: float) -> tuple[Tensor, Tensor]:
    """(gram + damping·I)⁻¹ by :func:`damped_factor`, and the flag of its stand-in."""
    factor, failed = damped_factor(gram, damping)
    return torch.cholesky_inverse(factor), failed


def conjugate_gradient(
    gram: Tensor, rhs: Tensor, damping: float, steps: int, rtol: float
) -> Tensor:
    """``steps`` CG steps from zero on ``X (gram + damping·I) = rhs``, one system per row of rhs.

    Args:
        gram: Symmetric positive semidefinite (..., p, p).
        rhs: Gradient rows G, (..., m, p).
        damping: 1/τ > 0.
        steps: CG steps ≥ 1.
        rtol: A row stops once its residual norm is ≤ rtol · its right-hand side's norm.

    Returns:
        X, (..., m, p).
    """
    residual = rhs.clone()
    direction = rhs.clone()
    solution = torch.zeros_like(rhs)
    squared = residual.square().sum(-1, keepdim=True)
    floor = rtol * rtol * squared
    for _ in range(steps):
        image = direction @ gram + damping * direction
        alpha = guarded_ratio(squared, (direction * image).sum(-1, keepdim=True), squared > floor)
        solution = solution + alpha * direction
        residual = residual - alpha * image
        previous, squared = squared, residual.square().sum(-1, keepdim=True)
        direction = residual + guarded_ratio(squared, previous, previous > floor) * direction
    return solution


def dual_conjugate_gradient(
    gram: Tensor, rhs: Tensor, damping: float, steps: int, rtol: float
) -> Tensor:
    """The primal CG iterates, computed in the row space: X = Yᵀ Ã for the returned Y.

    With ρ, π the dual vectors of residual r = Ãᵀρ and direction p = Ãᵀπ and K = ÃÃᵀ:
    ``⟨r, r⟩ = ρᵀKρ`` and ``⟨p, (ÃᵀÃ + I/τ)p⟩ = ‖Kπ‖² + πᵀKπ/τ``; K is applied once a step.

    Args:
        gram: K, (..., N, N).
        rhs: Δ, (..., N, m): one system per column.
        damping: 1/τ > 0.
        steps: CG steps ≥ 1.
        rtol: A column stops once its primal residual is ≤ rtol · its gradient's norm.

    Returns:
        Y, (..., N, m).
    """
    residual, direction = rhs.clone(), rhs.clone()
    solution = torch.zeros_like(rhs)
    image_residual = gram @ residual
    image = image_residual.clone()
    squared = (residual * image_residual).sum(-2, keepdim=True)
    floor = rtol * rtol * squared
    for step in range(steps):
        curvature = image.square().sum(-2, keepdim=True)
        curvature = curvature + damping * (direction * image).sum(-2, keepdim=True)
        alpha = guarded_ratio(squared, curvature, squared > floor)
        solution = solution + alpha * direction
        if step + 1 == steps:
            break
        residual = residual - alpha * (image + damping * direction)
        image_residual = gram @ residual
        previous, squared = squared, (residual * image_residual).sum(-2, keepdim=True)
        beta = guarded_ratio(squared, previous, previous > floor)
        direction = residual + beta * direction
        image = image_residual + beta * image
    return solution


def guarded_ratio(numerator: Tensor, denominator: Tensor, active: Tensor) -> Tensor:
    """numerator/denominator where the system is active and the denominator not zero, else 0.

    NaN passes through: only an exact zero (a unit whose gradient vanishes) is guarded.
    """
    stopped = (denominator == 0) | ~(active | numerator.isnan())
    return torch.where(stopped, 0.0, numerator / denominator)
