"""Conjugate gradients from zero on (gram + damping·I) X = rhs, for many right-hand sides at once.

The recurrence stands in :mod:`proxprop.core.solvers.recurrence`. Its uses differ in the space that
the vectors live in: a system says how its operator S is applied, and what the inner product is.

- :class:`Operator`: any symmetric positive definite operator, vectors along the last axis.
- :class:`DenseSystem`: a Gram, right-hand sides in rows.
- :class:`DualSystem`: the same iterates in the row space, right-hand sides in columns.
- :class:`DiagonalSystem`: either of the two in the Gram's eigenbasis, right-hand sides in columns.

Leading axes are batch axes, and the damping may be a tensor: each system of a batch has its own.
:func:`conjugate_gradient` runs a number of steps. To see every step, iterate; in the eigenbasis,
say, with one right-hand side a row::

    operator = Operator(lambda vectors: (eigenvalues + 1 / tau) * vectors)
    steps = list(cg_iterates(operator, rhs, k + 1))
    norms = [step.squared.sqrt() for step in steps]  # of the residuals after 0, 1 ... k steps
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from proxprop.core.solvers.precision import host_can_read
from proxprop.core.solvers.recurrence import cg_iterates

# Units handled at once on the CPU: the iterates of a batch of 500 stay in the second-level cache.
_UNITS_PER_CHUNK = 256


def conjugate_gradient(system: Operator, rhs: Tensor, steps: int, rtol: float = 0.0) -> Tensor:
    """The iterate after ``steps`` ≥ 1 CG steps from zero, in the shape of ``rhs``.

    Right-hand sides are scaled to largest entry 1 meanwhile, so that no square over- or underflows.
    """
    scale = rhs.abs().amax(system.dim, keepdim=True)
    scale = torch.where(scale == 0, 1.0, scale)
    for step in cg_iterates(system, rhs / scale, steps, rtol):
        solution = step.solution
    return solution * (scale / system.size)


class Operator:
    """A symmetric positive definite operator S, vectors along the last axis.

    Args:
        apply: Maps vectors (..., n) to S times each.

    Attributes:
        arrays: The library of its arrays.
        dim: The axis along which a system's vectors lie.
        size: What S was divided by.
    """

    arrays: Any = torch
    dim = -1
    size: Tensor | float = 1.0

    def __init__(self, apply: Callable[[Tensor], Tensor]) -> None:
        self._apply = apply

    def squared_norm(self, residual: Tensor) -> tuple[Tensor, Tensor | None]:
        """⟨r, r⟩, and r's image where the inner product takes one."""
        return residual.square().sum(-1, keepdim=True), None

    def floor(self, rhs: Tensor, squared: Tensor, rtol: float) -> Tensor:
        """⟨r, r⟩ at which a system counts as solved, relative to its start.

        Below the square of the rounding unit a residual is noise and further steps only amplify it.
        """
        return squared * max(rtol, torch.finfo(squared.dtype).eps) ** 2

    def curvature(self, direction: Tensor, image: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """⟨p, Sp⟩, and p's image for :meth:`change`."""
        image = self._apply(direction)
        return (direction * image).sum(-1, keepdim=True), image

    def change(self, direction: Tensor, image: Tensor | None) -> Tensor:
        """Sp."""
        assert image is not None
        return image


class DenseSystem(Operator):
    """``X (gram + damping·I) = rhs``, one system per row of rhs (..., m, p).

    Args:
        gram: Symmetric positive semidefinite (..., p, p).
        damping: 1/τ > 0; as a tensor (..., 1, 1), each Gram its own.
    """

    def __init__(self, gram: Tensor, damping: float | Tensor) -> None:
        gram, shift, self.size = _normalised(gram, damping)
        super().__init__(lambda rows: torch.addcmul(rows @ gram, rows, shift))


class DualSystem(Operator):
    """The iterates of a primal system, computed in the row space: X = Yᵀ Ã for the solution Y.

    With ρ, π the dual vectors of residual r = Ãᵀρ and direction p = Ãᵀπ and K = ÃÃᵀ:
    ``⟨r, r⟩ = ρᵀKρ`` and ``⟨p, (ÃᵀÃ + I/τ)p⟩ = ‖Kπ‖² + πᵀKπ/τ``; K is applied once a step,
    because Kπ follows the recurrence of π. A column of rhs = Δ (..., N, m) stops once its primal
    residual is ≤ rtol · its gradient's norm.

    Args:
        gram: K, (..., N, N).
        damping: 1/τ > 0; as a tensor (..., 1, 1), each Gram its own.
    """

    dim = -2

    def __init__(self, gram: Tensor, damping: float | Tensor) -> None:
        self._gram, self._shift, self.size = _normalised(gram, damping)

    def squared_norm(self, residual: Tensor) -> tuple[Tensor, Tensor | None]:
        """ρᵀKρ, and Kρ."""
        image = self._gram @ residual
        return _column_dots(residual, image), image

    def floor(self, rhs: Tensor, squared: Tensor, rtol: float) -> Tensor:
        """Not below what rounding leaves of ρᵀKρ.

        It cancels: parts of ρ that K maps to zero stay in ρ, and their rounding sets the floor.
        """
        typical = self._gram.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
        rounding = torch.finfo(rhs.dtype).eps * typical * _column_dots(rhs, rhs)
        return super().floor(rhs, squared, rtol).maximum(rounding)

    def curvature(self, direction: Tensor, image: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """‖Kπ‖² + πᵀKπ/τ, and Kπ."""
        assert image is not None
        return _column_dots(image, image) + self._shift * _column_dots(direction, image), image

    def change(self, direction: Tensor, image: Tensor | None) -> Tensor:
        """(K + I/τ)π."""
        assert image is not None
        return torch.addcmul(image, direction, self._shift)


class DiagonalSystem(Operator):
    """``(diag(values) + damping·I) X = rhs``, one system per column of rhs (n, m).

    The Krylov iteration is the same in every orthonormal basis. In the eigenbasis the Gram is a
    diagonal, so k steps cost two changes of basis instead of k products: on a CPU, where a
    symmetric eigendecomposition of batch size costs as much as a few products, this wins for wide
    layers.

    Args:
        values: Eigenvalues λ ≥ 0 of the Gram, (n,).
        damping: 1/τ > 0.
        dual: Whether columns are dual vectors, whose inner product is weighted by λ.
    """

    dim = -2

    def __init__(self, values: Tensor, damping: float | Tensor, dual: bool) -> None:
        self.size = values.mean() + damping
        self._shifted = (values + damping) / self.size
        self._weights = values / self.size if dual else torch.ones_like(values)
        self._curvatures = self._weights * self._shifted

    def squared_norm(self, residual: Tensor) -> tuple[Tensor, Tensor | None]:
        """Σ w r², w = 1 or λ."""
        return self._weights @ residual.square(), None

    def curvature(self, direction: Tensor, image: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Σ w (λ + 1/τ) p²."""
        return self._curvatures @ direction.square(), None

    def change(self, direction: Tensor, image: Tensor | None) -> Tensor:
        """(λ + 1/τ) p."""
        return direction * self._shifted[:, None]


def symmetric_eigen(gram: Tensor) -> tuple[Tensor, Tensor] | None:
    """Eigenvalues (clamped at 0) and eigenvectors of a Gram.

    Returns:
        None if there is no decomposition (not finite, or not converged), where LAPACK would
        otherwise stop the program.
    """
    if not bool(gram.sum().isfinite()):
        return None
    try:
        values, vectors = torch.linalg.eigh(gram)
    except RuntimeError:  # torch.linalg.LinAlgError: not converged
        return None
    return values.clamp_(min=0), vectors


def by_chunks(rhs: Tensor, solve: Callable[[Tensor], Tensor]) -> Tensor:
    """Solve column blocks of rhs one after the other on the CPU, all at once elsewhere."""
    if rhs.shape[-1] <= _UNITS_PER_CHUNK or not host_can_read(rhs):
        return solve(rhs)
    starts = range(0, rhs.shape[-1], _UNITS_PER_CHUNK)
    return torch.cat([solve(rhs[..., i : i + _UNITS_PER_CHUNK]) for i in starts], dim=-1)


def _normalised(gram: Tensor, damping: float | Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A system divided by its size, so that no square over- or underflows.

    Returns:
        gram/s, damping/s and s = trace/n + damping > 0, the latter two (..., 1, 1).
    """
    size = gram.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None] + damping
    return gram / size, damping / size, size


def _column_dots(left: Tensor, right: Tensor) -> Tensor:
    dots: Tensor = torch.linalg.vecdot(left, right, dim=-2)
    return dots[..., None, :]
