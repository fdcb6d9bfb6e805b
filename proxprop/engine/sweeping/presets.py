"""Sweeps to start from. Loads no torch."""

from __future__ import annotations

from typing import Any

from proxprop.spec.config import SweepConfig

_TASK: dict[str, Any] = {
    "data": {"name": "digits"},
    "model": {"name": "mlp", "widths": (128, 64), "activation": "relu"},
    "batch_size": 100,
}


def default_sweep(points: int = 25, seeds: int = 3, steps: int = 100) -> SweepConfig:
    """Return explicit, exact and CG-3 steps over the same range of s = η, or η·τ.

    Plain SGD on the digits, 64-128-64-10. Proximal steps want a large η and a small step size on
    the explicit last layer, here 100 and 0.1: with η = 1 they are far from any limit and slow.

    Args:
        points: Step sizes per method.
        seeds: Seeds, from 0.
        steps: Optimizer steps of every run.
    """
    lr = {"low": 1e-2, "high": 1e3, "count": points}
    tau = {"low": 1e-4, "high": 1e1, "count": points}
    implicit = {"name": "sgd", "lr": 100.0, "explicit_lr": 0.1}
    methods = (
        {"direction": {"solver": "explicit"}, "optimizer": {"name": "sgd"}, "lr": lr},
        {"direction": {"solver": "exact"}, "optimizer": implicit, "tau": tau},
        {"direction": {"solver": "cg", "cg_steps": 3}, "optimizer": implicit, "tau": tau},
    )
    return SweepConfig.parse({**_TASK, "methods": methods, "steps": steps, "seeds": seeds})


def plane_sweep(points: int = 15, seeds: int = 1, steps: int = 100) -> SweepConfig:
    """Return the exact step over the τ × η plane, on the task of `default_sweep`.

    Args:
        points: Values of each step size.
        seeds: Seeds, from 0.
        steps: Optimizer steps of every run.
    """
    method = {
        "direction": {"solver": "exact"},
        "optimizer": {"name": "sgd", "explicit_lr": 0.1},
        "lr": {"low": 0.1, "high": 1e3, "count": points},
        "tau": {"low": 1e-4, "high": 1e1, "count": points},
    }
    return SweepConfig.parse({**_TASK, "methods": (method,), "steps": steps, "seeds": seeds})
