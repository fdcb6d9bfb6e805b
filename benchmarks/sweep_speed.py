"""Seconds of the default map, and how many times faster than its runs one after another.

``python -m benchmarks.sweep_speed``. The map is computed in one go, with everything that belongs to
it. Before and after, some of its runs are trained alone by ``proxprop.engine.training``, so that
both feel the same machine: ``--share`` of all runs, evenly spread, their time scaled up.

Threads wait as in a worker (`proxprop.runs.threads`), or with ``--spinning`` as torch has them wait
by default: a run alone is then faster by a sixth, and the map slower by as much.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from benchmarks.provenance import RESULTS, environment, write_result
from proxprop.data.dataset import Dataset, load
from proxprop.engine import warm_up
from proxprop.engine.sweeping import sweep
from proxprop.engine.training import train
from proxprop.engine.training.session import Session
from proxprop.runs.threads import wait_politely
from proxprop.spec.config import SweepConfig
from proxprop.spec.controls import NoControls
from proxprop.spec.events import Ended, Snapshot
from proxprop.spec.sweeping import default_sweep


def main() -> None:
    """Measure, print and write."""
    arguments = _arguments()
    if not arguments.spinning and "OMP_WAIT_POLICY" not in os.environ:
        # Threads are made when torch is loaded, which has happened.
        wait_politely(os.environ)
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks.sweep_speed", *sys.argv[1:]])
    console = Console()
    warm_up()  # what a warm worker has behind it
    rounds = [measure(default_sweep(), arguments.share) for _ in range(arguments.rounds)]
    for number, found in enumerate(rounds, 1):
        console.print(
            f"round {number}: map {found['seconds']:.1f} s; one after another "
            f"{found['one_by_one_seconds']:.1f} s, {found['ratio']:.1f} times as long "
            f"(bare steps {found['bare_seconds']:.1f} s, {found['bare_ratio']:.1f} times)"
        )
    result = {
        "environment": environment(torch.device("cpu")),
        "sweep": default_sweep().model_dump(mode="json"),
        "share_of_runs_trained_alone": arguments.share,
        "threads_wait": "spinning, torch's default" if arguments.spinning else "as in a worker",
        "rounds": rounds,
    }
    name = "sweep_speed_spinning" if arguments.spinning else "sweep_speed"
    console.print(str(write_result(name, result, arguments.output)))


def measure(config: SweepConfig, share: float) -> dict[str, Any]:
    """Compute a map between two halves of its runs alone; return seconds and ratios."""
    data = load(config.data)
    runs = len(config.cells()) * config.seeds
    chosen = range(0, runs, max(1, round(1 / share)))
    others = _Others(config, data, torch.get_num_threads())
    others.take(chosen[::2])
    seconds, processor, first_block, outcomes = _map(config)
    others.take(chosen[1::2])
    scale = runs / len(chosen)
    return {
        "seconds": seconds,
        "first_block_after_seconds": first_block,
        "one_by_one_seconds": others.trained * scale,
        "bare_seconds": others.bare * scale,
        # Work done, whatever else the machine is doing; the map spreads its own over all cores.
        "processor_seconds": processor,
        "one_by_one_processor_seconds": others.processor * scale,
        "ratio": others.trained * scale / seconds,
        "bare_ratio": others.bare * scale / seconds,
        "outcomes": outcomes,
    }


def _map(config: SweepConfig) -> tuple[float, float, float | None, str]:
    """Seconds and processor seconds of a map, seconds to its first block, and how runs ended."""
    first_block, outcomes = None, ""
    started, processor = time.perf_counter(), time.process_time()
    for event in sweep(config, NoControls()):
        if isinstance(event, Snapshot) and first_block is None:
            first_block = time.perf_counter() - started
        elif isinstance(event, Ended):
            outcomes = event.words
    return (
        time.perf_counter() - started,
        time.process_time() - processor,
        first_block,
        outcomes,
    )


class _Others:
    """Runs of the map on their own, with all of torch's threads.

    Attributes:
        trained: Seconds they took as a person would make them.
        bare: Seconds of their steps alone.
        processor: Processor seconds of `trained`.
        bare_processor: Processor seconds of `bare`.
    """

    def __init__(self, config: SweepConfig, data: Dataset, threads: int) -> None:
        self._config = config
        self._data = data
        self._threads = threads
        self.trained = self.bare = self.processor = self.bare_processor = 0.0

    def take(self, members: Iterable[int]) -> None:
        """Train these members, each in both ways."""
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        for member in members:
            started = time.process_time()
            self.trained += _seconds(_train, self._config, member, self._data)
            self.processor += time.process_time() - started
            started = time.process_time()
            self.bare += _seconds(_steps_only, self._config, member, self._data)
            self.bare_processor += time.process_time() - started
        torch.set_num_threads(before)


def _seconds(work: Any, *values: Any) -> float:
    started = time.perf_counter()
    work(*values)
    return time.perf_counter() - started


def _train(config: SweepConfig, member: int, data: Dataset) -> None:
    """The run as a person would make it, with whole-set losses at both ends only."""
    quiet = {"instruments.tier": "off", "evaluation.every": 1e4}
    for _ in train(config.run(member).replace(**quiet), NoControls(), dataset=data):
        pass


def _steps_only(config: SweepConfig, member: int, data: Dataset) -> None:
    """Nothing but its steps: no events, no evaluation; those that diverge go on to the end."""
    session = Session(config.run(member), data, torch.device("cpu"))
    for _ in range(config.steps):
        session.advance()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="whole maps; default 3")
    parser.add_argument("--share", type=float, default=0.25, help="part of the runs made alone")
    parser.add_argument("--spinning", action="store_true", help="threads wait as torch has them")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
