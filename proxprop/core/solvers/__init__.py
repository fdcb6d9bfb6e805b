"""Solvers of (gram + damping·I) X = rhs that never raise, wait, or use an absolute epsilon."""

from proxprop.core.recurrence import CgStep, cg_iterates
from proxprop.core.solvers.cg import (
    DenseSystem,
    DiagonalSystem,
    DualSystem,
    Operator,
    by_chunks,
    conjugate_gradient,
)
from proxprop.core.solvers.cholesky import (
    CONDITION_FOR_FLOAT64,
    FALLBACK,
    NON_FINITE,
    SOLVED,
    Damped,
    damped_factor,
    damped_inverse,
)
from proxprop.core.solvers.precision import (
    SolveSpec,
    compute_dtype,
    gram_dtype,
    host_can_read,
    is_traced,
)
from proxprop.core.solvers.spectral import symmetric_eigen

__all__ = [
    # what to solve, and in which arithmetic
    "SolveSpec",
    "compute_dtype",
    "gram_dtype",
    "host_can_read",
    "is_traced",
    # exact
    "damped_factor",
    "damped_inverse",
    "Damped",
    "SOLVED",
    "FALLBACK",
    "NON_FINITE",
    "CONDITION_FOR_FLOAT64",
    # conjugate gradients
    "CgStep",
    "DenseSystem",
    "DiagonalSystem",
    "DualSystem",
    "Operator",
    "cg_iterates",
    "conjugate_gradient",
    "symmetric_eigen",
    "by_chunks",
]
