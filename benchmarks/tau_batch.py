"""How the best τ moves with the batch: ``python -m benchmarks.tau_batch``.

The Gram is a sum over a batch's rows, the loss a mean: the same τ damps less in a larger batch.
Fashion-MNIST, 784-256-128-10, running Gram under Adam, the same number of steps at each batch size
and τ, η the better of two; the loss is taken on training images. A τ per sample would be the
better knob if the best τ fell as 1/N.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import torch
from rich.table import Table
from torch import Tensor

from benchmarks.contenders import Entry, adam
from benchmarks.provenance import RESULTS, environment, make_console, write_result
from benchmarks.racers import enter
from benchmarks.workloads import WORKLOADS
from proxprop.data.dataset import load

BATCHES = (50, 200, 800)
TAUS = (0.0008, 0.003, 0.0125, 0.05, 0.2, 0.8, 3.2)
RATES = (3e-3, 1e-2)
STEPS = 60
MEASURED = 5000


def main() -> None:
    """Measure, print and write."""
    arguments = _arguments()
    workload = WORKLOADS[0]
    data = load(workload.data_config(None))
    images, labels = data.prepare(data.train.inputs), data.train.targets
    started = time.perf_counter()
    losses = {
        str(batch): {str(tau): trained(images, labels, batch, tau) for tau in arguments.taus}
        for batch in arguments.batches
    }
    result = {
        "environment": environment(torch.device("cpu")),
        "took_seconds": round(time.perf_counter() - started, 1),
        "settings": {"steps": STEPS, "rates": RATES, "images": len(labels), "gram": "running"},
        "losses": losses,
        "best": {batch: _best(row) for batch, row in losses.items()},
    }
    console = make_console()
    console.print(table(losses))
    console.print(str(write_result("tau_batch_cpu", result, arguments.output)))


def trained(images: Tensor, labels: Tensor, batch: int, tau: float) -> float | None:
    """Return the lower training loss of two step sizes; None if both diverge."""
    entry = Entry("", RATES, adam, prox={"tau": tau, "gram": "running"})
    found = []
    for rate in RATES:
        racer = enter(entry, rate, 0, WORKLOADS[0], images)
        generator = torch.Generator().manual_seed(0)
        per_epoch = len(labels) // batch
        epochs = range(-(-STEPS // per_epoch))
        order = torch.cat([torch.randperm(len(labels), generator=generator) for _ in epochs])
        racer.train(images, labels, list(order[: STEPS * batch].split(batch)))
        racer.measure(images[:MEASURED], labels[:MEASURED], 1.0, 0.0)
        found.append(racer.losses[-1])
    finite = [loss for loss in found if math.isfinite(loss)]
    return min(finite, default=None)


def _best(row: dict[str, float | None]) -> str:
    return min((tau for tau in row if row[tau] is not None), key=lambda tau: row[tau] or 0.0)


def table(losses: dict[str, dict[str, float | None]]) -> Table:
    """Training losses, a batch size a row, a τ a column."""
    taus = list(next(iter(losses.values())))
    shown = Table("batch", *(f"τ {tau}" for tau in taus), title=f"Training loss, {STEPS} steps")
    for batch, row in losses.items():
        best = _best(row)
        cells = ["–" if row[tau] is None else f"{row[tau]:.3f}" for tau in taus]
        shown.add_row(batch, *(f"[b]{c}[/b]" if t == best else c for t, c in zip(taus, cells)))
    return shown


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batches", nargs="+", type=int, default=BATCHES)
    parser.add_argument("--taus", nargs="+", type=float, default=TAUS)
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
