"""Epochs and seconds to a target training loss: ``python -m benchmarks.convergence``.

The workloads of ``benchmarks.workloads``, a result each. First everybody's step size is found by a
search of the same length; then, for each seed, all contenders start from the same weights, see the
same batches and take turns, each with a clock of its own, so that a machine that slows down slows
all of them. The work is done in pieces, each written down as it ends: stopped or given ``--limit
SECONDS``, the same command goes on later. Fashion-MNIST is found through PROXPROP_DATA (a
torchvision root) or fetched once; CIFAR-10 likewise, or read from class folders (``--cifar``).
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch
from rich.table import Table
from torch import Tensor

from benchmarks.contenders import ENTRIES, Entry
from benchmarks.provenance import (
    RESULTS,
    environment,
    make_console,
    read_result,
    write_result,
)
from benchmarks.racers import enter, race
from benchmarks.timing import summary
from benchmarks.workloads import WORKLOADS, Workload
from proxprop.data.dataset import load
from proxprop.runs.threads import wait_politely
from proxprop.spec.curves import crossing

SEARCH_SEED = 0
TIMED_STEPS = 3
# What must be the same for a result to be continued.
_SAME = ("torch", "cpu", "device", "threads", "wait_policy")


def main() -> None:
    """Do what is missing of the results, write and print them."""
    arguments = _arguments()
    _wait_as_workers_do()
    console = make_console()
    deadline = time.perf_counter() + (arguments.limit or math.inf)
    unfinished = []
    for workload in WORKLOADS:
        if arguments.workloads and workload.key not in arguments.workloads:
            continue
        if not _do(workload, arguments, console, deadline):
            unfinished.append(workload.key)
    if unfinished:
        sys.exit(f"not finished: {', '.join(unfinished)}; the same command goes on from here")


def _do(workload: Workload, arguments: argparse.Namespace, console: Any, deadline: float) -> bool:
    """Do what is missing of one workload; return whether nothing is any more."""
    device = torch.device(arguments.device)
    name = f"convergence_{workload.key}_{device.type}"
    place = {
        **environment(device),
        "wait_policy": os.environ.get("OMP_WAIT_POLICY", "default").lower(),
    }
    settings = _settings(workload, arguments.seeds)
    result = resumed(read_result(name, arguments.output), settings, place)
    data = load(workload.data_config(arguments.cifar), device=device)
    images, labels = data.prepare(data.train.inputs), data.train.targets
    console.print(f"{workload.title}: {len(labels)} images")
    for words, seconds in work(workload, result, images, labels, arguments.search_only):
        result["took_seconds"] = round(result["took_seconds"] + seconds, 1)
        result["load"][words] = round(os.getloadavg()[0], 2)
        write_result(name, result, arguments.output)
        console.print(f"[dim]{words} ({seconds:.1f} s)")
        if time.perf_counter() + seconds > deadline:
            break
    if missing_seeds(result) or workload.only_timed.keys() - result["timed"].keys():
        return False
    result["finished"] = True
    result["contenders"] = summarised(workload, result)
    console.print(table(workload, result))
    console.print(str(write_result(name, result, arguments.output)))
    return True


def _wait_as_workers_do() -> None:
    """Start anew with threads that wait as a worker's do, which must be said before torch loads."""
    if "GOMP_SPINCOUNT" not in os.environ:
        wait_politely(os.environ)
        os.execv(sys.executable, sys.orig_argv)


def resumed(
    kept: dict[str, Any] | None, settings: dict[str, Any], found: dict[str, Any]
) -> dict[str, Any]:
    """The kept result if it is of the same settings on the same machine, else an empty one."""
    if (
        kept is not None
        and kept.get("settings") == settings
        and all(kept["environment"].get(key) == found[key] for key in _SAME)
    ):
        return kept
    return {
        "environment": found,
        "settings": settings,
        "finished": False,
        "took_seconds": 0.0,
        "load": {},
        "timed": {},
        "search": {},
        "races": {},
    }


def work(
    workload: Workload, result: dict[str, Any], images: Tensor, labels: Tensor, search_only: bool
) -> Iterator[tuple[str, float]]:
    """Do the missing pieces one after the other, yielding what was done and how long it took."""
    installed = [entry for entry in ENTRIES if not entry.missing()]
    present = [entry for entry in installed if entry.name not in workload.only_timed]
    for entry in present:
        trials = result["search"].setdefault(entry.name, [])
        for rate in entry.rates[len(trials) :]:
            started = time.perf_counter()
            trials.append(_trial(entry, rate, workload, images, labels))
            yield (
                f"search: {entry.name}, η {rate:g}: {_shown(trials[-1])}",
                time.perf_counter() - started,
            )
    for seed in [] if search_only else missing_seeds(result):
        started = time.perf_counter()
        racers = [
            enter(entry, best_rate(entry, result["search"]), seed, workload, images)
            for entry in present
        ]
        race(racers, images, labels, workload, seed, workload.epochs)
        result["races"][str(seed)] = {
            entry.name: {
                "epochs": [round(epochs, 3) for epochs in racer.epochs],
                "losses": [_finite(round(loss, 5)) for loss in racer.losses],
                "clock": [round(seconds, 4) for seconds in racer.clock],
                "turns": [round(seconds, 5) for seconds in racer.turns],
            }
            for entry, racer in zip(present, racers)
        }
        yield f"race: seed {seed}", time.perf_counter() - started
    for entry in [] if search_only else installed:  # last, for some take minutes
        if entry.name in workload.only_timed and entry.name not in result["timed"]:
            started = time.perf_counter()
            result["timed"][entry.name] = _step_ratio(entry, workload, images, labels)
            yield f"timed: {entry.name}", time.perf_counter() - started


