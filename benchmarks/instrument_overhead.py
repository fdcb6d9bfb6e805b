"""How much the layerwise instruments slow training down: off, cheap and full, taking turns.

A run records its layers every n-th step (``instruments.every``, by default 25); the overhead of a
tier is the time of one recorded step beyond a plain one, spread over n steps, relative to a plain
step. Bars on the paper's MLP at batch 500: cheap at most 3 %, full at most 15 %; on the network of
the dashboard's default run: 10 % and 30 %.

    python -m benchmarks.instrument_overhead [--rounds 12] [--device cuda] [--case "digits;ConvNet"]

On a machine that is not idle, ``--clock cpu`` counts the process's own seconds on one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import torch
from rich.table import Table

from benchmarks.cases import CASES, Case, Contender, make_batches
from benchmarks.provenance import RESULTS, environment, make_console, write_result
from proxprop.analysis.activations import ActivationProbe, Probe
from proxprop.analysis.recorder import LayerRecorder, Tier
from proxprop.conversion import iter_prox_layers
from proxprop.data.dataset import few_of_each
from proxprop.spec.config.parts import InstrumentsConfig

TIERS: tuple[Tier, ...] = ("cheap", "full")
SMALL = Case("digits 64-128-64-10, batch 100", "mlp", "nesterov", 100, (1, 8, 8))
BARS = {"cheap": 0.03, "full": 0.15}
SMALL_BARS = {"cheap": 0.1, "full": 0.3}
TAU = 0.05
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


class Recorded:
    """A contender whose steps may be recorded, as a training session does it."""

    def __init__(
        self, case: Case, solver: str, device: torch.device, clock: Callable[[], float]
    ) -> None:
        self.clock = clock
        self.contender = Contender(case, {"solver": solver}, device)
        self.implicit = solver != "explicit"  # an explicit step has no solve to observe
        images, labels = make_batches(case.batch_size, device, case.shape)[0]
        chosen = few_of_each(labels, seed=0)
        probe = Probe(images[chosen], labels[chosen], case.batch_size)
        model = self.contender.model
        self.recorder = LayerRecorder(model, ActivationProbe(model, probe))
        self.device = device

    def seconds(self, tier: Tier | None, images: torch.Tensor, labels: torch.Tensor) -> float:
        """Take one step, recorded or not; return how long it took."""
        for name, layer in iter_prox_layers(self.contender.model):
            layer.observer = None
            if tier is not None and self.implicit:
                layer.observer = lambda record, name=name: self.recorder.solved(name, record)
        calls = 0

        def mark() -> None:
            nonlocal calls
            calls += 1
            if tier is not None and calls == 3:  # after the backward pass
                self.recorder.measure_directions(TAU)

        self._wait()
        start = self.clock()
        if tier is not None:
            self.recorder.begin(tier)
        self.contender.step(images, labels, mark)
        if tier is not None:
            self.recorder.measure_updates()
            self.recorder.values()
        self._wait()
        return self.clock() - start

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def measure(
    case: Case, solver: str, device: torch.device, rounds: int, clock: Callable[[], float]
) -> dict[str, Any]:
    """Return seconds and overheads of each tier; off, cheap and full take turns."""
    recorded = Recorded(case, solver, device, clock)
    batches = make_batches(case.batch_size, device, case.shape)
    order: list[Tier | None] = [None, *TIERS]
    for tier in order:
        recorded.seconds(tier, *batches[0])
    every, bars = InstrumentsConfig().every, SMALL_BARS if case is SMALL else BARS
    plain: list[float] = []
    extra: dict[str, list[float]] = {tier: [] for tier in TIERS}
    for number in range(rounds):
        batch = batches[number % len(batches)]
        shift = number % len(order)
        turn = {tier: recorded.seconds(tier, *batch) for tier in order[shift:] + order[:shift]}
        plain.append(turn[None])
        for tier in TIERS:
            extra[tier].append((turn[tier] - turn[None]) / turn[None])
    return {
        "every": every,
        "plain_seconds": median(plain),
        "tiers": {tier: _tier(extra[tier], every, bars[tier]) for tier in TIERS},
    }


def _tier(extra: list[float], every: int, bar: float) -> dict[str, float | bool]:
    q1, middle, q3 = quantiles(extra, n=4)
    return {
        "recorded_step_extra": middle,
        "overhead": middle / every,
        "q1": q1 / every,
        "q3": q3 / every,
        "bar": bar,
        "within": middle / every <= bar,
    }


def main() -> None:
    """Measure, print, and write the JSON."""
    arguments = _arguments()
    device = torch.device(arguments.device)
    if arguments.clock == "cpu":
        torch.set_num_threads(1)
    found: dict[str, Any] = {}
    table = Table(title="Instruments: overhead of a step", title_justify="left")
    for column in ("", "tier", "overhead", "quartiles", "bar", "a recorded step costs"):
        table.add_column(column, justify="left" if column in ("", "tier") else "right")
    wanted = arguments.case.split(";")
    for case in (case for case in (SMALL, *CASES) if any(word in case.name for word in wanted)):
        for solver in arguments.solvers.split(","):
            name = f"{case.name}, {solver}"
            found[name] = measure(case, solver, device, arguments.rounds, CLOCKS[arguments.clock])
            for tier, entry in found[name]["tiers"].items():
                table.add_row(
                    name,
                    tier,
                    f"{entry['overhead']:.1%}",
                    f"{entry['q1']:.1%}–{entry['q3']:.1%}",
                    f"{entry['bar']:.0%}",
                    f"{1 + entry['recorded_step_extra']:.2f} steps",
                )
    make_console().print(table)
    result = {
        "environment": environment(device),
        "rounds": arguments.rounds,
        "clock": arguments.clock,
        "results": found,
    }
    name = f"instrument_overhead_{device.type}"
    make_console().print(str(write_result(name, result, arguments.output)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--rounds", type=int, default=12, help="rounds of every case; default 12")
    parser.add_argument(
        "--case", default="MLP, batch 500;digits", help="cases whose name contains one of these"
    )
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="wall (default) or cpu")
    parser.add_argument("--solvers", default="exact,cg,explicit", help="default exact,cg,explicit")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
