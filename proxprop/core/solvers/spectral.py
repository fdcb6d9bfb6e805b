"""A Gram's eigenbasis."""

from __future__ import annotations

import torch
from torch import Tensor


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
