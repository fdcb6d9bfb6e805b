"""The proximal update direction of a linear layer, its Grams, and the counts that choose.

D = G (ÃᵀÃ + I/τ)⁻¹ from the *primal* system, of one row and column a trainable column of Ã, or by
D = Yᵀ Ã with (ÃÃᵀ + I/τ) Y = Δ from the *dual* one, of one row and column a row of Ã.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from proxprop.core.exact import dual_exact, primal_exact
from proxprop.core.rows import column_gram, joint_gradient, row_gram, row_products, separated
from proxprop.core.solvers.cg import (
    DenseSystem,
    DiagonalSystem,
    DualSystem,
    Operator,
    by_chunks,
    conjugate_gradient,
    symmetric_eigen,
)
from proxprop.core.solvers.cholesky import NON_FINITE, SOLVED
from proxprop.core.solvers.precision import compute_dtype, gram_dtype, host_can_read
from proxprop.settings import SolveSpec

# FLOPs of a symmetric eigendecomposition with vectors in units of n³, counted at the speed of a
# matrix product (measured on two cores at n = 500).
_EIGEN_FLOPS = 12.0


def solved_status(like: Tensor) -> Tensor:
    """``SOLVED`` as a scalar on a tensor's device, traced as the tensor is."""
    return torch.full_like(like[:0].sum(), SOLVED, dtype=torch.int8)


@functools.cache
def host_status(status: int) -> Tensor:
    """A status on the host, made once."""
    with torch.inference_mode(False):  # it outlives the mode that this step runs in
        return torch.tensor(status, dtype=torch.int8)


class Direction(NamedTuple):
    """D = G (ÃᵀÃ + I/τ)⁻¹ split into weight and bias, and how it was found.

    Attributes:
        weight: In the weight's shape, or None if the weight does not train.
        bias: (m,), or None if the bias does not train.
        status: Scalar int tensor, see :class:`~proxprop.core.solvers.cholesky.Damped`.
        route: ``"dual"`` or ``"primal"``, with ``"-spectral"`` for CG in the eigenbasis;
            ``"empty"`` if there was nothing to solve, ``"explicit"`` if D = G.
    """

    weight: Tensor | None
    bias: Tensor | None
    status: Tensor
    route: str


def linear_direction(
    rows: Tensor, grad_output: Tensor, spec: SolveSpec, train_weight: bool, train_bias: bool
) -> Direction:
    """D = G (ÃᵀÃ + I/τ)⁻¹ for one linear layer (Frerix et al. 2018, Alg. 2).

    Args:
        rows: Layer input A, (N, d).
        grad_output: Δ = ∂J/∂Z, (N, m).
        spec: τ and the solver.
        train_weight: Whether the columns of A belong to Ã.
        train_bias: Whether the ones column belongs to Ã.

    Returns:
        Weight direction (m, d) and bias direction (m,); None for what does not train.
    """
    dtype = compute_dtype(rows, grad_output)
    rows, grad_output = rows.to(dtype), grad_output.to(dtype)
    if not train_weight:
        rows = rows[:, :0]
    count, width = rows.shape
    units = grad_output.shape[1]
    columns = width + int(train_bias)
    bias: Tensor | None
    if count == 0 or columns == 0 or units == 0:
        weight, bias, route = rows.new_zeros(units, width), rows.new_zeros(units), "empty"
        status = solved_status(grad_output)
    elif spec.solver == "cg":
        route = choose_route(count, columns, units, spec.cg_steps, host_can_read(rows))
        weight, bias, gram = cg_direction(
            rows, grad_output, spec.damping(), spec.cg_steps, spec.cg_rtol, train_bias, route
        )
        status = (~gram.diagonal().sum().isfinite()).to(torch.int8) * NON_FINITE
    else:
        route = choose_route(count, columns, units, 0, False)
        solve = dual_exact if route == "dual" else primal_exact
        weight, bias, outcome = solve(rows, grad_output, spec.damping(), train_bias)
        status = host_status(outcome) if isinstance(outcome, int) else outcome
    return Direction(weight if train_weight else None, bias if train_bias else None, status, route)


