"""Lessons 6, 7 and 8: what training shows, by epoch and by second."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import torch
from torch import nn

from proxprop import convert
from proxprop.cost import step_cost
from proxprop.engine.racing import race
from proxprop.lessons.experiments.setting import Trained, trained
from proxprop.lessons.verdict import Measured, at_least, at_most, for_information
from proxprop.spec.config import RaceConfig, RunConfig
from proxprop.spec.controls import NoControls
from proxprop.spec.events import Point

QUIET = {"instruments.tier": "off", "evaluation.every": 5.0, "budget.epochs": 5.0}
WIDE = 256  # columns of a layer
EXPLICIT: dict[str, Any] = {"direction.solver": "explicit"}
# What each contender's four trials are: η, and the explicit layers' η where it may differ.
TRIALS: dict[str, tuple[tuple[float, float | None], ...]] = {
    "explicit": ((0.05, None), (0.1, None), (0.2, None), (0.4, None)),
    "exact": ((1.0, None), (3.0, 0.1), (10.0, 0.05), (10.0, 0.1)),
}


def fewer_epochs() -> list[Measured]:
    """Race both steps, four trials each, to the loss at which the explicit one ends."""
    contenders: list[dict[str, Any]] = []
    for solver, sizes in TRIALS.items():
        trials = [{"name": "nesterov", "lr": lr, "explicit_lr": last} for lr, last in sizes]
        losses = [
            _loss(_train({"direction.solver": solver, **_dotted("optimizer", trial)}))
            for trial in trials
        ]
        best = trials[min(range(len(trials)), key=losses.__getitem__)]
        contenders.append({"direction": {"solver": solver}, "optimizer": best})
    config = RaceConfig.parse(
        {"budget": {"epochs": 8.0}, "evaluation": {"every": 0.25}, "contenders": contenders}
    )
    curves: dict[int, list[Point]] = defaultdict(list)
    for event in race(config, NoControls()):
        if isinstance(event, Point) and event.table == "evaluations":
            curves[event.member].append(event)
    explicit, implicit = curves[0], curves[1]
    target = explicit[-1].values["train_loss"]
    there = next((point for point in implicit if point.values["train_loss"] <= target), None)
    epochs = there.epoch / explicit[-1].epoch if there else math.inf
    seconds = there.seconds / explicit[-1].seconds if there else math.inf
    return [
        for_information("best η found, explicit", contenders[0]["optimizer"]["lr"]),
        for_information("  implicit (exact)", contenders[1]["optimizer"]["lr"]),
        for_information("loss after 8 epochs, explicit", target),
        for_information("  implicit (exact)", implicit[-1].values["train_loss"]),
        at_most("epochs to the explicit one's loss, implicit over explicit", epochs, 0.8),
        for_information("  seconds, on this machine", seconds),
    ]


def with_adam() -> list[Measured]:
    """Hand both directions to Adam and RMSprop, each at the better of three step sizes."""
    numbers = []
    for name in ("adam", "rmsprop"):
        best = {
            solver: min(
                _train(
                    {"optimizer.name": name, "optimizer.lr": lr, "direction.solver": solver}
                ).loss
                for lr in (1e-3, 3e-3, 1e-2)
            )
            for solver in ("explicit", "exact")
        }
        numbers.append(for_information(f"loss after 5 epochs, {name}, explicit", best["explicit"]))
        numbers.append(for_information("  implicit (exact)", best["exact"]))
        ratio = best["exact"] / best["explicit"]
        numbers.append(at_most("  implicit over explicit", ratio, 1.0))
    return numbers


def when_it_does_not_help() -> list[Measured]:
    """Train where the implicit step is expected to lose, beside where it wins."""
    large_eta = {"optimizer.lr": 10.0, "optimizer.explicit_lr": 0.05}
    usual = _train(large_eta)
    large_tau = _train({**large_eta, "direction.tau": 50.0})
    last = _train({"optimizer.lr": 10.0})
    tiny = {"batch_size": 4, "budget.epochs": 1.0, "data.samples": 400, "evaluation.every": 1.0}
    plain = _train({**tiny, **EXPLICIT, "optimizer.lr": 0.02})
    small_batches = _train({**tiny, "direction.tau": 1.0})
    narrow = {"model.widths": (16,), "budget.epochs": 1.0, "evaluation.every": 1.0}
    cost = (
        _train({**narrow, **large_eta}).step_seconds / _train({**narrow, **EXPLICIT}).step_seconds
    )
    return [
        for_information("loss after 5 epochs, η 10, τ 0.05, last layer at η 0.05", usual.loss),
        at_least("  with τ 50, over it", _loss(large_tau) / usual.loss, 10.0),
        at_least("  with the last layer at η 10, over it", _loss(last) / usual.loss, 10.0),
        for_information("loss after 1 epoch, batches of 4, explicit", plain.loss),
        at_least("  implicit with τ 1, over it", _loss(small_batches) / plain.loss, 1.2),
        at_least("seconds a step, 64-16-10, implicit over explicit", cost, 1.2),
        *_as_wide_as_the_batch(),
    ]


def _as_wide_as_the_batch() -> list[Measured]:
    """Compare what the exact step adds where a batch has as many rows as a layer has columns.

    Neither Gram is small there: with fewer rows that over rows is, with more the work of a plain
    step grows with the rows, the solve's does not.
    """
    extra = {rows: _arithmetic(rows, WIDE) - 1 for rows in (WIDE // 8, WIDE, 8 * WIDE)}
    wide = {"model.widths": (WIDE, WIDE), "batch_size": WIDE, "budget.epochs": 2.0}
    cost = _train(wide).step_seconds / _train({**wide, **EXPLICIT}).step_seconds
    return [
        for_information(f"FLOPs of a step, width and batch {WIDE}, over explicit", 1 + extra[WIDE]),
        at_least(f"  what it adds, over batches of {WIDE // 8}", extra[WIDE] / extra[WIDE // 8], 4),
        at_least(f"  over batches of {8 * WIDE}", extra[WIDE] / extra[8 * WIDE], 2),
        for_information("  seconds a step, over explicit, on this machine", cost),
    ]


def _arithmetic(rows: int, width: int) -> float:
    """Return the FLOPs of an exact step over those of a plain one."""
    model = nn.Sequential(nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, 10))
    convert(model, solver="exact")
    return step_cost(model, torch.zeros(rows, width)).ratio


def _train(changes: dict[str, Any]) -> Trained:
    (end,) = trained(RunConfig().replace(**{**QUIET, **changes}))
    return end


def _loss(end: Trained) -> float:
    """Return the loss; infinite for a run that diverged."""
    return math.inf if end.outcome == "diverged" or math.isnan(end.loss) else end.loss


def _dotted(group: str, values: dict[str, Any]) -> dict[str, Any]:
    return {f"{group}.{name}": value for name, value in values.items()}
