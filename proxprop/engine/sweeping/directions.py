"""Update directions of one layer in many copies of a network, each copy with its own τ.

The equations are those of `proxprop.core.linear`; only the leading axis is new. Nothing here waits
for the host but the choice of which copies need float64.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from proxprop.core.gram.linear import choose_route
from proxprop.core.solvers import (
    DenseSystem,
    DualSystem,
    by_chunks,
    conjugate_gradient,
    gram_dtype,
    host_can_read,
)
from proxprop.engine.sweeping.factors import damped_solve

# One eigendecomposition costs as much as five to ten of the solves that it replaces, and more of
# them the larger it is.
_MOST_SHARED_ROWS = 160


class LayerDirection(NamedTuple):
    """D of one layer: weight (C, m, d) and bias (C, m), None where there is no bias."""

    weight: Tensor
    bias: Tensor | None


def explicit_direction(rows: Tensor, deltas: Tensor, with_bias: bool) -> LayerDirection:
    """G = ΔᵀÃ, the plain gradient.

    Args:
        rows: Layer inputs A, (C, N, d), or (1, N, d) where all copies share them.
        deltas: Δ = ∂J/∂Z, (C, N, m).
        with_bias: Whether Ã has a ones column.
    """
    weight = torch.bmm(deltas.mT, rows.expand(len(deltas), -1, -1))
    return LayerDirection(weight, deltas.sum(1) if with_bias else None)


def exact_direction(rows: Tensor, deltas: Tensor, tau: Tensor, with_bias: bool) -> LayerDirection:
    """D = G (ÃᵀÃ + I/τ)⁻¹ (Frerix et al. 2018, Alg. 2), from the cheaper of Ã's two Grams.

    Copies whose system float32 cannot solve well are solved in float64.

    Args:
        rows: Layer inputs A, (C, N, d), or (1, N, d) where all copies share them.
        deltas: Δ = ∂J/∂Z, (C, N, m).
        tau: Proximal step sizes, (C,).
        with_bias: Whether Ã has a ones column.
    """
    if len(rows) == 1 and host_can_read(rows) and min(rows.shape[1:]) <= _MOST_SHARED_ROWS:
        return _shared_exact(rows, deltas, tau, with_bias)
    first, trusted = _solve(rows, deltas, tau, with_bias, gram_dtype(rows))
    if rows.dtype == torch.float64 or bool(trusted.all()):
        return first
    poor = (~trusted).nonzero()[:, 0]
    some = rows if len(rows) == 1 else rows[poor]
    again, _ = _solve(some.double(), deltas[poor].double(), tau[poor], with_bias, torch.float64)
    first.weight[poor] = again.weight.to(rows.dtype)
    if first.bias is not None and again.bias is not None:
        first.bias[poor] = again.bias.to(rows.dtype)
    return first


def cg_direction(
    rows: Tensor, deltas: Tensor, tau: Tensor, with_bias: bool, steps: int, rtol: float
) -> LayerDirection:
    """``steps`` CG iterates from zero on the systems of `exact_direction`, per output unit.

    Args:
        rows: Layer inputs A, (C, N, d), or (1, N, d) where all copies share them.
        deltas: Δ = ∂J/∂Z, (C, N, m).
        tau: Proximal step sizes, (C,).
        with_bias: Whether Ã has a ones column.
        steps: k ≥ 1.
        rtol: Relative residual at which a unit stops.
    """
    count, width = rows.shape[1:]
    damping = (1.0 / tau.to(rows.dtype))[:, None, None]
    route = choose_route(count, width + with_bias, deltas.shape[2], steps, spectral=False)
    dtype = gram_dtype(rows)
    if route == "dual":
        gram = _row_gram(rows.to(dtype), with_bias).to(rows.dtype)
        system = DualSystem(gram, damping)
        solution = by_chunks(deltas, lambda part: conjugate_gradient(system, part, steps, rtol))
        return explicit_direction(rows, solution, with_bias)
    gram = _column_gram(rows.to(dtype), with_bias).to(rows.dtype)
    gradient = _gradient(rows, deltas, with_bias)
    return _split(conjugate_gradient(DenseSystem(gram, damping), gradient, steps, rtol), width)


def _solve(
    rows: Tensor, deltas: Tensor, tau: Tensor, with_bias: bool, dtype: torch.dtype
) -> tuple[LayerDirection, Tensor]:
    """The direction, and for which copies the arithmetic was good enough, (C,)."""
    count, width = rows.shape[1:]
    units = deltas.shape[2]
    if choose_route(count, width + with_bias, units, 0, spectral=False) == "primal":
        gradient = _gradient(rows, deltas, with_bias).to(dtype)
        gram = _each(_column_gram(rows.to(dtype), with_bias), tau)
        solution, trusted = damped_solve(gram, tau, gradient.mT)
        return _split(solution.mT.to(rows.dtype), width), trusted
    gram = _each(_row_gram(rows.to(dtype), with_bias), tau)
    solution, trusted = damped_solve(gram, tau, deltas.to(dtype))
    return explicit_direction(rows, solution.to(rows.dtype), with_bias), trusted


def _each(gram: Tensor, tau: Tensor) -> Tensor:
    """A Gram for every copy, also where they share it."""
    return gram.expand(len(tau), -1, -1).clone() if len(gram) < len(tau) else gram


def _shared_exact(rows: Tensor, deltas: Tensor, tau: Tensor, with_bias: bool) -> LayerDirection:
    """The exact direction where all copies share A: one eigendecomposition serves every τ.

    With ``ÃᵀÃ = VΛVᵀ`` (or ``ÃÃᵀ = VΛVᵀ``, the smaller), ``D = Δᵀ Y`` where
    ``Y = ÃV (Λ + I/τ)⁻¹ Vᵀ`` (``V (Λ + I/τ)⁻¹ VᵀÃ``) takes the place of Ã in the gradient. Rounding
    is amplified in ÃV only, so that is float64 and the rest need not be.
    """
    wide = _with_ones(rows, with_bias)[0].double()
    if wide.shape[0] < wide.shape[1]:
        values, vectors = torch.linalg.eigh(wide @ wide.mT)
        left, right = vectors, vectors.mT @ wide
    else:
        values, vectors = torch.linalg.eigh(wide.mT @ wide)
        left, right = wide @ vectors, vectors.mT
    gains = 1.0 / (values.clamp(min=0.0) + 1.0 / tau.double()[:, None])
    scaled = (left * gains[:, None]).to(rows.dtype)
    damped = (scaled.flatten(0, 1) @ right.to(rows.dtype)).view(len(tau), *wide.shape)
    return _split(torch.bmm(deltas.mT, damped), rows.shape[2])


def _row_gram(rows: Tensor, with_bias: bool) -> Tensor:
    """K = ÃÃᵀ, (C, N, N)."""
    gram = torch.bmm(rows, rows.mT)
    return gram.add_(1.0) if with_bias else gram


def _column_gram(rows: Tensor, with_bias: bool) -> Tensor:
    """S = ÃᵀÃ, (C, p, p), the ones column last."""
    rows = _with_ones(rows, with_bias)
    return torch.bmm(rows.mT, rows)


def _with_ones(rows: Tensor, with_bias: bool) -> Tensor:
    """Ã, the ones column last."""
    return torch.cat([rows, rows.new_ones(*rows.shape[:2], 1)], 2) if with_bias else rows


def _gradient(rows: Tensor, deltas: Tensor, with_bias: bool) -> Tensor:
    """G = ΔᵀÃ, (C, m, p)."""
    weight, bias = explicit_direction(rows, deltas, with_bias)
    return weight if bias is None else torch.cat([weight, bias[..., None]], 2)


def _split(direction: Tensor, width: int) -> LayerDirection:
    bias = direction[..., -1] if direction.shape[-1] > width else None
    return LayerDirection(direction[..., :width], bias)
