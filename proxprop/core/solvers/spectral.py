"""The same CG iterates in the Gram's eigenbasis, where a step costs no matrix product.

The Krylov iteration is the same in every orthonormal basis. In the eigenbasis the Gram is a
diagonal, so k steps cost two changes of basis instead of k products: on a CPU, where a symmetric
eigendecomposition of batch size costs as much as a few products, this wins for wide layers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from proxprop.core.solvers.cg import guarded_ratio, squared_floor, unit_scaled


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


def spectral_conjugate_gradient(
    values: Tensor,
    rhs: Tensor,
    damping: float,
    steps: int,
    rtol: float,
    dual: bool,
) -> Tensor:
    """``steps`` CG steps from zero on ``(diag(values) + damping·I) X = rhs``, per column.

    Args:
        values: Eigenvalues λ ≥ 0 of the Gram, (n,).
        rhs: Right-hand sides in the eigenbasis, (n, m).
        damping: 1/τ > 0.
        steps: CG steps ≥ 1.
        rtol: A column stops once its residual is ≤ rtol · its start.
        dual: Whether columns are dual vectors, whose inner product is weighted by λ.

    Returns:
        X in the eigenbasis, (n, m).
    """
    size = values.mean() + damping
    values, shifted = values / size, (values + damping) / size
    rhs, scale = unit_scaled(rhs, dim=-2)
    weights = values if dual else torch.ones_like(values)
    curvature_weights = weights * shifted
    residual = direction = rhs
    squared = weights @ residual.square()
    floor = squared_floor(squared, rtol)
    solution = torch.zeros_like(rhs)
    for step in range(steps):
        curvature = curvature_weights @ direction.square()
        alpha = guarded_ratio(squared, curvature, squared, floor)
        solution = torch.addcmul(solution, direction, alpha)
        if step + 1 == steps:
            break
        residual = torch.addcmul(residual, direction * shifted[:, None], alpha, value=-1)
        previous, squared = squared, weights @ residual.square()
        beta = guarded_ratio(squared, previous, previous, floor)
        direction = torch.addcmul(residual, direction, beta)
    return solution * (scale / size)
