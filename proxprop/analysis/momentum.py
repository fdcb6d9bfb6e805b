"""Gradient descent with momentum on a quadratic: its limits, as torch's SGD steps.

torch keeps ``v ← βv + g`` and moves by ``−ηv`` (heavy ball) or ``−η(g + βv)`` (Nesterov). Along an
eigenvector with eigenvalue λ, ``h = ηλ``, two successive iterates obey a recurrence with roots of

- heavy ball: ``r² − (1 + β − h) r + β = 0`` (Polyak 1964),
- Nesterov: ``r² − (1 + β)(1 − h) r + β(1 − h) = 0`` (Nesterov 1983).
"""


def limit_factor(momentum: float = 0.0, *, nesterov: bool = False) -> float:
    """Return c such that steps are stable for ``0 < ηλ < c``.

    2 without momentum, ``2(1 + β)`` for the heavy ball, ``2(1 + β)/(1 + 2β)`` for Nesterov (where
    a root reaches −1). Momentum raises the limit of the heavy ball; Nesterov's lowers it.
    """
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must be in [0, 1), got {momentum}")
    return 2 * (1 + momentum) / (1 + 2 * momentum) if nesterov else 2 * (1 + momentum)


def step_limit(lambda_max: float, momentum: float = 0.0, *, nesterov: bool = False) -> float:
    """Return the largest stable step ``limit_factor/λ_max``; infinite where λ_max ≤ 0."""
    factor = limit_factor(momentum, nesterov=nesterov)
    return factor / lambda_max if lambda_max > 0 else float("inf")
