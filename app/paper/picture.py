"""The pictures of recordings: which panels and lines suit a result, from its numbers alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from app.charts.contender_styles import COOL, WARM, line_styles
from app.charts.panels import Line, Numbers, Panel, Picture
from app.charts.theme import LineStyle
from app.components.notation import number
from app.live.chart import show_figure
from app.paper.curves import COLUMNS, Curve, baseline, curves
from app.paper.recordings import Recording, title
from proxprop.paper.curves import arrival
from proxprop.paper.result import AnyResult, Result, Seed, StabilityMethod, StabilityResult
from proxprop.spec.config import Contender, DirectionConfig, RunConfig

HEIGHT, FILL = 362, 340  # pixels at least; what the rest of the first screen takes
LOWER = 110  # pixels fewer: in a lecture little else is shown
NOTHING = (
    "Nothing is recorded of this experiment yet. "
    "Record it here in a terminal: proxprop paper --scale laptop"
)
BEGUN = "The first numbers come with the first epoch."
CURVES = (
    Panel("Loss by epoch", "epoch", "train_loss", target=True),
    Panel("Accuracy by epoch", "epoch", "validation_accuracy"),
    Panel("Loss by seconds", "seconds", "train_loss", target=True),
)


def picture_of(result: AnyResult) -> Picture:
    """Return the picture that suits a result."""
    if isinstance(result, StabilityResult):
        return stability_picture(result)
    return batch_picture(result) if result.experiment == "batch" else training_picture(result)


def show(
    experiment: str, recording: Recording | None, picture: Picture | None, *, lecture: bool
) -> None:
    """Draw `picture`; an empty one says what to do."""
    name = f"{experiment}-{recording.name}" if recording is not None else experiment
    show_figure(
        (picture or Picture(CURVES, ())).figure(lecture=lecture),
        key="paper-picture",
        title=title(recording.result) if recording is not None else "",
        height=HEIGHT,
        fill=FILL - LOWER * lecture,
        widest="42vw",
        lecture=lecture,
        empty=NOTHING if recording is None else BEGUN,
        subject=name,
        file=f"paper-{name}",
    )


def training_picture(result: Result) -> Picture:
    """Return loss and accuracy by epoch and loss by seconds, as in the paper's figures."""
    drawn = curves(result)
    plain = baseline(drawn)
    target = None
    if plain is not None and plain.epochs and math.isfinite(plain.loss):
        target = (plain.loss, f"{plain.label} ends at {number(plain.loss)}")
    return Picture(CURVES, tuple(_line(curve, plain, target) for curve in drawn), target)


def _line(curve: Curve, plain: Curve | None, target: tuple[float, str] | None) -> Line:
    reached: dict[str, float | None] = dict.fromkeys(("epoch", "seconds"))
    if target is not None and curve is not plain:
        places = clean(arrival(curve.seeds, target[0], place).mean for place in reached)
        reached = dict(zip(reached, places, strict=True))
    return Line(
        curve.label,
        curve.style,
        {name: clean(values) for name, values in curve.columns.items()},
        {name: clean(values) for name, values in curve.std.items()},
        tuple((seed.seed, seed_columns(seed)) for seed in curve.seeds) * bool(curve.std),
        diverged=curve.lost,
        reached=reached,
        seed=None if curve.std else curve.seeds[0].seed,
    )


def seed_columns(seed: Seed) -> dict[str, Numbers]:
    """Return a seed's own columns."""
    return {name: clean(getattr(seed, name)) for name in COLUMNS}


def clean(values: Iterable[float | None]) -> Numbers:
    """Return `values` with None in place of what is not finite: JSON has no NaN."""
    return [
        float(value) if value is not None and math.isfinite(value) else None for value in values
    ]


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
    loss = Panel(f"Loss {after}", "tau", "train_loss", ticks=ticks)
    accuracy = Panel(f"Accuracy {after}", "tau", "validation_accuracy", ticks=ticks)
    return Picture((loss, accuracy), tuple(lines))


def _direction(config: RunConfig) -> str:
    direction = config.direction
    return f"CG {direction.cg_steps}" if direction.solver == "cg" else direction.solver


def _style(direction: str, batch: int) -> LineStyle:
    if direction == "explicit":
        return LineStyle(WARM[batch % len(WARM)], "dash")
    return LineStyle(COOL[batch % len(COOL)], "longdash" if "CG" in direction else "solid")


def _study_line(label: str, members: list[tuple[float, Curve]], style: LineStyle) -> Line:
    members = sorted(members, key=lambda member: member[0])
    lost = tuple(tau for tau, curve in members if not math.isfinite(curve.loss))
    kept = [(tau, curve) for tau, curve in members if math.isfinite(curve.loss)]
    columns = {
        "tau": clean(tau for tau, _ in kept),
        "train_loss": clean(curve.loss for _, curve in kept),
        "validation_accuracy": clean(curve.accuracy for _, curve in kept),
    }
    return Line(label, style, columns, gone=lost)


def stability_picture(result: StabilityResult) -> Picture:
    """Return the loss after the steps against the common step size, a line a method."""
    title = f"Loss after {result.steps} steps, by step size"
    panel = Panel(title, "step_size", "loss", target=True)
    guess = f"guessing the classes' shares: {number(result.constant_loss)}"
    styles = line_styles(
        [Contender(direction=DirectionConfig(solver=m.solver)) for m in result.methods]
    )
    lines = tuple(
        _method_line(method, result.seeds, style)
        for method, style in zip(result.methods, styles, strict=True)
    )
    return Picture((panel,), lines, (result.constant_loss, guess))


def _method_line(method: StabilityMethod, seeds: Sequence[int], style: LineStyle) -> Line:
    sizes = clean(method.step_size)
    stack = np.array(method.losses, dtype=float).reshape(len(sizes), -1)
    gone = np.array([[o == "diverged" for o in row] for row in method.outcomes], dtype=bool)
    lost: np.ndarray = np.any(gone.reshape(len(sizes), -1), axis=1)
    several = stack.shape[1] > 1
    mean = {"step_size": sizes, "loss": clean(np.where(lost, np.nan, stack.mean(axis=1)))}
    std = {"loss": clean(np.where(lost, np.nan, stack.std(axis=1, ddof=1)))} if several else {}
    members = tuple(
        (seed, {"step_size": sizes, "loss": clean(column)})
        for seed, column in zip(seeds, stack.T, strict=False)
    )
    away = tuple(float(s) for s, gone in zip(method.step_size, lost, strict=True) if gone)
    return Line(method.label, style, mean, std, members * several, gone=away)
