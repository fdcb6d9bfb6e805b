"""What a weight step does to a layer's own problem, direction by direction.

A layer is asked to move ``Z = ÃΘᵀ`` to ``z^{1/2}``. Along an eigenvector of ``ÃᵀÃ`` with eigenvalue
λ a step multiplies the remaining distance by its *filter* and delivers the fraction *gain* = 1 −
filter of the change asked for. None of this limits training as a whole: the target is held fixed.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from proxprop.core.solvers.recurrence import cg_iterates

Array = NDArray[np.float64]
_ROUNDING = 4 * float(np.finfo(np.float64).eps)  # of a residual, relative to its start


def explicit_filter(eigenvalues: ArrayLike, step: float) -> Array:
    """Return ``1 − sλ``, the filter of an explicit step s; its modulus passes 1 at ``s = 2/λ``."""
    return 1.0 - explicit_gain(eigenvalues, step)


def explicit_gain(eigenvalues: ArrayLike, step: float) -> Array:
    """Return ``sλ``, unbounded; the explicit step matched to an implicit one has s = τ."""
    return positive(step, "step") * nonnegative(eigenvalues)


def exact_filter(eigenvalues: ArrayLike, tau: float) -> Array:
    """Return ``1/(1 + τλ)``, the filter of the exact implicit step; never above 1."""
    return 1.0 / (1.0 + explicit_gain(eigenvalues, positive(tau, "tau")))


def exact_gain(eigenvalues: ArrayLike, tau: float) -> Array:
    """Return ``τλ/(1 + τλ)``, always below 1."""
    request = explicit_gain(eigenvalues, positive(tau, "tau"))
    return request / (1.0 + request)


@dataclass(frozen=True)
class CgPolynomial:
    """The residual polynomial ``p_k`` of k CG steps, ``r_k = p_k(S) b``, ``p_k(0) = 1``.

    CG sees of b only how long it is along each eigenvector. So it can run on ones, with b's squares
    as weights of the inner product: its residual at μ is ``p_k(μ)``, at points that b does not
    contain (weight 0) as well.

    Attributes:
        tau: τ; S has eigenvalues ``μ = λ + 1/τ``.
        eigenvalues: λ ≥ 0. Shape: (r,).
        rhs: Right-hand sides b along the eigenvectors, largest entry 1. Shape: (…, r).
        steps: k.
    """

    tau: float
    eigenvalues: Array
    rhs: Array
    steps: int

    def __call__(self, mu: ArrayLike) -> Array:
        """Evaluate ``p_k`` at any μ. Shape: (n,) to (…, n), scalars to (…)."""
        return 1.0 - np.asarray(mu, dtype=np.float64) * self.solution(mu)

    def solution(self, mu: ArrayLike) -> Array:
        """Return ``(1 − p_k(μ))/μ``, what CG's iterate is of b along an eigenvector of S."""
        points = np.asarray(mu, dtype=np.float64)
        known, count = self.eigenvalues + 1.0 / self.tau, points.size
        weights = np.zeros((*self.rhs.shape[:-1], count + len(known)))
        weights[..., count:] = self.rhs**2
        system = _WeightedDiagonal(np.concatenate([points.ravel(), known]), weights)
        with np.errstate(divide="ignore", invalid="ignore"):  # of a unit that asks for nothing
            for step in cg_iterates(system, np.ones_like(weights), self.steps, _ROUNDING):
                solution = step.solution
        return solution[..., :count].reshape((*self.rhs.shape[:-1], *points.shape))


def cg_polynomial(
    eigenvalues: ArrayLike, rhs: ArrayLike, tau: float, cg_steps: int
) -> CgPolynomial:
    """Return the residual polynomial of CG on ``diag(λ + 1/τ) x = b`` from zero.

    Args:
        eigenvalues: Spectrum of ``ÃᵀÃ``, ≥ 0. Shape: (r,).
        rhs: Right-hand sides, one an output unit, in components along the eigenvectors. Shape:
            (…, r).
        tau: τ, finite and > 0.
        cg_steps: k ≥ 1. Once the residual is down to rounding, further steps change nothing.

    Note:
        The polynomial belongs to that right-hand side: other output units have others.
    """
    if cg_steps < 1:
        raise ValueError(f"cg_steps must be >= 1, got {cg_steps}")
    values, sides = nonnegative(eigenvalues), np.array(rhs, dtype=np.float64)
    if values.ndim != 1 or sides.shape[-1:] != values.shape:
        raise ValueError(
            f"eigenvalues and rhs must be vectors of one length, got shapes {values.shape} and "
            f"{sides.shape}"
        )
    largest = np.abs(sides).max(axis=-1, keepdims=True, initial=0.0)
    # Squares of a tiny right-hand side would underflow.
    return CgPolynomial(
        positive(tau, "tau"), values, sides / np.where(largest > 0, largest, 1.0), cg_steps
    )


