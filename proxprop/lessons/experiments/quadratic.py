"""Lessons 2 and 3: one layer's least-squares problem, made up and real."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from proxprop import ProxPropLinear
from proxprop.analysis.capture import backpropagate
from proxprop.analysis.layer_problem import LayerProblem
from proxprop.lessons.experiments.setting import digits
from proxprop.lessons.verdict import Measured, at_least, at_most, for_information

TAUS = (1e-3, 1e-1, 1e1, 1e3)
COUNTS = (1, 2, 3, 5, 10)


def explicit_blows_up() -> list[Measured]:
    """Iterate both steps on one quadratic; find by running where the explicit one fails."""
    torch.manual_seed(0)
    rows = torch.randn(12, 4, dtype=torch.float64)
    rows *= torch.tensor([3.0, 1.0, 0.4, 0.2], dtype=torch.float64)
    wanted = torch.randn(12, 3, dtype=torch.float64)
    spectrum = LayerProblem(torch.nn.Linear(4, 3, bias=False).double(), rows).spectrum
    predicted = spectrum.subproblem_limit
    low, high = predicted / 4, predicted * 4
    while high / low > 1 + 1e-5:
        middle = math.sqrt(low * high)
        grows = _factor(rows, wanted, "explicit", middle, steepest=True) > 1
        low, high = (low, middle) if grows else (middle, high)
    numbers = [
        for_information("explicit limit predicted, s = 2/λ_max", predicted),
        for_information("explicit limit found by running", high),
        at_most("  they differ by", abs(high / predicted - 1), 1e-4),
    ]
    for tau in TAUS:
        factor = _factor(rows, wanted, "exact", tau, steepest=False)
        expected = 1 / (1 + tau * spectrum.lambda_min)
        numbers.append(at_most(f"implicit step's factor at τ = {tau:g}", factor, 1 - 1e-9))
        numbers.append(_agrees(factor, expected, "1/(1 + τλ_min)"))
    return numbers


def a_real_layer() -> list[Measured]:
    """Compare what each step delivers on a digits layer with what its filters predict."""
    problem = digits(100, (128, 64))
    model = problem.model
    seen = backpropagate(model, F.cross_entropy, problem.inputs, problem.targets)
    name, (inputs, delta) = next(iter(seen.requests.items()))
    layer = model.get_submodule(name)
    assert isinstance(layer, torch.nn.Linear)
    tau = 0.05
    described = LayerProblem(layer, inputs).asked(delta, name=name, implicit=True, units=10**6)
    response = described.response(tau)
    numbers = [
        for_information("the layer's λ_max", described.lambda_max),
        for_information("its own limit 2/λ_max", described.subproblem_limit),
        at_least("τ over that limit", tau / described.subproblem_limit, 1.0),
    ]
    explicit = _left_over(layer, inputs, delta, "explicit", tau, 1)
    numbers.append(at_least("left over by the explicit step, s = τ", explicit, 1.0))
    numbers.append(_agrees(explicit, response.overshoot["explicit"]))
    exact = _left_over(layer, inputs, delta, "exact", tau, 1)
    numbers.append(at_most("left over by the implicit step", exact, 1.0))
    numbers.append(_agrees(exact, response.overshoot["exact"]))
    before = math.inf
    for count in COUNTS:
        left = _left_over(layer, inputs, delta, "cg", tau, count)
        numbers.append(at_most(f"left over by {count} CG steps", left, min(before, 1.0)))
        numbers.append(_agrees(left, described.response(tau, count).overshoot["cg"]))
        before = left
    return numbers


def _agrees(measured: float, predicted: float, what: str = "what the filters predict") -> Measured:
    return at_most(f"  differs from {what} by", abs(measured / predicted - 1), 1e-6)


def _factor(rows: Tensor, wanted: Tensor, solver: str, size: float, *, steepest: bool) -> float:
    """Return by what the library's own step multiplies one component of the distance to go.

    Args:
        rows: Ã. Shape: (N, d).
        wanted: T of the problem ½‖ÃΘᵀ − T‖². Shape: (N, m).
        solver: "explicit" or "exact".
        size: s, or τ.
        steepest: Along the eigenvector of λ_max, or that of λ_min.
    """
    units, columns = wanted.shape[1], rows.shape[1]
    layer = ProxPropLinear(columns, units, bias=False, tau=size, solver=solver, dtype=torch.float64)
    solution = torch.linalg.lstsq(rows, wanted).solution.T
    along = torch.linalg.eigh(rows.T @ rows)[1][:, -1 if steepest else 0]
    with torch.no_grad():
        layer.weight.copy_(solution + along)
    (0.5 * (layer(rows) - wanted).square().sum()).backward()
    torch.optim.SGD(layer.parameters(), lr=size if solver == "explicit" else 1.0).step()
    left = (layer.weight.detach() - solution) @ along
    return float(left.norm() / units**0.5)


def _left_over(
    layer: torch.nn.Linear, inputs: Tensor, delta: Tensor, solver: str, size: float, count: int
) -> float:
    """Return ‖φ(θ⁺, a) − z½‖ / ‖φ(θ, a) − z½‖ of the library's own step on a layer."""
    weight, bias = layer.weight.detach(), layer.bias.detach()
    units, columns = weight.shape
    copy = ProxPropLinear(
        columns, units, tau=size, solver=solver, cg_steps=count, dtype=weight.dtype
    )
    copy.load_state_dict({"weight": weight, "bias": bias})
    output = copy(inputs)
    output.backward(delta)
    scale = size if solver == "explicit" else 1.0
    assert copy.weight.grad is not None
    assert copy.bias.grad is not None
    moved = F.linear(inputs, weight - scale * copy.weight.grad, bias - scale * copy.bias.grad)
    left = moved - (output.detach() - delta)
    return float(left.norm() / delta.norm())
