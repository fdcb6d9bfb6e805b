"""Damped systems by Cholesky, and the second attempt in float64 where float32 is not good enough.

Nothing here raises or waits for an accelerator: where a factorisation fails there is a bounded
stand-in, and a status that says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from proxprop.core.solvers.precision import gram_dtype, host_can_read

SOLVED, FALLBACK, NON_FINITE = 0, 1, 2

# Error of the float32 direction against float64, measured on CIFAR-10 and Fashion-MNIST images with
# the paper's MLP, two smaller ones and a transformer, fresh and trained, tau 0.05 ... 1e8: between
# 1e-7 and 7e-6 times the condition estimate. 256 keeps it below 2e-3.
CONDITION_FOR_FLOAT64 = 256.0

# With float32 products and float64 after them the direction's error on real images is below 1e-11
# times the condition estimate; this keeps it below 1e-3.
_CONDITION_WITH_FLOAT32_PRODUCTS = 1e8

# Rows up to which LAPACK works on one thread on the host: two take twice as long for a hundred
# rows, as long for 785, and up to 70 times as long where another process keeps a core busy.
_SERIAL_ROWS = 800


class Damped(NamedTuple):
    """What a damped system was solved to, and how far to trust it; one entry a system of the batch.

    Attributes:
        matrix: The factor, the inverse or the solution (..., n, ·), or its stand-in.
        status: Int8 tensor (...): ``SOLVED``, ``FALLBACK`` or ``NON_FINITE``.
        condition: (...): (max L_ii / min L_ii)² of the factor, a lower bound of the condition
            number that tracks the error of a float32 direction.
    """

    matrix: Tensor
    status: Tensor
    condition: Tensor


def escalated(attempt: Callable[[torch.dtype | None], Damped], data: Tensor) -> Damped:
    """A solve in the ordinary arithmetic, or in float64 where that is too coarse.

    Args:
        attempt: Solves from products in a type, None for the ordinary one (see `gram_dtype`).
        data: The layer's input.
    """
    first = attempt(None)
    if systems_for_float64(first, data) is None:
        return first
    second = attempt(torch.float64)
    # What overflows in the Gram underflows in its inverse.
    overflowed = first.status == NON_FINITE
    return second._replace(condition=torch.where(overflowed, torch.inf, second.condition))


def systems_for_float64(first: Damped, data: Tensor, wait: bool = False) -> Tensor | None:
    """Which systems ask for a second attempt in float64, (...), None if none does.

    Args:
        first: The attempt in the ordinary arithmetic.
        data: The layer's input.
        wait: Whether to wait for an accelerator; by default there is no second attempt there.
    """
    if gram_dtype(data) == torch.float64 or not (wait or host_can_read(first.status)):
        return None
    single = first.matrix.dtype == torch.float32
    limit = CONDITION_FOR_FLOAT64 if single else _CONDITION_WITH_FLOAT32_PRODUCTS
    poor = ~(first.condition <= limit)
    if not bool(poor.any()):
        return None
    if not bool(data.isfinite().all()):  # what is no number will not be one in float64 either
        poor = poor & (first.status != NON_FINITE)
    return poor if bool(poor.any()) else None


def damped_factor(gram: Tensor, damping: float) -> Damped:
    """The Cholesky factor of gram + damping·I, with a bounded stand-in if it does not exist.

    The stand-in factors (damping + trace)·I: it turns ``G (gram + damping·I)⁻¹`` into
    ``τG/(1 + τ·trace)``, which always descends and is never longer than the true direction.
    Non-finite input gives a non-finite factor.

    Args:
        gram: Symmetric positive semidefinite (..., n, n); overwritten.
        damping: 1/τ > 0.

    Returns:
        The upper factor, its status and a condition estimate.
    """
    diagonal = gram.diagonal(dim1=-2, dim2=-1)
    trace = diagonal.sum(-1)
    diagonal.add_(damping)
    if host_can_read(gram):
        factor, info = _host_factor(gram)
    else:
        factor, info = torch.linalg.cholesky_ex(gram.mT, upper=True)
    pivots = torch.where(info[..., None] == 0, factor.diagonal(dim1=-2, dim2=-1), 0.0)
    failed, status, condition = judged(pivots, trace)
    # Swapping the factor keeps everything after it the same in both cases: no branch, no sync.
    # On the host a look is cheaper than two matrices, and almost always enough.
    if not host_can_read(failed) or bool(failed.any()):
        identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
        stand_in = identity * (damping + trace).sqrt()[..., None, None]
        factor = torch.where(failed[..., None, None], stand_in, factor)
    return Damped(factor, status, condition)


def judged(pivots: Tensor, trace: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Whether a factorisation failed, its status and its condition estimate, each (...).

    Args:
        pivots: L_ii, (..., n); zeros where there is no factor.
        trace: Of the system, (...).
    """
    condition = (pivots.amax(-1) / pivots.amin(-1)).square()
    # Past 0.1/eps nothing of the smallest eigenvalues is left in the Gram. NaN compares false.
    failed = ~(condition <= 0.1 / torch.finfo(pivots.dtype).eps)
    status = torch.where(trace.isfinite(), failed.to(torch.int8) * FALLBACK, NON_FINITE)
    return failed, status, condition


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
    if host_can_read(gram) and gram.dim() == 3:
        solved = [host_inverse(each, damping) for each in gram]
        return Damped(
            torch.stack([each.matrix for each in solved]),
            torch.tensor([each.status for each in solved], dtype=torch.int8),
            gram.new_tensor([each.condition for each in solved]),
        )
    factor, status, condition = damped_factor(gram, damping)
    if host_can_read(factor):
        return Damped(_inverse_of_factor(factor), status, condition)
    return Damped(torch.cholesky_inverse(factor, upper=True), status, condition)


