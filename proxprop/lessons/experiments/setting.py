"""The small networks and data that experiments share, and one way to train by a config."""

from __future__ import annotations

import math
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


def trained(config: RunConfig) -> Trained:
    """Train as a run would."""
    parts = ("forward", "backward", "solve", "optimizer")
    steps, end = [], None
    for event in train(config, NoControls()):
        if isinstance(event, Point) and event.table == "steps":
            steps.append(sum(event.values[f"seconds_{part}"] for part in parts))
        elif isinstance(event, Ended):
            end = event
    assert end is not None
    return Trained(end.outcome, end.summary.get("train_loss", math.nan), median(steps))
