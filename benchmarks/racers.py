"""Contenders in training: they take turns, and each has a clock that runs only while it trains."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.contenders import Entry, Optimizers
from proxprop.diagnostics import ProxPropWarning
from proxprop.models import build_model
from proxprop.spec.config import ModelConfig

WIDTHS = (256, 128)
BATCH = 500
# Steps before the next contender's turn; whoever renews something does so within every turn.
TURN = 20


@dataclass
class Racer:
    """A contender in training.

    Attributes:
        model: Its network.
        optimizers: What trains it.
        turns: Training seconds of every turn.
        losses: Loss over the whole training set, before training and after every epoch.
        clock: Training seconds at each of these.
    """

    model: nn.Module
    optimizers: Optimizers
    turns: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    clock: list[float] = field(default_factory=list)

    def train(self, images: Tensor, labels: Tensor, batches: list[Tensor]) -> None:
        """Take one step per batch, on the clock."""
        _settle(images.device)
        started = time.perf_counter()
        for batch in batches:
            loss = F.cross_entropy(self.model(images[batch]), labels[batch])
            for optimizer in self.optimizers:
                optimizer.zero_grad()
            loss.backward()
            for optimizer in self.optimizers:
                optimizer.step()
        _settle(images.device)
        self.turns.append(time.perf_counter() - started)

    @torch.no_grad()
    def measure(self, images: Tensor, labels: Tensor) -> None:
        """Note the training loss, off the clock."""
        total = sum(
            float(F.cross_entropy(self.model(x), y, reduction="sum"))
            for x, y in zip(images.split(5000), labels.split(5000))
        )
        self.losses.append(total / len(labels))
        self.clock.append(sum(self.turns))


def enter(entry: Entry, rate: float, seed: int, device: torch.device) -> Racer:
    """A contender with the initial weights that the seed gives to all of them."""
    model = build_model(ModelConfig(name="mlp", widths=WIDTHS), (1, 28, 28), 10, seed=seed)
    model = model.to(device)
    return Racer(model, entry.prepare(model, rate))


def race(racers: list[Racer], images: Tensor, labels: Tensor, epochs: int, seed: int) -> None:
    """Train all racers on the same batches, a few steps each in turn."""
    with warnings.catch_warnings():
        # A step size that diverges is an answer here, not a surprise.
        warnings.simplefilter("ignore", ProxPropWarning)
        for racer in racers:
            racer.measure(images, labels)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(epochs):
            order = torch.randperm(len(labels), generator=generator).to(images.device)
            batches = list(order[: len(order) // BATCH * BATCH].split(BATCH))
            for turn, start in enumerate(range(0, len(batches), TURN)):
                first = turn % len(racers)
                for racer in racers[first:] + racers[:first]:
                    racer.train(images, labels, batches[start : start + TURN])
            for racer in racers:
                racer.measure(images, labels)


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