def solved(factor: Tensor, right: Tensor) -> Tensor:
    """X with (UᵀU) X = right, for an upper factor (..., n, n) and right-hand sides (..., n, m).

    On the host by two substitutions, where one call would copy the factor first.
    """
    if not host_can_read(factor):
        return torch.cholesky_solve(right, factor, upper=True)
    half: Tensor = torch.linalg.solve_triangular(factor.mT, right, upper=False)
    torch.linalg.solve_triangular(factor, half, upper=True, out=half)
    return half


def exceeds(condition: Tensor | float, limit: float) -> bool:
    """Whether a condition is known to the host and above a limit."""
    if isinstance(condition, Tensor):
        if not host_can_read(condition):
            return False
        condition = float(condition.amax())
    return condition > limit


class Inverse(NamedTuple):
    """A damped inverse; on the host with numbers in place of tensors, see :class:`Damped`."""

    matrix: Tensor
    status: Tensor | int
    condition: Tensor | float


def host_inverse(gram: Tensor, damping: float) -> Inverse:
    """(gram + damping·I)⁻¹ of one matrix on the host; for failures see :func:`damped_factor`.

    Args:
        gram: Symmetric positive semidefinite (n, n); overwritten. Its lower triangle is read.
        damping: 1/τ > 0.

    Returns:
        The inverse, its status and a condition estimate, an upper bound where that tells enough.
    """
    diagonal = gram.diagonal()
    largest = float(diagonal.amax())
    condition = 1.0 + largest / damping  # at most
    told = condition <= CONDITION_FOR_FLOAT64
    # What the stand-in takes for the trace where no factorisation should fail.
    trace = len(gram) * largest if told else float(diagonal.sum())
    diagonal.add_(damping)
    factor, info = _host_factor(gram)
    if int(info):
        condition = math.inf
    elif not told:
        least, most = factor.diagonal().aminmax()
        condition = (float(most) / float(least)) ** 2
    if condition <= 0.1 / torch.finfo(gram.dtype).eps:  # see `judged`
        return Inverse(_inverse_of_factor(factor), SOLVED, condition)
    status = FALLBACK if math.isfinite(trace) else NON_FINITE
    scale = 1.0 / (damping + trace) if status == FALLBACK else math.nan
    return Inverse(torch.eye(len(gram), dtype=gram.dtype) * scale, status, condition)


def _host_factor(systems: Tensor) -> tuple[Tensor, Tensor]:
    """Write upper factors over positive definite matrices (..., n, n) on the host.

    Their lower triangles are read. The factor is their transpose, a matrix in LAPACK's own order of
    elements, so nothing is copied: beside a small network a second matrix would show in its memory.

    Returns:
        The factors, and LAPACK's verdict on each, 0 where there is one.
    """
    upper, info = systems.mT, torch.empty(systems.shape[:-2], dtype=torch.int32)
    with _serial(systems.shape[-1]):
        torch.linalg.cholesky_ex(upper, upper=True, out=(upper, info))
    return upper, info


def _inverse_of_factor(factor: Tensor) -> Tensor:
    """Write the inverse over an upper factor (..., n, n) on the host."""
    with _serial(factor.shape[-1]):
        return torch.cholesky_inverse(factor, upper=True, out=factor).mT


class _serial:
    """Have a small LAPACK routine work on one thread."""

    def __init__(self, rows: int) -> None:
        self._threads = torch.get_num_threads() if rows <= _SERIAL_ROWS else 1

    def __enter__(self) -> None:
        if self._threads > 1:
            torch.set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        if self._threads > 1:
            torch.set_num_threads(self._threads)