def cg_gain(eigenvalues: ArrayLike, polynomial: CgPolynomial) -> Array:
    """Return ``λ(1 − p_k(μ))/μ`` with ``μ = λ + 1/τ``, what k CG steps deliver of the request."""
    values = nonnegative(eigenvalues)
    return values * polynomial.solution(values + 1.0 / polynomial.tau)


def cg_filter(eigenvalues: ArrayLike, polynomial: CgPolynomial) -> Array:
    """Return ``1 − λ(1 − p_k(μ))/μ``; it need not lie between the explicit and the exact filter."""
    return 1.0 - cg_gain(eigenvalues, polynomial)


def angle_bound(lambda_min: float, lambda_max: float, tau: float) -> float:
    """Return the least possible cosine between the direction D and the gradient G of one layer.

    ``cos∠(D, G) ≥ 2√κ/(1 + κ)``, ``κ = (1 + τλ_max)/(1 + τλ_min)`` (Kantorovich's inequality for
    ``D = G(ÃᵀÃ + I/τ)⁻¹``).

    Args:
        lambda_min: Least eigenvalue of ``ÃᵀÃ`` on the range of Ãᵀ, ≥ 0; 0 is always safe.
        lambda_max: Largest eigenvalue, ≥ ``lambda_min``.
        tau: τ, finite and > 0.
    """
    return network_angle_bound([(lambda_min, lambda_max, tau)], explicit_blocks=False)


def network_angle_bound(
    blocks: Iterable[tuple[float, float, float]], *, explicit_blocks: bool
) -> float:
    """Return the least possible cosine between a whole network's direction and its gradient.

    The direction is the gradient times a block-diagonal positive definite matrix, so the bound is
    Kantorovich's with that matrix's extreme eigenvalues: ``1/(λ + 1/τ)`` on an implicit layer, 1
    on an explicit one.

    Args:
        blocks: ``(lambda_min, lambda_max, tau)`` of each implicit layer, as for ``angle_bound``.
        explicit_blocks: Whether the network also has parameters that take an explicit step.
    """
    extremes = [1.0] if explicit_blocks else []
    for lambda_min, lambda_max, tau in blocks:
        low, high = nonnegative([lambda_min, lambda_max]).tolist()
        if low > high:
            raise ValueError(f"lambda_min must be <= lambda_max, got {low} > {high}")
        damping = 1.0 / positive(tau, "tau")
        extremes += [1.0 / (low + damping), 1.0 / (high + damping)]
    if not extremes:
        raise ValueError("blocks must name at least one layer, got none")
    condition = max(extremes) / min(extremes)
    return 2.0 * math.sqrt(condition) / (1.0 + condition)


def positive(value: float, name: str) -> float:
    """Return the value if it is finite and > 0, else raise."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be finite and > 0, got {value}")
    return value


def nonnegative(eigenvalues: ArrayLike) -> Array:
    """Return eigenvalues of a Gram matrix as float64, refusing negative or undefined ones."""
    values = np.asarray(eigenvalues, dtype=np.float64)
    if not (values >= 0).all():
        raise ValueError(
            f"eigenvalues of a Gram matrix must be >= 0, got {values.min()}; clip rounding errors"
        )
    return values


class _NumpyArrays:
    """What `cg_iterates` takes from a library of arrays, of NumPy."""

    zeros_like = staticmethod(np.zeros_like)
    where = staticmethod(np.where)

    @staticmethod
    def addcmul(start: Array, left: Array, right: Array, value: float = 1.0) -> Array:
        """Return ``start + value · left · right``, torch's name for it."""
        return start + value * left * right


class _WeightedDiagonal:
    """``diag(μ)`` with the inner product ``Σ wᵢ xᵢ yᵢ``, vectors along the last axis."""

    arrays = _NumpyArrays

    def __init__(self, mu: Array, weights: Array) -> None:
        self._mu, self._weights = mu, weights

    def squared_norm(self, residual: Array) -> tuple[Array, None]:
        """⟨r, r⟩."""
        return (self._weights * residual**2).sum(axis=-1, keepdims=True), None

    def floor(self, rhs: Array, squared: Array, rtol: float) -> Array:
        """⟨r, r⟩ at which a system counts as solved."""
        return squared * rtol**2

    def curvature(self, direction: Array, image: Array | None) -> tuple[Array, None]:
        """⟨p, Sp⟩."""
        return (self._weights * self._mu * direction**2).sum(axis=-1, keepdims=True), None

    def change(self, direction: Array, image: Array | None) -> Array:
        """Sp."""
        return self._mu * direction
