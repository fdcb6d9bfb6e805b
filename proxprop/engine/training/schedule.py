"""How the step sizes evolve: one factor on both η and the explicit layers' η."""

from __future__ import annotations

import math

from proxprop.spec.config import BudgetConfig, ScheduleConfig


def step_limit(budget: BudgetConfig, steps_per_epoch: int) -> int | None:
    """Return how many steps the budget allows, or None where seconds alone decide."""
    limits = [] if budget.steps is None else [budget.steps]
    if budget.epochs is not None:
        limits.append(math.ceil(budget.epochs * steps_per_epoch - 1e-9))
    return min(limits, default=None)


def schedule_factor(
    schedule: ScheduleConfig, step: int, steps_per_epoch: int, total: float | None
) -> float:
    """Return what the step sizes are multiplied by in the step after `step` steps.

    Args:
        schedule: Warm-up and decay.
        step: Steps done.
        steps_per_epoch: Batches in one pass.
        total: Steps of the whole run, for "cosine"; None reads as endless.
    """
    warmup = schedule.warmup * steps_per_epoch
    if step + 1 < warmup:
        return (step + 1) / warmup  # never zero: a first step of length 0 would be wasted
    since = max(0.0, step - warmup)
    if schedule.name == "step":
        return float(schedule.gamma ** int(since / steps_per_epoch / schedule.every))
    if schedule.name == "exponential":
        return float(schedule.gamma ** (since / steps_per_epoch))
    if schedule.name == "cosine" and total is not None:
        done = min(1.0, since / max(1.0, total - warmup))
        return schedule.final + (1 - schedule.final) * 0.5 * (1 + math.cos(math.pi * done))
    return 1.0
