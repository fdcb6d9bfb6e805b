"""Cost of a training step over plain torch: ``python -m benchmarks.step_time [--device cuda]``.

Every number is a ratio to the same step with plain layers, taken in the same round: contenders
take turns, one step each, so that a machine that slows down slows all of them. Beside it stand what
the ratio would be if time went by FLOPs (`proxprop.cost`), and of what the difference consists.
``--busy`` keeps one core busy with something else meanwhile. ``--cases MLP`` and then
``--cases ConvNet --merge`` write the same file in two shorter runs. Threads wait as a worker's do.
``--memory`` measures only peak memory, which no other load changes, and renews it in the file.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from rich.table import Table
from torch import Tensor

from benchmarks.allocator import keep_freed_memory
from benchmarks.cases import BATCHES, CASES, CONTENDERS, CYCLES, Case, Contender, make_batches
from benchmarks.difference import difference, spent
from benchmarks.memory import peak_bytes
from benchmarks.provenance import (
    RESULTS,
    environment,
    make_console,
    read_result,
    write_result,
)
from benchmarks.timing import make_clock, summary
from proxprop.conversion import iter_prox_layers
from proxprop.cost import step_cost
from proxprop.diagnostics import SolveRecord
from proxprop.runs.threads import wait_politely

PHASES = ("forward", "backward", "optimizer")
Batches = list[tuple[Tensor, Tensor]]
Step = Callable[[Tensor, Tensor], object]


def main() -> None:
    """Measure, print and write."""
    arguments = _arguments()
    if "OMP_WAIT_POLICY" not in os.environ:  # read when torch is loaded: start again
        wait_politely(os.environ)
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks.step_time", *sys.argv[1:]])
    device = torch.device(arguments.device)
    started = time.perf_counter()
    console = make_console()
    memory = keep_freed_memory() if device.type == "cpu" else "torch's caching allocator"
    name = f"step_time_{device.type}" + ("_quick" if arguments.quick else "")
    name += "_busy" if arguments.busy else ""
    renewed = arguments.merge or arguments.memory
    before = read_result(name, arguments.output) if renewed else None
    cases = [case for case in CASES if arguments.cases.lower() in case.name.lower()]
    if arguments.memory and before:
        for case in cases:
            for contender, found in peaks(case, device).items():
                before["cases"][case.name][contender].update(found)
        before["memory_measured"] = environment(device)["date"]
        console.print(write_result(name, before, arguments.output))
        return
    results = {}
    for case in cases[:2] if arguments.quick else cases:
        rounds, splits = (4, 2) if arguments.quick else (rounds_of(case, arguments.rounds), 8)
        console.print(f"[dim]{case.name}: {rounds} rounds of {len(CONTENDERS)} contenders")
        load = os.getloadavg()[0]
        with busy_core() if arguments.busy else nullcontext():
            results[case.name] = measure(case, device, rounds, splits)
        results[case.name]["plain"]["load_before"] = load
        console.print(table(case.name, results[case.name]))
        # After every case, so that a run that is stopped keeps what it has.
        seconds = time.perf_counter() - started
        result = {
            "environment": {**environment(device), "memory": memory, "wait_policy": "passive"},
            "took_seconds": round(seconds, 1),
            "rounds": arguments.rounds,
            "batches": BATCHES,
            "cases": results,
        }
        path = write_result(name, merged(before, result) if before else result, arguments.output)
        console.print(f"{path} ({seconds:.0f} s)")


@contextmanager
def busy_core() -> Iterator[None]:
    """Run a process beside that never rests, as a laptop in a lecture does."""
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


def rounds_of(case: Case, rounds: int) -> int:
    """Fewer rounds where one takes long: large batches are less noisy."""
    return min(rounds, max(20, rounds * 500 // case.batch_size))


def merged(before: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """Add a run's cases to an earlier run's, if both are from the same software and hardware."""
    old, new = before["environment"], result["environment"]
    for key in old.keys() | new.keys():
        if key != "date" and old.get(key) != new.get(key):
            sys.exit(
                f"cannot merge: {key} was {old.get(key)} and is {new.get(key)}; "
                "run all cases without --merge"
            )
    cases = before["cases"] | result["cases"]
    return {
        **result,
        "took_seconds": round(before["took_seconds"] + result["took_seconds"], 1),
        "cases": {case.name: cases[case.name] for case in CASES if case.name in cases},
    }


def measure(case: Case, device: torch.device, rounds: int, splits: int) -> dict[str, Any]:
    """All numbers of one case, by contender."""
    batches = make_batches(case.batch_size, device, case.shape)
    contenders = {name: Contender(case, settings, device) for name, settings in CONTENDERS.items()}
    for contender in contenders.values():
        for batch in batches[:3]:
            contender.step(*batch)
    steps: dict[str, Step] = {name: entry.step for name, entry in contenders.items()}
    found: dict[str, Any] = {name: {} for name in contenders}
    for name, ratios in time_ratios(steps, batches, device, rounds).items():
        found[name].update(ratios)
    for name, memory in peaks_of(contenders, batches).items():
        found[name].update(memory)
    for name, contender in contenders.items():
        found[name]["split"] = split_of(contender, name, batches, device, splits)
        found[name]["flop_ratio"] = step_cost(contender.model, batches[0][0]).ratio
        if not bool(contender.loss.isfinite()):
            raise RuntimeError(f"{case.name}, {name}: the loss is not finite; timings mean nothing")
    if device.type == "cpu":
        parts = {
            name: spent(entry.step, batches, max(splits, CYCLES.get(name, 1)))
            for name, entry in contenders.items()
        }
        for name, part in parts.items():
            found[name]["operations"] = part.operations
            found[name]["difference"] = difference(part, parts["plain"])
    if device.type == "cuda":
        for name, ratios in time_ratios(
            capture_all(contenders, batches), batches, device, rounds
        ).items():
            found[name]["captured"] = ratios
    return found


def peaks(case: Case, device: torch.device) -> dict[str, dict[str, float]]:
    """Peak memory of one case, by contender, each after a few steps."""
    batches = make_batches(case.batch_size, device, case.shape)
    contenders = {name: Contender(case, settings, device) for name, settings in CONTENDERS.items()}
    for contender in contenders.values():
        for batch in batches[:3]:
            contender.step(*batch)
    return peaks_of(contenders, batches)


def peaks_of(contenders: dict[str, Contender], batches: Batches) -> dict[str, dict[str, float]]:
    """Peak memory of a step in bytes and over the plain one's."""
    memory = {name: peak_bytes(entry, *batches[0]) for name, entry in contenders.items()}
    return {
        name: {"peak_bytes": peak, "peak_ratio": peak / memory["plain"]}
        for name, peak in memory.items()
    }


