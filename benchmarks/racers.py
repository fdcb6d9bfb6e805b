"""Contenders in training: they take turns, and each has a clock that runs only while it trains."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.contenders import Entry, Optimizers
from benchmarks.workloads import EPOCHS_BEYOND, Workload
from proxprop.diagnostics import ProxPropWarning
from proxprop.models import build_model

_CLASSES = 10


@dataclass
class Racer:
    """A contender in training.

    Attributes:
        model: Its network.
        optimizers: What trains it.
        turns: Training seconds of every turn.
        epochs: Passes done at each measurement, the first of them before training.
        losses: Training loss then.
        clock: Training seconds then.
        reached: Epochs at which the loss was first measured at or below the target.
    """

    model: nn.Module
    optimizers: Optimizers
    turns: list[float] = field(default_factory=list)
    epochs: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    clock: list[float] = field(default_factory=list)
    reached: float = math.inf

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
    def measure(self, images: Tensor, labels: Tensor, epochs: float, target: float) -> None:
        """Note the training loss, off the clock."""
        self.model.eval()
        total = sum(
            float(F.cross_entropy(self.model(x), y, reduction="sum"))
            for x, y in zip(images.split(1000), labels.split(1000))
        )
        self.model.train()
        self.epochs.append(epochs)
        self.losses.append(total / len(labels))
        self.clock.append(sum(self.turns))
        if self.losses[-1] <= target:
            self.reached = min(self.reached, epochs)

    def over(self, epochs: float) -> bool:
        """Whether it leaves: some epochs after the target, or as soon as its loss is no number."""
        return not math.isfinite(self.losses[-1]) or epochs >= self.reached + EPOCHS_BEYOND


def enter(entry: Entry, rate: float, seed: int, workload: Workload, images: Tensor) -> Racer:
    """A contender with the initial weights that the seed gives to all of them."""
    model = build_model(workload.model, tuple(images.shape[1:]), _CLASSES, seed=seed)
    model = model.to(images.device)
    return Racer(model, entry.prepare(model, rate))


def race(
    racers: list[Racer],
    images: Tensor,
    labels: Tensor,
    workload: Workload,
    seed: int,
    epochs: int,
    every_turn: bool = True,
) -> None:
    """Train all racers on the same batches, some steps each in turn.

    Args:
        racers: Who takes part; lengthened by what is measured.
        images: The training set's.
        labels: Theirs.
        workload: Batch, turn, target and what the loss is taken on.
        seed: Of the batches' order.
        epochs: When it ends for who has not reached the target.
        every_turn: Whether to measure after every turn, or before and after training only.
    """
    measured = images[: workload.measured], labels[: workload.measured]
    target = workload.target if every_turn else 0.0
    with warnings.catch_warnings():
        # A step size that diverges is an answer here, not a surprise.
        warnings.simplefilter("ignore", ProxPropWarning)
        for racer in racers:
            racer.measure(*measured, 0.0, target)
        generator = torch.Generator().manual_seed(seed)
        for epoch in range(epochs):
            order = torch.randperm(len(labels), generator=generator).to(images.device)
            batches = list(order.split(workload.batch))[: len(order) // workload.batch]
            for turn, start in enumerate(range(0, len(batches), workload.turn)):
                first = turn % len(racers)
                done = epoch + min(start + workload.turn, len(batches)) / len(batches)
                for racer in racers[first:] + racers[:first]:
                    if racer.over(done):
                        continue
                    racer.train(images, labels, batches[start : start + workload.turn])
                    if every_turn or done == epochs:
                        racer.measure(*measured, done, target)


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
