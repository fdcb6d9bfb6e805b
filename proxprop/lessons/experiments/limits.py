"""Lesson 5: a whole network over decades of step size."""

from __future__ import annotations

import math
from copy import deepcopy

import torch

from proxprop import convert, param_groups
from proxprop.analysis.curvature import NetworkCurvature
from proxprop.engine.sweeping import sweep
from proxprop.lessons.experiments.setting import Digits, digits, squared_error
from proxprop.lessons.verdict import Measured, at_least, between, for_information
from proxprop.spec.config import SweepConfig
from proxprop.spec.controls import NoControls
from proxprop.spec.events import Point
from proxprop.spec.sweeping import default_sweep

TAU, STEPS = 0.05, 25
PRECISION = 1.02  # of a limit found by running
GOOD = 1.0  # training loss below which a run of the map has learnt; guessing has 2.3
POINTS = 11


def where_training_fails() -> list[Measured]:
    """Find the network's limits by running, and how much of the map each method can train on."""
    problem = digits(200, (32, 16), "tanh")
    limits = {}
    numbers = []
    for name, implicit in (("explicit", False), ("implicit (exact)", True)):
        limits[name] = _predicted(problem, implicit=implicit)
        found = _found(problem, limits[name], implicit=implicit)
        numbers.append(for_information(f"limit on η predicted, {name}", limits[name]))
        low, high = (0.85, 1.3) if not implicit else (0.95, 1.1)
        numbers.append(between("  found by running, over it", found / limits[name], low, high))
    moved = limits["implicit (exact)"] / limits["explicit"]
    numbers.append(between("limit on η, implicit over explicit: moved, not gone", moved, 1.5, 1e3))
    config = default_sweep(points=POINTS, seeds=1, steps=60)
    config = SweepConfig.parse({**config.model_dump(), "methods": config.methods[:2]})
    explicit, exact = _decades(config)
    numbers.append(for_information("decades of step size that train, explicit", explicit))
    numbers.append(at_least("  more of them, implicit (exact)", exact - explicit, 1.0))
    return numbers


def _model(problem: Digits, *, implicit: bool) -> torch.nn.Module:
    model = deepcopy(problem.model)
    if implicit:
        convert(model, tau=TAU, solver="exact")
    return model


def _predicted(problem: Digits, *, implicit: bool) -> float:
    """Return 2/λ_max(∇²J), or 2/λ_max(P∇²J)."""
    model = _model(problem, implicit=implicit)
    curvature = NetworkCurvature(
        model, squared_error, problem.inputs, problem.targets, rtol=1e-2, max_steps=200
    )
    return (curvature.proximal_limit() if implicit else curvature.explicit_limit()).limit


def _found(problem: Digits, predicted: float, *, implicit: bool) -> float:
    """Return the least η near the limit at which some step fails to lower the loss."""
    low, high = predicted / 4, predicted * 4
    if not _descends(problem, low, implicit=implicit):
        return low
    while high / low > PRECISION:
        middle = math.sqrt(low * high)
        descends = _descends(problem, middle, implicit=implicit)
        low, high = (middle, high) if descends else (low, middle)
    return high


def _descends(problem: Digits, lr: float, *, implicit: bool) -> bool:
    model = _model(problem, implicit=implicit)
    optimizer = torch.optim.SGD(param_groups(model, lr), lr=lr)
    before = math.inf
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = squared_error(model(problem.inputs), problem.targets)
        if not loss.item() < before:
            return False
        before = loss.item()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return True


def _decades(config: SweepConfig) -> list[float]:
    """Return, by method, over how many decades of step size its runs have learnt."""
    losses = {}
    for event in sweep(config, NoControls()):
        if isinstance(event, Point) and event.table == "evaluations":
            losses[event.member] = event.values["train_loss"]
    grid = config.methods[0].lr or config.methods[0].tau
    assert grid is not None
    decades = math.log10(grid.high / grid.low) / (POINTS - 1)
    cells = config.cells()
    learnt = [
        sum(losses[at] < GOOD for at in range(len(cells)) if cells[at].method == method)
        for method in range(len(config.methods))
    ]
    return [count * decades for count in learnt]
