"""Lesson 1: backpropagation is a sweep of gradient steps on a penalty."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from proxprop import convert
from proxprop.lessons.experiments.setting import Digits, digits
from proxprop.lessons.verdict import Measured, at_most
from proxprop.penalty import collect, explicit_sweep, proximal_sweep

LR, TAU = 0.5, 0.05
BATCH = 60


def backprop_is_a_sweep() -> list[Measured]:
    """Compare Algorithm 1 with autograd, and Algorithm 2 with the layers."""
    problem = digits(BATCH, (32, 16), "tanh")
    numbers = []
    gradients = _left_in_grad(problem)
    _, swept = collect(explicit_sweep(*problem, F.cross_entropy, lr=LR))
    error = _largest_error(problem, swept.parameters, gradients)
    numbers.append(at_most("Algorithm 1 and autograd differ by", error, 1e-12))
    for name, solver, steps in (("exact", "exact", None), ("CG 3", "cg", 3)):
        directions = _left_in_grad(problem, tau=TAU, solver=solver, cg_steps=steps or 1)
        sweep = proximal_sweep(*problem, F.cross_entropy, lr=LR, tau=TAU, cg_steps=steps)
        _, swept = collect(sweep)
        error = _largest_error(problem, swept.parameters, directions)
        numbers.append(at_most(f"Algorithm 2 and the layers, {name}, differ by", error, 1e-10))
    return numbers


def _left_in_grad(problem: Digits, **proximal: Any) -> dict[str, Tensor]:
    """Return what one backward pass leaves, of proximal layers where they are asked for."""
    model = deepcopy(problem.model)
    if proximal:
        convert(model, **proximal)
    F.cross_entropy(model(problem.inputs), problem.targets).backward()  # type: ignore[no-untyped-call]
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def _largest_error(
    problem: Digits, reached: dict[str, Tensor], directions: dict[str, Tensor]
) -> float:
    """Return the largest relative difference between two ways to the same step."""
    errors = []
    for name, start in problem.model.named_parameters():
        step, expected = start.detach() - reached[name], LR * directions[name]
        errors.append(torch.linalg.vector_norm(step - expected) / expected.norm())
    return float(torch.stack(errors).max())
