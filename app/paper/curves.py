"""From seeds to lines: which seeds count, their mean, and when they reach a loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from app.charts.contender_styles import line_styles
from app.charts.theme import BLUE, SKY, LineStyle, line_style
from proxprop.paper.result import Contender, Result, Seed
from proxprop.spec.config import ConfigError
from proxprop.spec.config import Contender as RaceContender
from proxprop.spec.curves import band

COLUMNS = ("epoch", "seconds", "train_loss", "validation_accuracy")
DISTINCT = 8  # contenders that still get a look each; a study draws groups of its own
PLAIN = ("adam", "plain")  # the rivals of the paper's claims; Adam's own rival is Adam


@dataclass(frozen=True)
class Curve:
    """One contender's numbers, the mean over its seeds.

    Attributes:
        key: Stable name within the result.
        label: What a person reads.
        style: Colour and dash.
        columns: Name → one number an evaluation; NaN where not finite.
        std: Name → sample standard deviation over seeds; empty with one seed.
        seeds: The seeds behind the mean.
        diverged: How many seeds diverged.
        test_accuracy: Mean on the test images; None before the end.
    """

    key: str
    label: str
    style: LineStyle
    columns: dict[str, np.ndarray]
    std: dict[str, np.ndarray] = field(default_factory=dict)
    seeds: tuple[Seed, ...] = ()
    diverged: int = 0
    test_accuracy: float | None = None

    @property
    def epochs(self) -> float:
        """Epochs done."""
        return float(self.columns["epoch"][-1]) if len(self.columns["epoch"]) else 0.0

    @property
    def seconds(self) -> float:
        """Training seconds spent."""
        return float(self.columns["seconds"][-1]) if len(self.columns["seconds"]) else 0.0

    @property
    def loss(self) -> float:
        """Full training loss at the end; NaN where it is not finite."""
        return float(self.columns["train_loss"][-1]) if self.epochs else float("nan")

    @property
    def accuracy(self) -> float:
        """Validation accuracy at the end."""
        return float(self.columns["validation_accuracy"][-1]) if self.epochs else float("nan")

    @property
    def raced(self) -> int:
        """How many seeds it is about: those behind the mean and, beside it, the diverged."""
        return len(self.seeds) + (0 if self.lost else self.diverged)

    @property
    def lost(self) -> bool:
        """Whether what is drawn ended by diverging."""
        return bool(self.seeds) and all(seed.outcome == "diverged" for seed in self.seeds)

    @property
    def seconds_per_epoch(self) -> float:
        """Training seconds of an epoch."""
        return self.seconds / self.epochs if self.epochs else float("nan")


def curves(result: Result) -> list[Curve]:
    """Return a curve for each contender that has begun, in the plan's order."""
    styles = styles_of(result.contenders)
    lines = [curve(each, style) for each, style in zip(result.contenders, styles, strict=True)]
    return [line for line in lines if len(line.columns["epoch"])]


def curve(contender: Contender, style: LineStyle) -> Curve:
    """Return the mean over a contender's seeds.

    Seeds under way would bend the mean as they go: they join once they are through, and until one
    is, the first stands for all. A diverged seed counts only where every seed diverged.
    """
    begun = [seed for seed in contender.seeds if seed.epoch]
    diverged = [seed for seed in begun if seed.outcome == "diverged"]
    sound = [seed for seed in begun if seed.outcome not in ("diverged", "unfinished")]
    chosen = sound or [seed for seed in begun if seed.outcome == "unfinished"][:1] or diverged
    bands = {name: band([getattr(seed, name) for seed in chosen]) for name in COLUMNS}
    several = len(chosen) > 1
    tests = [seed.test_accuracy for seed in chosen if seed.test_accuracy is not None]
    return Curve(
        contender.key,
        contender.label,
        style,
        {name: mean for name, (mean, _) in bands.items()},
        {name: std for name, (_, std) in bands.items()} if several else {},
        tuple(chosen),
        len(diverged),
        float(np.mean(tests)) if tests else None,
    )


def styles_of(contenders: Sequence[Contender]) -> list[LineStyle]:
    """Return colour and dash of each contender; an exact step is solid, CG is dashed."""
    try:
        configs = [contender.run_config for contender in contenders]
    except ConfigError:  # recorded by another version: the direction is known all the same
        configs = []
    if not 0 < len(configs) <= DISTINCT:
        return [line_style(contender.solver) for contender in contenders]
    # Where CG and exact steps would share a colour (with Adam), it is the exact step's.
    order = sorted(range(len(configs)), key=lambda i: configs[i].direction.solver == "cg")
    raced = [
        RaceContender(direction=configs[i].direction, optimizer=configs[i].optimizer) for i in order
    ]
    styles = dict(zip(order, line_styles(raced), strict=True))
    used = {style.color for style in styles.values()}
    for i, config in enumerate(configs):
        style = styles[i]
        if config.direction.solver == "cg":
            color = SKY if style.color == BLUE and SKY not in used else style.color
            used.add(color)
            dash = "longdashdot" if style.dash == "solid" else style.dash
            styles[i] = LineStyle(color, dash)
    return [styles[i] for i in range(len(configs))]


def baseline(lines: Sequence[Curve]) -> Curve | None:
    """Return the plain rival whose whole run the others are held against."""
    sound = {line.key: line for line in lines if not line.diverged}
    return next((sound[key] for key in PLAIN if key in sound), None)