def time_ratios(
    steps: dict[str, Step], batches: Batches, device: torch.device, rounds: int
) -> dict[str, dict[str, Any]]:
    """Seconds and ratio to plain, contenders taking turns; each round starts with another one.

    A contender whose steps differ is compared by whole cycles of them.
    """
    clock = make_clock(device)
    names = list(steps)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            images, labels = batches[number % len(batches)]
            clock.mark()
            steps[name](images, labels)
            clock.mark()
            seconds[name] += clock.laps()
    found = {}
    for name in names:
        cycle = min(CYCLES.get(name, 1), rounds)
        mine, plain = (_averages(seconds[each], cycle) for each in (name, "plain"))
        ratios = [own / other for own, other in zip(mine, plain)]
        found[name] = {"seconds": summary(mine), "ratio": summary(ratios)}
    return found


def _averages(values: list[float], length: int) -> list[float]:
    """Of whole runs of so many values."""
    starts = range(0, len(values) - length + 1, length)
    return [sum(values[start : start + length]) / length for start in starts]


def split_of(
    contender: Contender, name: str, batches: Batches, device: torch.device, steps: int
) -> dict[str, float]:
    """Median seconds per phase; ``solve`` is a part of ``backward``, by the host's clock."""
    clock = make_clock(device)
    solves: list[float] = []
    if name not in ("plain", "explicit"):

        def observe(record: SolveRecord) -> None:
            solves.append(record.seconds)

        for _, layer in iter_prox_layers(contender.model):
            layer.observer = observe
    laps = []
    per_step = []
    for number in range(steps):
        solves.clear()
        contender.step(*batches[number % len(batches)], clock.mark)
        laps.append(clock.laps())
        per_step.append(sum(solves))
    for _, layer in iter_prox_layers(contender.model):
        layer.observer = None
    split = {phase: summary([lap[i] for lap in laps])["median"] for i, phase in enumerate(PHASES)}
    return {**split, "solve": summary(per_step)["median"]}


def capture_all(contenders: dict[str, Contender], batches: Batches) -> dict[str, Step]:
    """Every contender's step as a CUDA graph on static inputs."""
    return {name: _captured(contender, batches[0]) for name, contender in contenders.items()}


def _captured(contender: Contender, batch: tuple[Tensor, Tensor]) -> Step:
    images, labels = batch[0].clone(), batch[1].clone()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            contender.step(images, labels)
    torch.cuda.current_stream().wait_stream(side)
    contender.optimizer.zero_grad()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        contender.step(images, labels)

    def replay(new_images: Tensor, new_labels: Tensor) -> None:
        images.copy_(new_images)
        labels.copy_(new_labels)
        graph.replay()

    return replay


def table(title: str, found: dict[str, Any]) -> Table:
    """A case as people read it."""
    shown = Table(title=title, title_justify="left")
    captured = "captured" in found["plain"]
    columns = ["ratio", "quartiles", *(["captured"] if captured else []), "by FLOPs"]
    columns += ["peak memory", "operations", "ms"]
    for column in ["", *columns, *PHASES, "of it solve"]:
        shown.add_column(column, justify="left" if column == "" else "right")
    for name, entry in found.items():
        ratio, split = entry["ratio"], entry["split"]
        row = [name, f"{ratio['median']:.2f}", f"{ratio['q1']:.2f}–{ratio['q3']:.2f}"]
        if captured:
            row.append(f"{entry['captured']['ratio']['median']:.2f}")
        row += [f"{entry['flop_ratio']:.2f}", f"{entry['peak_ratio']:.2f}"]
        row += [f"{entry.get('operations', 0):.0f}", f"{entry['seconds']['median'] * 1e3:.1f}"]
        row += [f"{split[phase] * 1e3:.1f}" for phase in (*PHASES, "solve")]
        shown.add_row(*row)
    shown.caption = "\n".join(
        f"{name}, ms a step beyond plain: "
        + ", ".join(f"{part} {milliseconds:.1f}" for part, milliseconds in parts.items())
        for name, entry in found.items()
        if name != "plain" and (parts := entry.get("difference"))
    )
    return shown


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--quick", action="store_true", help="two cases, few rounds: a smoke test")
    parser.add_argument("--busy", action="store_true", help="beside a process that never rests")
    parser.add_argument("--rounds", type=int, default=32, help="rounds of a case; default 32")
    parser.add_argument("--cases", default="", help="only cases whose name contains this")
    parser.add_argument("--merge", action="store_true", help="keep the file's other cases")
    parser.add_argument("--memory", action="store_true", help="peak memory only")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
