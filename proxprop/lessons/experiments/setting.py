"""The small networks and data that experiments share, and one way to train by a config."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from proxprop.data.dataset import load
from proxprop.engine.training import train
from proxprop.models import build_model
from proxprop.spec.config import DataConfig, ModelConfig, RunConfig
from proxprop.spec.controls import NoControls
from proxprop.spec.events import Ended, Outcome, Point


class Digits(NamedTuple):
    """A network at its initial weights, and digits, in float64."""

    model: nn.Sequential
    inputs: Tensor
    targets: Tensor


def digits(samples: int, widths: tuple[int, ...], activation: str = "relu") -> Digits:
    """Return an MLP and the first `samples` training digits."""
    data = load(DataConfig(name="digits", validation=0.0, samples=samples))
    config = ModelConfig.model_validate({"widths": widths, "activation": activation})
    model = build_model(config, data.shape, len(data.classes), 0, torch.float64)
    return Digits(model, data.prepare(data.train.inputs, torch.float64), data.train.targets)


def squared_error(scores: Tensor, targets: Tensor) -> Tensor:
    """Mean over samples of half the squared distance to the one-hot target."""
    wanted = F.one_hot(targets, scores.shape[1]).to(scores.dtype)
    return 0.5 * (scores - wanted).square().sum(1).mean()


class Trained(NamedTuple):
    """What a run came to.

    Attributes:
        outcome: How it ended.
        loss: Full training loss at its end; NaN where it diverged.
        step_seconds: Median seconds of a step.
    """

    outcome: Outcome
    loss: float
    step_seconds: float


def trained(*configs: RunConfig) -> tuple[Trained, ...]:
    """Train as runs would, each a step in turn: on a busy machine, too, their times compare."""
    ends: list[Trained | None] = [None] * len(configs)
    runs = [_trained(config) for config in configs]
    while None in ends:
        ends = [next(run) if end is None else end for run, end in zip(runs, ends, strict=True)]
    return tuple(end for end in ends if end is not None)


def _trained(config: RunConfig) -> Iterator[Trained | None]:
    """Yield None after each step, and what the run came to at its end."""
    parts = ("forward", "backward", "solve", "optimizer")
    steps = []
    for event in train(config, NoControls()):
        if isinstance(event, Point) and event.table == "steps":
            steps.append(sum(event.values[f"seconds_{part}"] for part in parts))
            yield None
        elif isinstance(event, Ended):
            yield Trained(event.outcome, event.summary.get("train_loss", math.nan), median(steps))