def missing_seeds(result: dict[str, Any]) -> list[int]:
    """Seeds of the races still to come."""
    return [seed for seed in result["settings"]["seeds"] if str(seed) not in result["races"]]


def best_rate(entry: Entry, search: dict[str, list[float | None]]) -> float:
    """The step size whose trial ended with the lowest training loss."""
    losses = [math.inf if loss is None else loss for loss in search[entry.name]]
    return entry.rates[losses.index(min(losses))]


def _trial(
    entry: Entry, rate: float, workload: Workload, images: Tensor, labels: Tensor
) -> float | None:
    racer = enter(entry, rate, SEARCH_SEED, workload, images)
    epochs = workload.search_epochs
    race([racer], images, labels, workload, SEARCH_SEED, epochs, every_turn=False)
    return _finite(racer.losses[-1])


def _step_ratio(entry: Entry, workload: Workload, images: Tensor, labels: Tensor) -> float:
    """Median time of a step over the first contender's, in turns, after a step each to warm up."""
    racers = [
        enter(one, one.rates[len(one.rates) // 2], SEARCH_SEED, workload, images)
        for one in (ENTRIES[0], entry)
    ]
    batches = torch.arange(workload.batch * (TIMED_STEPS + 1)) % len(labels)
    for batch in batches.split(workload.batch):
        for racer in racers:
            racer.train(images, labels, [batch])
    plain, own = (racer.turns[1:] for racer in racers)
    return median(mine / reference for mine, reference in zip(own, plain))


def summarised(workload: Workload, result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every contender's numbers over all seeds, why it stayed out, or how to install it."""
    plain = ENTRIES[0].name
    contenders: dict[str, dict[str, Any]] = {}
    for entry in ENTRIES:
        if entry.name in result["timed"]:
            ratio, reason = result["timed"][entry.name], workload.only_timed[entry.name]
            contenders[entry.name] = {"step_ratio": {"median": ratio}, "left_out": reason}
            continue
        if entry.name not in result["search"]:
            contenders[entry.name] = {"missing": entry.install}
            continue
        ratios, epochs, seconds = [], [], []
        for runs in result["races"].values():
            run, reference = runs[entry.name], runs[plain]
            ratios += [own / theirs for own, theirs in zip(run["turns"], reference["turns"])]
            losses = [math.inf if loss is None else loss for loss in run["losses"]]
            epochs.append(crossing(run["epochs"], losses, workload.target))
            seconds.append(crossing(run["clock"], losses, workload.target))
        contenders[entry.name] = {
            "rate": best_rate(entry, result["search"]),
            "fixed": entry.fixed,
            "rates": entry.rates,
            "step_ratio": summary(ratios),
            "epochs_to_target": _over_seeds(epochs),
            "seconds_to_target": _over_seeds(seconds),
            "seconds": median(run[entry.name]["clock"][-1] for run in result["races"].values()),
        }
    return contenders


def _over_seeds(places: list[float]) -> dict[str, float] | None:
    """Median, lowest and highest; None unless every seed reached the target."""
    if any(map(math.isnan, places)):
        return None
    return {"median": median(places), "lowest": min(places), "highest": max(places)}


def table(workload: Workload, result: dict[str, Any]) -> Table:
    """The race as people read it."""
    shown = Table(
        "",
        "η",
        "step",
        f"epochs to {workload.target:g}",
        f"seconds to {workload.target:g}",
        title=f"{workload.title}, training loss, median over the seeds",
        title_justify="left",
    )
    for name, entry in result["contenders"].items():
        if "missing" in entry:
            shown.add_row(name, entry["missing"])
            continue
        ratio = f"{entry['step_ratio']['median']:.2f}×"
        if "left_out" in entry:
            shown.add_row(name, "", ratio, entry["left_out"])
            continue
        epochs, seconds = entry["epochs_to_target"], entry["seconds_to_target"]
        shown.add_row(
            name,
            f"{entry['rate']:g}",
            ratio,
            "not reached" if epochs is None else f"{epochs['median']:.2f}",
            f"not in {entry['seconds']:.1f}" if seconds is None else f"{seconds['median']:.2f}",
        )
    return shown


def _finite(loss: float) -> float | None:
    return loss if math.isfinite(loss) else None


def _shown(loss: float | None) -> str:
    return "diverged" if loss is None else f"{loss:.3f}"


def _settings(workload: Workload, seeds: int) -> dict[str, Any]:
    return {
        **workload.settings(),
        "seeds": list(range(1, 1 + seeds)),
        "contenders": {entry.name: [entry.fixed, list(entry.rates)] for entry in ENTRIES},
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    keys = [workload.key for workload in WORKLOADS]
    parser.add_argument("--workloads", nargs="*", choices=keys, help="default: all")
    parser.add_argument("--seeds", type=int, default=3, help="races; default 3")
    parser.add_argument("--limit", type=float, default=0.0, help="seconds after which to pause")
    parser.add_argument("--search-only", action="store_true", help="leave the races for later")
    parser.add_argument("--cifar", help="CIFAR-10 as folder or archive of class folders")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
