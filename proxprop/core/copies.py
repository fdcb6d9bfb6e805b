"""Update directions of one linear layer in many copies of a network, each copy with its own τ.

The equations and the products are those of `proxprop.core.linear`; only the leading axis is new,
and how small systems are factored. Nothing here waits for the host but the choice of which copies
need float64.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import torch
from torch import Tensor

from proxprop.core.linear import cg_direction, choose_route
from proxprop.core.rows import (
    column_gram,
    joint_gradient,
    row_gram,
    row_products,
    separated,
    with_ones,
)
from proxprop.core.solvers.cholesky import Damped, judged, systems_for_float64
from proxprop.core.solvers.precision import gram_dtype, host_can_read

# One eigendecomposition costs as much as five to ten of the solves that it replaces, and more of
# them the larger it is.
_MOST_SHARED_ROWS = 160

_ROWS = 25  # of a diagonal block; 20 to 33 are within a tenth of each other
_MOST_ROWS_IN_BLOCKS = 256  # larger systems keep LAPACK busy by themselves

Parts = tuple[Tensor, Tensor | None]


def explicit_copies(rows: Tensor, deltas: Tensor, with_bias: bool) -> Parts:
    """G = ΔᵀÃ, the plain gradient.

    Args:
        rows: Layer inputs A, (C, N, d), or (1, N, d) where all copies share them.
        deltas: Δ = ∂J/∂Z, (C, N, m).
        with_bias: Whether Ã has a ones column.

    Returns:
        Weight (C, m, d) and bias (C, m), None where there is no bias.
    """
    return row_products(deltas, rows, with_bias)


def exact_copies(rows: Tensor, deltas: Tensor, tau: Tensor, with_bias: bool) -> Parts:
    """D = G (ÃᵀÃ + I/τ)⁻¹ (Frerix et al. 2018, Alg. 2), from the cheaper of Ã's two Grams.

    Copies whose system float32 cannot solve well are solved in float64.

    Args:
        rows: Layer inputs A, (C, N, d), or (1, N, d) where all copies share them.
        deltas: Δ = ∂J/∂Z, (C, N, m).
        tau: Proximal step sizes, (C,).
        with_bias: Whether Ã has a ones column.

    Returns:
        Weight (C, m, d) and bias (C, m), None where there is no bias.
    """
    if len(rows) == 1 and host_can_read(rows) and min(rows.shape[1:]) <= _MOST_SHARED_ROWS:
        return _shared_exact(rows, deltas, tau, with_bias)
    weight, bias, solved = _exact(rows, deltas, tau, with_bias, gram_dtype(rows))
    poor = systems_for_float64(solved, rows, wait=True)
    if poor is not None:
        chosen = poor.nonzero()[:, 0]
        some = (rows if len(rows) == 1 else rows[chosen]).double()
        again, again_bias, _ = _exact(
            some, deltas[chosen].double(), tau[chosen], with_bias, torch.float64
        )
        weight[chosen] = again.to(weight.dtype)
        if bias is not None and again_bias is not None:
            bias[chosen] = again_bias.to(bias.dtype)
    return weight, bias


def cg_copies(
    rows: Tensor, deltas: Tensor, tau: Tensor, with_bias: bool, steps: int, rtol: float
) -> Parts:
    """``steps`` CG iterates from zero on the systems of `exact_copies`, per output unit.

    Args:
        rows: Layer inputs A, (C, N, d), or (1, N, d) where all copies share them.
        deltas: Δ = ∂J/∂Z, (C, N, m).
        tau: Proximal step sizes, (C,).
        with_bias: Whether Ã has a ones column.
        steps: k ≥ 1.
        rtol: Relative residual at which a unit stops.

    Returns:
        Weight (C, m, d) and bias (C, m), None where there is no bias.
    """
    count, width = rows.shape[1:]
    damping = (1.0 / tau.to(rows.dtype))[:, None, None]
    route = choose_route(count, width + with_bias, deltas.shape[2], steps, spectral=False)
    weight, bias, _ = cg_direction(rows, deltas, damping, steps, rtol, with_bias, route)
    return weight, bias


def _exact(
    rows: Tensor, deltas: Tensor, tau: Tensor, with_bias: bool, dtype: torch.dtype
) -> tuple[Tensor, Tensor | None, Damped]:
    """The direction, and how its systems were solved in ``dtype``."""
    count, width = rows.shape[1:]
    dual = choose_route(count, width + with_bias, deltas.shape[2], 0, spectral=False) == "dual"
    gram = (row_gram if dual else column_gram)(rows.to(dtype), with_bias)
    if len(gram) < len(tau):
        gram = gram.expand(len(tau), -1, -1).clone()
    if dual:
        solved = damped_solve(gram, tau, deltas.to(dtype))
        return *row_products(solved.matrix.to(rows.dtype), rows, with_bias), solved
    gradient = joint_gradient(rows, deltas, with_bias).to(dtype)
    solved = damped_solve(gram, tau, gradient.mT)
    return *separated(solved.matrix.mT.to(rows.dtype), with_bias), solved


def _shared_exact(rows: Tensor, deltas: Tensor, tau: Tensor, with_bias: bool) -> Parts:
    """The exact direction where all copies share A: one eigendecomposition serves every τ.

    With ``ÃᵀÃ = VΛVᵀ`` (or ``ÃÃᵀ = VΛVᵀ``, the smaller), ``D = Δᵀ Y`` where
    ``Y = ÃV (Λ + I/τ)⁻¹ Vᵀ`` (``V (Λ + I/τ)⁻¹ VᵀÃ``) takes the place of Ã in the gradient. Rounding
    is amplified in ÃV only, so that is float64 and the rest need not be.
    """
    wide = with_ones(rows[0], with_bias).double()
    if wide.shape[0] < wide.shape[1]:
        values, vectors = torch.linalg.eigh(wide @ wide.mT)
        left, right = vectors, vectors.mT @ wide
    else:
        values, vectors = torch.linalg.eigh(wide.mT @ wide)
        left, right = wide @ vectors, vectors.mT
    gains = 1.0 / (values.clamp(min=0.0) + 1.0 / tau.double()[:, None])
    scaled = (left * gains[:, None]).to(rows.dtype)
    damped = (scaled.flatten(0, 1) @ right.to(rows.dtype)).view(len(tau), *wide.shape)
    return separated(torch.bmm(deltas.mT, damped), with_bias)


class _Stripe(NamedTuple):
    """Some rows of the factor L and of the right-hand side.

    Attributes:
        start: First row.
        stop: After the last.
        inverse: Of L's diagonal block.
        below: L's entries below that block.
        values: L⁻¹ applied to the right-hand side, these rows.
    """

    start: int
    stop: int
    inverse: Tensor
    below: Tensor
    values: Tensor


def damped_solve(gram: Tensor, tau: Tensor, rhs: Tensor) -> Damped:
    """Solve ``(gram + I/τ) X = rhs`` for every copy, each with its own τ.

    Where there is no factor, ``X = rhs / (1/τ + trace)``: a bounded direction of descent, as in
    `proxprop.core.solvers.cholesky.damped_factor`.

    Args:
        gram: Symmetric positive semidefinite, (C, n, n); overwritten.
        tau: Proximal step sizes, (C,).
        rhs: (C, n, m); left as it is.

    Returns:
        X, (C, n, m), and for each copy how far to trust it.
    """
    damping = 1.0 / tau.to(gram.dtype)
    diagonal = gram.diagonal(dim1=-2, dim2=-1)
    bound = diagonal.sum(-1) + damping
    diagonal += damping[:, None]
    solution, pivots = _solve_in_blocks(gram, rhs.clone())
    failed, status, condition = judged(pivots, bound)
    if not host_can_read(failed) or bool(failed.any()):
        solution = torch.where(failed[:, None, None], rhs / bound[:, None, None], solution)
    return Damped(solution, status, condition)


def _solve_in_blocks(system: Tensor, rhs: Tensor) -> tuple[Tensor, Tensor]:
    """Overwrite rhs with the solution; return it and the pivots L_ii, (C, n).

    LAPACK factors one small matrix after the other and is far below the speed of products there, so
    all but the diagonal blocks is left to batched products (measured on 13 systems of 100 rows:
    58 µs each instead of 97, at a slightly smaller error).
    """
    size = system.shape[-1]
    small = host_can_read(system) and size <= _MOST_ROWS_IN_BLOCKS
    count = math.ceil(size / _ROWS) if small else 1
    bounds = [size * part // count for part in range(count + 1)]
    identity = torch.eye(bounds[1] + 1, dtype=system.dtype, device=system.device)
    stripes, pivots = [], []
    for start, stop in itertools.pairwise(bounds):
        factor, info = torch.linalg.cholesky_ex(system[:, start:stop, start:stop])
        diagonal = factor.diagonal(dim1=-2, dim2=-1)
        pivots.append(torch.where(info[:, None] == 0, diagonal, 0.0))
        unit = identity[: stop - start, : stop - start].expand_as(factor)
        inverse = torch.linalg.solve_triangular(factor, unit, upper=False)
        below = torch.bmm(system[:, stop:, start:stop], inverse.mT)
        values = torch.bmm(inverse, rhs[:, start:stop])
        if stop < size:
            system[:, stop:, stop:].baddbmm_(below, below.mT, alpha=-1)
            rhs[:, stop:].baddbmm_(below, values, alpha=-1)
        stripes.append(_Stripe(start, stop, inverse, below, values))
    for start, stop, inverse, below, values in reversed(stripes):
        if stop < size:
            values.baddbmm_(below.mT, rhs[:, stop:], alpha=-1)
        rhs[:, start:stop] = torch.bmm(inverse.mT, values)
    return rhs, torch.cat(pivots, 1)
