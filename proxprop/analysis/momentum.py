"""Gradient descent with momentum on a quadratic: roots, filters and limits, as torch's SGD steps.

torch keeps ``v ← βv + g`` and moves by ``−ηv`` (heavy ball) or ``−η(g + βv)`` (Nesterov). Along an
eigenvector with eigenvalue λ, ``h = ηλ``, two successive iterates obey a recurrence with roots of

- heavy ball: ``r² − (1 + β − h) r + β = 0`` (Polyak 1964),
- Nesterov: ``r² − (1 + β)(1 − h) r + β(1 − h) = 0`` (Nesterov 1983).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from proxprop.analysis.filters import Array


def momentum_roots(
    step_times_eigenvalue: ArrayLike, momentum: float, *, nesterov: bool = False
) -> NDArray[np.complex128]:
    """Return both roots of the recurrence at ``h = ηλ``.

    Args:
        step_times_eigenvalue: h, any shape; a preconditioned λ (of ``P∇²J``) works as well.
        momentum: β in [0, 1).
        nesterov: Nesterov's variant, as ``torch.optim.SGD(nesterov=True)``.

    Returns:
        The roots in a last axis of length two; with β = 0 they are ``1 − h`` and 0.
    """
    _check(momentum)
    h = np.asarray(step_times_eigenvalue, dtype=np.float64)
    if nesterov:
        total, product = (1 + momentum) * (1 - h), momentum * (1 - h)
    else:
        total, product = 1 + momentum - h, np.full_like(h, momentum)
    root = np.sqrt((total**2 - 4 * product).astype(np.complex128))
    # The larger root first, the other from the product: no cancellation between the two.
    sign = np.where(total >= 0, 1.0, -1.0)
    large = (total + sign * root) / 2
    small = np.divide(product, large, out=np.zeros_like(large), where=large != 0)
    return np.stack([large, small], axis=-1)


def momentum_filter(
    step_times_eigenvalue: ArrayLike, momentum: float, *, nesterov: bool = False
) -> Array:
    """Return the asymptotic factor per step, the larger modulus of the two roots."""
    roots = momentum_roots(step_times_eigenvalue, momentum, nesterov=nesterov)
    return np.asarray(np.abs(roots).max(axis=-1), dtype=np.float64)


def limit_factor(momentum: float = 0.0, *, nesterov: bool = False) -> float:
    """Return c such that steps are stable for ``0 < ηλ < c``.

    2 without momentum, ``2(1 + β)`` for the heavy ball, ``2(1 + β)/(1 + 2β)`` for Nesterov (where
    a root reaches −1). Momentum raises the limit of the heavy ball; Nesterov's lowers it.
    """
    _check(momentum)
    return 2 * (1 + momentum) / (1 + 2 * momentum) if nesterov else 2 * (1 + momentum)


def step_limit(lambda_max: float, momentum: float = 0.0, *, nesterov: bool = False) -> float:
    """Return the largest stable step ``limit_factor/λ_max``; infinite where λ_max ≤ 0."""
    factor = limit_factor(momentum, nesterov=nesterov)
    return factor / lambda_max if lambda_max > 0 else float("inf")


def _check(momentum: float) -> None:
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must be in [0, 1), got {momentum}")
