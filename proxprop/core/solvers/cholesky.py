"""The damped inverse of a Gram, with a bounded stand-in where the factorisation fails."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from proxprop.core.solvers.precision import host_can_read

SOLVED, FALLBACK, NON_FINITE = 0, 1, 2

# Error of the float32 direction against float64, measured on CIFAR-10 images with the paper's
# MLP, fresh and trained, tau 0.05 ... 1e8: between 1e-6 and 4e-6 times the condition estimate.
# 256 keeps it below 1e-3.
CONDITION_FOR_FLOAT64 = 256.0

# Past 0.1/eps nothing of the smallest eigenvalues is left in the Gram.
_CONDITION_LIMIT = {
    torch.float32: 0.1 / torch.finfo(torch.float32).eps,
    torch.float64: 0.1 / torch.finfo(torch.float64).eps,
}


class Damped(NamedTuple):
    """A Cholesky factor or inverse of gram + damping·I, and how far to trust it.

    Attributes:
        matrix: (..., n, n), or its stand-in where there is none.
        status: Scalar int tensor, the worst of the batch: ``SOLVED``, ``FALLBACK`` or
            ``NON_FINITE``.
        condition: Scalar tensor, the worst of the batch: (max L_ii / min L_ii)² of the factor, a
            lower bound of the condition number that tracks the error of a float32 direction.
    """

    matrix: Tensor
    status: Tensor
    condition: Tensor


def damped_factor(gram: Tensor, damping: float) -> Damped:
    """The Cholesky factor of gram + damping·I, with a bounded stand-in if it does not exist.

    The stand-in factors (damping + trace)·I: it turns ``G (gram + damping·I)⁻¹`` into
    ``τG/(1 + τ·trace)``, which always descends and is never longer than the true direction.
    Non-finite input gives a non-finite factor.

    Args:
        gram: Symmetric positive semidefinite (..., n, n); overwritten.
        damping: 1/τ > 0.

    Returns:
        The lower factor, its status and a condition estimate.
    """
    diagonal = gram.diagonal(dim1=-2, dim2=-1)
    trace = diagonal.sum(-1)
    diagonal.add_(damping)
    factor, info = torch.linalg.cholesky_ex(gram)
    pivots = factor.diagonal(dim1=-2, dim2=-1)
    condition = (pivots.amax(-1) / pivots.amin(-1)).square()
    # A NaN estimate compares false and so counts as failed.
    failed = (info != 0) | ~(condition <= _CONDITION_LIMIT[gram.dtype])
    # Swapping the factor keeps everything after it the same in both cases: no branch, no sync.
    # On the host a look is cheaper than two matrices, and almost always enough.
    if not host_can_read(failed) or bool(failed.any()):
        identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
        stand_in = identity * (damping + trace).sqrt()[..., None, None]
        factor = torch.where(failed[..., None, None], stand_in, factor)
    status = torch.where(trace.isfinite(), failed.to(torch.int8) * FALLBACK, NON_FINITE)
    return Damped(factor, status.amax(), condition.amax())


def damped_inverse(gram: Tensor, damping: float) -> Damped:
    """(gram + damping·I)⁻¹ by Cholesky; see :func:`damped_factor` for its failures.

    An explicit inverse is used because its product with a wide matrix runs at twice the speed of
    two triangular solves, at the same error. For few right-hand sides solve with the factor.

    Args:
        gram: Symmetric positive semidefinite (..., n, n); overwritten.
        damping: 1/τ > 0.

    Returns:
        The inverse, its status and a condition estimate.
    """
    factor, status, condition = damped_factor(gram, damping)
    return Damped(torch.cholesky_inverse(factor), status, condition)
