"""Lanczos' method for the top of a symmetric operator's spectrum, matrix-free.

The largest Ritz value θ of the Krylov space has the residual ``‖Av − θv‖ = β_k |s_k|``: an
eigenvalue lies within that distance. That it is the *largest* one is certain only in probability,
through the random start (Kuczyński and Woźniakowski 1992).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LanczosResult:
    """What Lanczos found.

    Attributes:
        values: Ritz values, descending, float64 on the CPU.
        errors: For each, the residual norm: an eigenvalue lies no farther away (up to rounding).
        steps: Operator products spent.
        converged: The largest one's error is within the tolerance, or the space was exhausted.
    """

    values: Tensor
    errors: Tensor
    steps: int
    converged: bool

    @property
    def largest(self) -> float:
        """The largest Ritz value, a lower bound of the largest eigenvalue."""
        return float(self.values[0])

    @property
    def error(self) -> float:
        """Its residual norm."""
        return float(self.errors[0])


def lanczos(
    operator: Callable[[Tensor], Tensor],
    start: Tensor,
    *,
    max_steps: int = 100,
    rtol: float = 1e-4,
    keep_basis: bool = True,
) -> LanczosResult:
    """Return the largest eigenvalues of a symmetric operator.

    Args:
        operator: Maps a vector to a new vector of its shape; symmetric.
        start: Starting vector, best random; its dtype is the working precision. Shape: (n,).
        max_steps: Bound on operator products, ≥ 1.
        rtol: Stop once the largest Ritz value's residual is below ``rtol · |value|``, > 0.
        keep_basis: Orthogonalise against all earlier vectors, which takes the memory of
            ``max_steps`` vectors. Without, the largest value is as good, but converged values may
            appear several times.

    Raises:
        ValueError: ``max_steps`` < 1, the start is zero or not finite, or the operator returns NaN
            or infinity.
    """
    if max_steps < 1:
        raise ValueError(f"max_steps must be >= 1, got {max_steps}")
    norm = float(start.norm())
    if not (norm > 0 and norm < float("inf")):
        raise ValueError(f"start must be finite and not zero, got norm {norm}")
    vector, previous = start / norm, torch.zeros_like(start)
    basis, diagonal, off = [vector], [], [0.0]
    # Only an orthogonal basis is complete after as many vectors as there are dimensions.
    limit = min(max_steps, start.numel()) if keep_basis else max_steps
    for step in range(1, limit + 1):
        image = operator(vector)
        diagonal.append(float(image.dot(vector)))
        image = image - diagonal[-1] * vector - off[-1] * previous
        if keep_basis:
            image = _orthogonalised(image, torch.stack(basis))
        off.append(float(image.norm()))
        closed = off[-1] <= torch.finfo(torch.float64).eps * max(map(abs, diagonal))
        last = closed or step == limit
        if last or step <= 20 or step % 10 == 0:  # later, the small eigenproblem costs too much
            result = _ritz(diagonal, off, rtol, closed or (step == start.numel() and keep_basis))
            if result.converged or last:
                break
        previous, vector = vector, image / off[-1]
        if keep_basis:
            basis.append(vector)
    return result


def _ritz(diagonal: list[float], off: list[float], rtol: float, exhausted: bool) -> LanczosResult:
    entries = torch.tensor([*diagonal, *off], dtype=torch.float64)
    if not entries.isfinite().all():
        raise ValueError("the operator returned values that are not finite; check its input")
    main, beside = entries[: len(diagonal)], entries[len(diagonal) + 1 : -1]
    projected = torch.diag(main) + torch.diag(beside, 1) + torch.diag(beside, -1)
    values, vectors = torch.linalg.eigh(projected)
    values, errors = values.flip(0), off[-1] * vectors[-1].abs().flip(0)
    converged = exhausted or float(errors[0]) <= rtol * abs(float(values[0]))
    return LanczosResult(values, errors, len(diagonal), converged)


def _orthogonalised(vector: Tensor, basis: Tensor) -> Tensor:
    for _ in range(2):  # once leaves an error of the vector's own cancellation, twice is enough
        vector = vector - (basis @ vector) @ basis
    return vector
