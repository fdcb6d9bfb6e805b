"""Do a race's clocks treat equals equally? ``python -m benchmarks.race_fairness``.

Two contenders with identical settings race while other processes load the machine: not at all,
steadily, or in bursts of random length. Their losses must be identical, and their training clocks
should agree: the race exists so that "loss against seconds" means something on a busy machine.
Beside it, the same two as separate runs, one after the other, under the same load: what a
comparison without turns would have measured.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.provenance import RESULTS, environment, make_console, write_result
from proxprop.runs.threads import wait_politely

LOADS = ("idle", "steady", "bursts")
TOLERANCE = 0.10

# Busy for a while, asleep for a while, on and on; the seed makes processes differ.
_BURN = """
import os, random, sys, time
draw = random.Random(int(sys.argv[1]))
parent = os.getppid()
while os.getppid() == parent:  # nobody else would end it if the benchmark were killed
    until = time.perf_counter() + draw.uniform(0.05, 1.5)
    while time.perf_counter() < until:
        sum(range(1000))
    if sys.argv[2] == "bursts":
        time.sleep(draw.uniform(0.05, 1.5))
"""


def main() -> None:
    """Race under every load, print and write; fails if clocks disagree."""
    arguments = _arguments()
    wait_politely(os.environ)  # as a worker does
    import torch

    console = make_console()
    started = time.perf_counter()
    loads = {}
    for load in LOADS:
        races = []
        for repeat in range(arguments.repeats):
            with loaded(load, arguments.processes, repeat):
                races.append(measure(arguments.epochs, repeat))
            console.print(f"[dim]{load}: {races[-1]}")
        loads[load] = summarised(races)
    result = {
        "environment": environment(torch.device("cpu")),
        "took_seconds": round(time.perf_counter() - started, 1),
        "processes": arguments.processes,
        "tolerance": TOLERANCE,
        "loads": loads,
    }
    console.print(table(result))
    console.print(str(write_result("race_fairness", result, arguments.output)))
    worst = max(load["race"]["worst"] for load in loads.values())
    if worst > TOLERANCE:
        sys.exit(f"clocks of equal contenders differ by {worst:.1%}, more than {TOLERANCE:.0%}")


@contextmanager
def loaded(load: str, processes: int, seed: int) -> Iterator[None]:
    """Keep the machine busy meanwhile."""
    count = 0 if load == "idle" else processes
    burners = [
        subprocess.Popen([sys.executable, "-c", _BURN, str(100 * seed + index), load])
        for index in range(count)
    ]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def measure(epochs: float, seed: int) -> dict[str, float]:
    """Return |ratio of clocks − 1| of two equals in a race, and as runs one after the other."""
    from proxprop.engine.racing import race
    from proxprop.engine.training import train
    from proxprop.spec.config import RaceConfig
    from proxprop.spec.controls import NoControls
    from proxprop.spec.events import Ended

    contender = {"direction": {"solver": random.Random(seed).choice(["explicit", "exact"])}}
    contender["optimizer"] = {"lr": 0.05 if contender["direction"]["solver"] == "explicit" else 1}
    config = RaceConfig.parse(
        {"contenders": [contender] * 2, "seed": seed, "budget": {"epochs": epochs}}
    )
    ends = [event for event in race(config, NoControls()) if isinstance(event, Ended)]
    first, second, _ = sorted(ends, key=lambda end: end.member % 3)
    if first.summary != second.summary:
        sys.exit(f"identical contenders ended differently: {first.summary}, {second.summary}")
    alone = [
        next(event for event in train(config.run(0), NoControls()) if isinstance(event, Ended))
        for _ in range(2)
    ]
    return {
        "race": abs(first.seconds / second.seconds - 1),
        "one_after_the_other": abs(alone[0].seconds / alone[1].seconds - 1),
        "seconds": first.seconds,
    }


def summarised(races: list[dict[str, float]]) -> dict[str, Any]:
    """Median and worst disagreement of each kind."""
    summary: dict[str, Any] = {"races": races}
    for kind in ("race", "one_after_the_other"):
        values = sorted(race[kind] for race in races)
        summary[kind] = {"median": values[len(values) // 2], "worst": values[-1]}
    return summary


def table(result: dict[str, Any]) -> Table:
    """The disagreements as people read them."""
    shown = Table("load", "in a race", "worst", "one after the other", "worst")
    shown.title = "Clocks of two identical contenders differ by"
    for load, entry in result["loads"].items():
        cells = [
            f"{entry[kind][name]:.1%}"
            for kind in ("race", "one_after_the_other")
            for name in ("median", "worst")
        ]
        shown.add_row(load, *cells)
    return shown


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="races under each load")
    parser.add_argument("--epochs", type=float, default=300.0, help="length of a race")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2, help="of the load")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    return parser.parse_args()


if __name__ == "__main__":
    main()
