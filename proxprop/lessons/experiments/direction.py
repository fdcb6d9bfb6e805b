"""Lessons 4 and 9: the direction along a run, and the direction of a running Gram."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from proxprop import ProxPropLinear, convert
from proxprop.analysis.capture import backpropagate
from proxprop.analysis.layer_problem import LayerProblem
from proxprop.conversion import iter_prox_layers
from proxprop.lessons.experiments.setting import Digits, digits, trained
from proxprop.lessons.verdict import Measured, at_least, at_most, for_information
from proxprop.spec.config import RunConfig

TAU = 0.05
STEPS, BATCH, LR = 20, 60, 0.5
COMMON = {
    "budget.epochs": 8.0,
    "evaluation.every": 8.0,
    "instruments.tier": "off",
    "optimizer.explicit_lr": 0.05,
}
CONTENDERS: dict[str, dict[str, Any]] = {
    "explicit": {"direction.solver": "explicit", "optimizer.lr": 0.05},
    "batch Gram": {"optimizer.lr": 5.0},
    "running Gram": {"optimizer.lr": 5.0, "direction.gram": "running"},
}


def always_descends() -> list[Measured]:
    """Follow the angle of every layer's direction along a run; then add two batches' directions."""
    numbers = []
    for name, solver, steps in (("exact", "exact", 3), ("CG 3", "cg", 3)):
        cosines, margins = zip(*_angles(solver, steps))
        numbers.append(at_least(f"least cosine of D and G along a run, {name}", min(cosines), 1e-3))
        if solver == "exact":
            numbers.append(at_least("  least cosine over its bound", min(margins), 1.0))
    numbers.append(at_most("two batches' directions added, cosine with G", _two_batches(), 0.0))
    return numbers


def _angles(solver: str, cg_steps: int) -> Iterator[tuple[float, float]]:
    """Yield cosine, and cosine over its bound, of every implicit layer at every step."""
    problem = digits(BATCH * 4, (32, 16))
    model = problem.model
    for step in range(STEPS):
        picked = slice(step % 4 * BATCH, (step % 4 + 1) * BATCH)
        batch = Digits(model, problem.inputs[picked], problem.targets[picked])
        plain, proximal = (_grads(batch, kind, cg_steps) for kind in ("explicit", solver))
        for name, (inputs, _) in list(_requests(batch).items())[:-1]:
            cosine = F.cosine_similarity(plain[name], proximal[name], dim=0).item()
            spectrum = LayerProblem(model.get_submodule(name), inputs).spectrum
            yield cosine, cosine / spectrum.angle_bound(TAU)
        with torch.no_grad():
            for name, layer in _linears(model):
                change = proximal[name].view(layer.out_features, -1)
                layer.weight.sub_(LR * change[:, :-1])
                layer.bias.sub_(LR * change[:, -1])


def _grads(problem: Digits, solver: str, cg_steps: int) -> dict[str, Tensor]:
    """Return each layer's [weight, bias] direction as one vector."""
    model = deepcopy(problem.model)
    convert(model, tau=TAU, solver=solver, cg_steps=cg_steps)
    F.cross_entropy(model(problem.inputs), problem.targets).backward()  # type: ignore[no-untyped-call]
    return {
        name: torch.cat([layer.weight.grad, layer.bias.grad[:, None]], dim=1).flatten()
        for name, layer in _linears(model)
        if layer.weight.grad is not None and layer.bias.grad is not None
    }


def _requests(problem: Digits) -> dict[str, tuple[Tensor, Tensor]]:
    """Return each layer's input and Δ."""
    seen = backpropagate(problem.model, F.cross_entropy, problem.inputs, problem.targets)
    return seen.requests


def _linears(model: nn.Module) -> list[tuple[str, nn.Linear]]:
    return [(name, m) for name, m in model.named_modules() if isinstance(m, nn.Linear)]


def _two_batches() -> float:
    """Return the cosine of the sums of D and of G over two batches that disagree on the scale."""
    small, large = 0.1, 10.0
    sums = {solver: torch.zeros(2, dtype=torch.float64) for solver in ("explicit", "exact")}
    for columns, wanted in (((small, large), (1.0, -2.0)), ((large, small), (-2.0, 1.0))):
        rows = torch.diag(torch.tensor(columns, dtype=torch.float64))
        delta = torch.tensor([[w / c] for w, c in zip(wanted, columns)], dtype=torch.float64)
        for solver, total in sums.items():
            layer = ProxPropLinear(2, 1, bias=False, tau=1.0, solver=solver, dtype=torch.float64)
            layer(rows).backward(delta)
            assert layer.weight.grad is not None
            total += layer.weight.grad[0]
    return F.cosine_similarity(sums["explicit"], sums["exact"], dim=0).item()


def running_gram() -> list[Measured]:
    """Compare a running Gram with the batch's: first step, added batches, loss and seconds."""
    problem = digits(120, (32, 16))
    whole, halves = [slice(None)], [slice(0, 60), slice(60, 120)]
    paper = _direction(problem, whole)
    fresh = _direction(problem, whole, gram="running", decay=0.0, refresh=1)
    standing = [_direction(problem, parts, gram="running") for parts in (whole, halves)]
    numbers = [
        at_most("refreshed each step, it differs from Algorithm 2 by", _apart(fresh, paper), 1e-10),
        at_most("two half batches added differ from the batch by", _apart(*standing), 1e-10),
        at_least("  with batch Grams, by", _apart(_direction(problem, halves), paper), 1e-3),
    ]
    ends = trained(*(RunConfig().replace(**COMMON, **own) for own in CONTENDERS.values()))
    for name, end in zip(CONTENDERS, ends, strict=True):
        numbers.append(for_information(f"loss after 8 epochs, {name}", end.loss))
        numbers.append(for_information("  seconds a step", end.step_seconds))
    plain, batch, running = ends
    numbers.append(at_most("loss, running Gram over explicit", running.loss / plain.loss, 0.5))
    numbers.append(at_most("  over batch Gram", running.loss / batch.loss, 1.25))
    extra = [end.step_seconds - plain.step_seconds for end in (running, batch)]
    numbers.append(at_most("extra seconds a step, running over batch", extra[0] / extra[1], 1.0))
    return numbers


def _direction(problem: Digits, parts: list[slice], **proximal: Any) -> Tensor:
    """Return the implicit layers' direction, added over parts of the batch, after one step."""
    model = deepcopy(problem.model)
    convert(model, tau=TAU, **proximal)
    count = len(problem.targets)
    for picked in ([slice(None)], parts):
        model.zero_grad()
        for part in picked:
            scores = model(problem.inputs[part])
            loss = F.cross_entropy(scores, problem.targets[part], reduction="sum") / count
            loss.backward()  # type: ignore[no-untyped-call]
        if picked is not parts:
            torch.optim.SGD(model.parameters(), lr=1e-3).step()
    grads = [p.grad for _, layer in iter_prox_layers(model) for p in layer.parameters()]
    return torch.cat([grad.flatten() for grad in grads if grad is not None])


def _apart(left: Tensor, right: Tensor) -> float:
    return float((left - right).norm() / right.norm())
