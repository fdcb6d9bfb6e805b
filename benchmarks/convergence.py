"""Epochs and seconds to a target training loss: ``python -m benchmarks.convergence``.

Fashion-MNIST, 784-1000-300-1000-10, batch 500. All contenders start from the same weights and see
the same batches. They take turns within each epoch, and each has a clock that runs only while it
trains, so that a machine that slows down slows all of them. The data is found through PROXPROP_DATA
(a torchvision root) or fetched once.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks.contenders import ENTRIES, Entry, Optimizers
from benchmarks.provenance import RESULTS, environment, make_console, write_result
from proxprop.config import DataConfig, ModelConfig
from proxprop.data import load
from proxprop.models import build_model

WIDTHS = (1000, 300, 1000)
BATCH = 500
# Steps before the next contender's turn.
TURN = 10


@dataclass
class Racer:
    """A contender in training.

    Attributes:
        entry: Who it is.
        model: Its network.
        optimizers: What trains it.
        seconds: Training time so far.
        losses: Loss over the whole training set, before training and after every epoch.
        clock: Training time at each of these.
    """

    entry: Entry
    model: nn.Module
    optimizers: Optimizers
    seconds: float = 0.0
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
        self.seconds += time.perf_counter() - started

    @torch.no_grad()
    def measure(self, images: Tensor, labels: Tensor) -> None:
        """Note the training loss, off the clock."""
        total = sum(
            float(F.cross_entropy(self.model(x), y, reduction="sum"))
            for x, y in zip(images.split(5000), labels.split(5000))
        )
        self.losses.append(total / len(labels))
        self.clock.append(self.seconds)

    def reached(self, target: float) -> tuple[float, float] | None:
        """Epochs and seconds to the target, interpolated in the loss's logarithm."""
        for epoch in range(1, len(self.losses)):
            before, after = self.losses[epoch - 1], self.losses[epoch]
            if after <= target:
                part = 1.0
                if before > target and after > 0:
                    part = math.log(before / target) / math.log(before / after)
                start = self.clock[epoch - 1]
                return epoch - 1 + part, start + part * (self.clock[epoch] - start)
        return None


def main() -> None:
    """Race, print and write."""
    arguments = _arguments()
    console = make_console()
    started = time.perf_counter()
    device = torch.device(arguments.device)
    epochs = 2 if arguments.quick else arguments.epochs
    samples = 10_000 if arguments.quick else None
    data = load(DataConfig(name="fashion-mnist", validation=0.0, samples=samples), device=device)
    images, labels = data.prepare(data.train.inputs), data.train.targets
    racers = _line_up(console, device, arguments.only)
    race(racers, images, labels, epochs, console)
    result = {
        "environment": environment(device),
        "took_seconds": round(time.perf_counter() - started, 1),
        "samples": len(labels),
        "target": arguments.target,
        "contenders": {racer.entry.name: _summary(racer, arguments.target) for racer in racers},
    }
    console.print(table(result))
    name = f"convergence_{device.type}" + ("_quick" if arguments.quick else "")
    console.print(str(write_result(name, result, arguments.output)))


def race(
    racers: list[Racer], images: Tensor, labels: Tensor, epochs: int, console: Console
) -> None:
    """Train all racers, a few steps each in turn."""
    for racer in racers:
        racer.measure(images, labels)
    generator = torch.Generator().manual_seed(0)
    for epoch in range(epochs):
        order = torch.randperm(len(labels), generator=generator).to(images.device)
        batches = list(order[: len(order) // BATCH * BATCH].split(BATCH))
        for start in range(0, len(batches), TURN):
            shift = (start // TURN) % len(racers)
            for racer in racers[shift:] + racers[:shift]:
                racer.train(images, labels, batches[start : start + TURN])
        for racer in racers:
            racer.measure(images, labels)
        console.print(f"[dim]epoch {epoch + 1} of {epochs}")


def table(result: dict[str, Any]) -> Table:
    """The race as people read it."""
    target = result["target"]
    shown = Table(
        "",
        f"epochs to {target:g}",
        f"seconds to {target:g}",
        "final loss",
        "seconds per epoch",
        title=f"Fashion-MNIST, {result['samples']} samples, training loss",
        title_justify="left",
    )
    for name, entry in result["contenders"].items():
        reached = entry["epochs_to_target"] is not None
        shown.add_row(
            name,
            f"{entry['epochs_to_target']:.1f}" if reached else "not reached",
            f"{entry['seconds_to_target']:.1f}" if reached else "not reached",
            f"{entry['losses'][-1]:.3f}",
            f"{entry['seconds_per_epoch']:.1f}",
        )
    return shown


def _line_up(console: Console, device: torch.device, only: str) -> list[Racer]:
    racers = []
    for entry in ENTRIES:
        if only.lower() not in entry.name.lower():
            continue
        missing = entry.missing()
        if missing:
            console.print(f"skipped: {entry.name} ({missing})")
            continue
        model = build_model(ModelConfig(name="mlp", widths=WIDTHS), (1, 28, 28), 10, seed=0)
        model = model.to(device)
        racers.append(Racer(entry, model, entry.prepare(model)))
    return racers


def _summary(racer: Racer, target: float) -> dict[str, Any]:
    epochs, seconds = racer.reached(target) or (None, None)
    return {
        "epochs_to_target": epochs,
        "seconds_to_target": seconds,
        "seconds_per_epoch": racer.seconds / max(1, len(racer.losses) - 1),
        "losses": racer.losses,
        "clock": racer.clock,
    }


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--epochs", type=int, default=12, help="default 12")
    parser.add_argument("--target", type=float, default=0.2, help="training loss; default 0.2")
    parser.add_argument("--only", default="", help="only contenders whose name contains this")
    parser.add_argument("--quick", action="store_true", help="10,000 samples, two epochs")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
