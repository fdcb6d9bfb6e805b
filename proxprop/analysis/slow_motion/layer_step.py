"""The same step taken by the library's layers, and what is known of their problems."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from proxprop.analysis.layer_problem import LayerProblem
from proxprop.analysis.slow_motion.plain import PlainPass
from proxprop.analysis.slow_motion.source import State
from proxprop.analysis.spectra import LayerResponse
from proxprop.conversion import convert, iter_prox_layers
from proxprop.diagnostics import SolveRecord

TOP = 8  # eigenvectors whose share of the request is told


@dataclass(frozen=True)
class LayerStep:
    """One layer that takes the implicit step.

    Attributes:
        name: Its name in the model.
        direction: D = [D_W D_b] with the solver in force. Shape: (m, d).
        gradient: G in the same shape.
        cosine: cos∠(D, G).
        exact_cosine: The same for the exact D.
        bound: Kantorovich's bound on it; 0 where the least eigenvalue is not known.
        condition: Condition of ``ÃᵀÃ + I/τ`` on the range of Ãᵀ.
        lambda_max: Largest eigenvalue of ``ÃᵀÃ``.
        top_energy: Share of ``‖Δ‖²`` along the top eigenvectors, descending.
        overshoot_exact: Overshoot of the exact step.
        route: System that the layer solved.
        seconds: How long that took, in float64.
    """

    name: str
    direction: Tensor
    gradient: Tensor
    cosine: float
    exact_cosine: float
    bound: float
    condition: float
    lambda_max: float
    top_energy: tuple[float, ...]
    overshoot_exact: float
    route: str
    seconds: float


def layer_steps(state: State, plain: PlainPass, cg_steps: int | None) -> list[LayerStep]:
    """Run the step through converted layers; layers that nothing is asked of are left out."""
    direction = state.config.direction
    skip_last = direction.layers == "hidden"
    exact = _backward(state, "exact", 1, skip_last)
    chosen = exact if cg_steps is None else _backward(state, "cg", cg_steps, skip_last)
    modules = dict(state.model.named_modules())
    found = []
    for name in chosen:
        received, delta = plain.requests[name]
        if float(delta.norm()) > 0:
            response = LayerProblem(modules[name], received).asked(delta).response(direction.tau)
            found.append(
                _step(name, chosen[name], exact[name][0], plain.joined(name), response, state)
            )
    return found


def _step(
    name: str,
    chosen: tuple[Tensor, SolveRecord],
    exact: Tensor,
    gradient: Tensor,
    response: LayerResponse,
    state: State,
) -> LayerStep:
    tau = state.config.direction.tau
    layer = response.layer
    direction, record = chosen
    return LayerStep(
        name,
        direction,
        gradient,
        _cosine(direction, gradient),
        _cosine(exact, gradient),
        layer.angle_bound(tau),
        layer.condition(tau),
        layer.lambda_max,
        tuple(layer.energy[:TOP].tolist()),
        response.overshoot["exact"],
        record.route,
        record.seconds,
    )


def _backward(
    state: State, solver: str, cg_steps: int, skip_last: bool
) -> dict[str, tuple[Tensor, SolveRecord]]:
    """Return D and the solve's record of each converted layer, by name."""
    model = copy.deepcopy(state.model)
    convert(
        model, tau=state.config.direction.tau, solver=solver, cg_steps=cg_steps, skip_last=skip_last
    )
    records: dict[str, SolveRecord] = {}
    for name, layer in iter_prox_layers(model):
        layer.observer = lambda record, name=name: records.update({name: record})
    with torch.enable_grad():
        loss = F.cross_entropy(model(state.inputs), state.targets)
        loss.backward()  # type: ignore[no-untyped-call]
    return {
        name: (_joined(layer), records[name])
        for name, layer in iter_prox_layers(model)
        if name in records
    }


def _joined(layer: nn.Module) -> Tensor:
    """Return ``.grad`` of weight and bias as one matrix [W b]."""
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, nn.Parameter)
    assert weight.grad is not None
    parts = [weight.grad.flatten(1)]
    if isinstance(bias, nn.Parameter) and bias.grad is not None:
        parts.append(bias.grad[:, None])
    return torch.cat(parts, dim=1)


def _cosine(one: Tensor, two: Tensor) -> float:
    size = float(one.norm()) * float(two.norm())
    return float((one * two).sum()) / size if size > 0 else 0.0
