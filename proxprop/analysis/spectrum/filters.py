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

Array = NDArray[np.float64]


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

    Attributes:
        tau: τ; S has eigenvalues ``μ = λ + 1/τ``.
        alphas: CG's step lengths.
        betas: CG's direction factors.
    """

    tau: float
    alphas: tuple[float, ...]
    betas: tuple[float, ...]

    def __call__(self, mu: ArrayLike) -> Array:
        """Evaluate ``p_k`` at any μ, by CG's own recurrence."""
        point = np.asarray(mu, dtype=np.float64)
        residual = np.ones_like(point)
        direction = np.ones_like(point)
        for alpha, beta in zip(self.alphas, self.betas):
            residual = residual - alpha * point * direction
            direction = residual + beta * direction
        return residual


def cg_polynomial(eigenvalues: ArrayLike, rhs: ArrayLike, tau: float, steps: int) -> CgPolynomial:
    """Run CG on ``diag(λ + 1/τ) x = b`` from zero and return its residual polynomial.

    Args:
        eigenvalues: Spectrum of ``ÃᵀÃ``, ≥ 0. Shape: (d,).
        rhs: One output unit's right-hand side, in components along the eigenvectors. Shape: (d,).
        tau: τ, finite and > 0.
        steps: k ≥ 1. Once the residual is down to rounding, further steps change nothing.

    Note:
        The polynomial belongs to that right-hand side: other output units have others.
    """
    if steps < 1:
        raise ValueError(f"steps must be >= 1, got {steps}")
    mu = nonnegative(eigenvalues) + 1.0 / positive(tau, "tau")
    residual = np.array(rhs, dtype=np.float64)
    if residual.shape != mu.shape or mu.ndim != 1:
        raise ValueError(
            f"eigenvalues and rhs must be vectors of one length, got shapes {mu.shape} and "
            f"{residual.shape}"
        )
    largest = float(np.abs(residual).max(initial=0.0))
    if largest > 0:
        residual = residual / largest  # squares of a tiny right-hand side would underflow
    direction, squared = residual.copy(), float(residual @ residual)
    negligible = (4 * np.finfo(np.float64).eps) ** 2 * squared
    alphas, betas = [], []
    for _ in range(steps):
        if squared <= negligible:
            break
        alpha = squared / float(direction @ (mu * direction))
        residual = residual - alpha * mu * direction
        previous, squared = squared, float(residual @ residual)
        direction = residual + (squared / previous) * direction
        alphas.append(alpha)
        betas.append(squared / previous)
    return CgPolynomial(tau, tuple(alphas), tuple(betas))


def cg_gain(eigenvalues: ArrayLike, polynomial: CgPolynomial) -> Array:
    """Return ``λ(1 − p_k(μ))/μ`` with ``μ = λ + 1/τ``, what k CG steps deliver of the request."""
    values = nonnegative(eigenvalues)
    mu = values + 1.0 / polynomial.tau
    return values * (1.0 - polynomial(mu)) / mu


def cg_filter(eigenvalues: ArrayLike, polynomial: CgPolynomial) -> Array:
    """Return ``1 − λ(1 − p_k(μ))/μ``; it need not lie between the explicit and the exact filter."""
    return 1.0 - cg_gain(eigenvalues, polynomial)


def overshoot(filter_values: ArrayLike, components: ArrayLike) -> float:
    """Return ``‖after‖/‖before‖`` of the distance to ``z^{1/2}``, from its components and a filter.

    Args:
        filter_values: The step's filter at each eigenvalue. Shape: (d,).
        components: The distance before the step along the same directions. Shape: (d,).

    Returns:
        The ratio: below 1 the step helps its own problem, above 1 it overshoots; 1 if nothing was
        asked for.
    """
    before = np.asarray(components, dtype=np.float64)
    size = float(np.linalg.norm(before))
    if size == 0:
        return 1.0
    return float(np.linalg.norm(np.asarray(filter_values, dtype=np.float64) * before)) / size


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
        low, high = nonnegative([lambda_min, lambda_max])
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
