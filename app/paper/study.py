"""The two pictures that are no curves of training: τ × batch size, and loss against step size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from app.charts.theme import LineStyle
from app.components.contender_styles import COOL, WARM, looks
from app.components.notation import number
from app.paper.curves import Curve, curves
from app.paper.picture import LOSS, Line, Panel, Picture, clean
from proxprop.paper.result import Result, StabilityMethod, StabilityResult
from proxprop.spec.config import Contender, DirectionConfig, RunConfig

TAU = "proximal step τ"


def batch_picture(result: Result) -> Picture:
    """Return the last loss and accuracy against τ: a colour a batch size, a dash a direction."""
    drawn = {curve.key: curve for curve in curves(result)}
    configs = {c.key: c.run_config for c in result.contenders if c.key in drawn}
    groups: dict[tuple[int, str], list[tuple[float, Curve]]] = {}
    for key, config in configs.items():
        place = config.batch_size, _direction(config)
        groups.setdefault(place, []).append((config.direction.tau, drawn[key]))
    batches = sorted({batch for batch, _ in groups})
    lines = [
        _study_line(f"{name}, batch {batch}", members, _style(name, batches.index(batch)))
        for (batch, name), members in groups.items()
    ]
    done = max((curve.epochs for curve in drawn.values()), default=0.0)
    after = f"after {number(done)} epoch{'s' * (done != 1)}"
    ticks = tuple(sorted({config.direction.tau for config in configs.values()}))
    loss = Panel(
        f"Loss {after}", "tau", "train_loss", TAU, LOSS, log=True, x_log=True, x_ticks=ticks
    )
    accuracy = Panel(
        f"Accuracy {after}",
        "tau",
        "validation_accuracy",
        TAU,
        "validation accuracy",
        percent=True,
        x_log=True,
        x_ticks=ticks,
    )
    return Picture((loss, accuracy), tuple(lines))


def _direction(config: RunConfig) -> str:
    direction = config.direction
    return f"CG {direction.cg_steps}" if direction.solver == "cg" else direction.solver


def _style(direction: str, batch: int) -> LineStyle:
    if direction == "explicit":
        return LineStyle(WARM[batch % len(WARM)], "dash")
    return LineStyle(COOL[batch % len(COOL)], "longdash" if "CG" in direction else "solid")


def _study_line(label: str, members: list[tuple[float, Curve]], style: LineStyle) -> Line:
    members = sorted(members, key=lambda one: one[0])
    lost = tuple(tau for tau, curve in members if not math.isfinite(curve.loss))
    kept = [(tau, curve) for tau, curve in members if math.isfinite(curve.loss)]
    columns = {
        "tau": clean(tau for tau, _ in kept),
        "train_loss": clean(curve.loss for _, curve in kept),
        "validation_accuracy": clean(curve.accuracy for _, curve in kept),
    }
    return Line(label, style, columns, gone=lost)


STEP = Panel(
    "",
    "step_size",
    "loss",
    "step size s (η explicit, η·τ implicit)",
    LOSS,
    log=True,
    target=True,
    x_log=True,
)


def stability_picture(result: StabilityResult) -> Picture:
    """Return the loss after the steps against the common step size, a line a method."""
    panel = Panel(
        f"Loss after {result.steps} steps, by step size",
        STEP.x,
        STEP.y,
        STEP.x_title,
        STEP.y_title,
        log=True,
        target=True,
        x_log=True,
    )
    words = f"guessing the classes' shares: {number(result.constant_loss)}"
    styles = looks([Contender(direction=DirectionConfig(solver=m.solver)) for m in result.methods])
    lines = tuple(
        _method_line(one, result.seeds, style)
        for one, style in zip(result.methods, styles, strict=True)
    )
    return Picture((panel,), lines, (result.constant_loss, words))


def _method_line(method: StabilityMethod, seeds: Sequence[int], style: LineStyle) -> Line:
    sizes = len(method.step_size)
    stack = np.array(method.losses, dtype=float).reshape(sizes, -1)
    gone = np.array([[o == "diverged" for o in row] for row in method.outcomes], dtype=bool)
    lost: np.ndarray = np.any(gone.reshape(sizes, -1), axis=1)
    several = stack.shape[1] > 1
    std = {"loss": clean(np.where(lost, np.nan, stack.std(axis=1, ddof=1)))} if several else {}
    members = tuple(
        (seed, {"step_size": clean(method.step_size), "loss": clean(column)})
        for seed, column in zip(seeds, stack.T, strict=False)
    )
    return Line(
        method.label,
        style,
        {
            "step_size": clean(method.step_size),
            "loss": clean(np.where(lost, np.nan, stack.mean(axis=1))),
        },
        std,
        members * several,
        gone=tuple(float(s) for s, away in zip(method.step_size, lost, strict=True) if away),
    )