class LinearMap:
    """``Z = A Wᵀ + b``, and what its backward pass needs."""

    direction = staticmethod(linear_direction)

    def forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Z, never a view: autograd forbids changing a Function's view in place."""
        output = F.linear(input, weight, bias)
        return output if input.dim() == 2 else torch.ops.aten._unsafe_view(output, output.shape)

    def samples(self, input: Tensor, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        """Input and Δ as rows: (*, d) to (N, d) and (*, m) to (N, m)."""
        rows = input.shape[:-1].numel()  # not -1: with a width of 0 nothing would tell
        widths = input.shape[-1], grad_output.shape[-1]
        return input.reshape(rows, widths[0]), grad_output.reshape(rows, widths[1])

    def input_gradient(self, input: Tensor, weight: Tensor, grad_output: Tensor) -> Tensor:
        """∂J/∂A, the ordinary gradient handed to the layer below."""
        return grad_output @ weight

    def gradient(self, rows: Tensor, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        """G of rows and Δ, as the weight's and the bias's gradient."""
        return grad_output.mT @ rows, grad_output.sum(0)

    def accurate_gradient(
        self, rows: Tensor, grad_output: Tensor, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """G for a product with an inverse of type ``dtype``."""
        return self.gradient(rows.to(dtype), grad_output.to(dtype))


def cg_direction(
    rows: Tensor,
    grad_output: Tensor,
    damping: float | Tensor,
    steps: int,
    rtol: float,
    with_bias: bool,
    route: str,
) -> tuple[Tensor, Tensor | None, Tensor]:
    """CG iterates from zero, in the space and basis where they are cheapest.

    Args:
        rows: Layer input A, (..., N, d).
        grad_output: Δ, (..., N, m).
        damping: 1/τ > 0; as a tensor (..., 1, 1), each of a batch its own.
        steps: CG steps ≥ 1.
        rtol: A unit stops once its residual is below this fraction of its gradient.
        with_bias: Whether Ã has a ones column.
        route: See :func:`choose_route`; the eigenbasis takes no leading axes.

    Returns:
        Weight direction (..., m, d), bias direction (..., m) and the Gram.
    """

    def solve(system: Operator, rhs: Tensor) -> Tensor:
        return conjugate_gradient(system, rhs, steps, rtol)

    dual, dtype = route.startswith("dual"), gram_dtype(rows)
    rows, grad_output = rows.to(dtype), grad_output.to(dtype)
    gram = (row_gram if dual else column_gram)(rows, with_bias)
    eigen = symmetric_eigen(gram) if route.endswith("-spectral") else None
    if not dual:
        gradient = joint_gradient(rows, grad_output, with_bias)
        if eigen is None:
            direction = solve(DenseSystem(gram, damping), gradient)
        else:
            diagonal, basis = DiagonalSystem(eigen[0], damping, dual=False), eigen[1].mT
            direction = solve(diagonal, basis @ gradient.mT).mT @ basis
        return *separated(direction, with_bias), gram
    if eigen is None:
        system = DualSystem(gram, damping)
        solution = by_chunks(grad_output, lambda part: solve(system, part))
        return *row_products(solution, rows, with_bias), gram
    diagonal, basis = DiagonalSystem(eigen[0], damping, dual=True), eigen[1].mT
    solution = by_chunks(grad_output, lambda part: solve(diagonal, basis @ part))
    # The way back goes through the narrower of Y and A.
    if grad_output.shape[1] <= rows.shape[1]:
        return *row_products(eigen[1] @ solution, rows, with_bias), gram
    bias = solution.mT @ eigen[1].sum(0) if with_bias else None
    return solution.mT @ (basis @ rows), bias, gram


def exact_flops(size: int, other: int, units: int) -> float:
    """FLOPs of an exact solve beyond the weight-gradient product that backprop does anyway.

    Gram (half of it, being symmetric), Cholesky and inverse, and the inverse's product with the
    narrower side of the weight-gradient product.

    Args:
        size: n, of the system: rows (dual) or trainable columns (primal).
        other: The other of the two.
        units: m, output units.
    """
    return float(size) ** 2 * other + float(size) ** 3 + 2.0 * size * size * min(units, other)


def cg_flops(size: int, other: int, units: int, steps: int) -> float:
    """FLOPs of ``steps`` CG steps: Gram, and one product with it a step and unit."""
    return float(size) ** 2 * other + 2.0 * steps * size * size * units


def spectral_cg_flops(size: int, other: int, units: int) -> float:
    """FLOPs of any number of CG steps in the eigenbasis: Gram, eigenbasis, there and back."""
    back = min(units, other)
    return (
        float(size) ** 2 * other
        + _EIGEN_FLOPS * float(size) ** 3
        + 2.0 * size * size * (units + back)
    )


def choose_route(rows: int, columns: int, units: int, cg_steps: int, spectral: bool) -> str:
    """The cheapest way to the direction.

    Args:
        rows: N, rows of the layer input.
        columns: p, trainable columns per unit.
        units: m, output units.
        cg_steps: k for CG, 0 for the exact step.
        spectral: Whether CG may use the Gram's eigenbasis (a CPU, and nothing traces the code).

    Returns:
        ``"dual"`` or ``"primal"``, with ``"-spectral"`` for CG in the eigenbasis.
    """
    costs = _route_costs(rows, columns, units, cg_steps, spectral)
    cheapest = min(costs.values())  # torch 2.9 and 2.10 do not compile min(key=...)
    return next(name for name, cost in costs.items() if cost == cheapest)


def direction_flops(rows: int, columns: int, units: int, cg_steps: int) -> float:
    """FLOPs that a layer's direction adds to a plain step; see :func:`choose_route`."""
    return min(_route_costs(rows, columns, units, cg_steps, cg_steps > 0).values())


def _route_costs(
    rows: int, columns: int, units: int, cg_steps: int, spectral: bool
) -> dict[str, float]:
    costs = {}
    for name, size, other in (("dual", rows, columns), ("primal", columns, rows)):
        if cg_steps == 0:
            costs[name] = exact_flops(size, other, units)
            continue
        costs[name] = cg_flops(size, other, units, cg_steps)
        if spectral:
            costs[f"{name}-spectral"] = spectral_cg_flops(size, other, units)
    return costs
