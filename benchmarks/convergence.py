"""Epochs and seconds to a target training loss: ``python -m benchmarks.convergence``.

Fashion-MNIST, 784-256-128-10, batch 500. First everybody's step size is found by a search of the
same length; then, for each seed, all contenders start from the same weights, see the same batches
and take turns, each with a clock of its own, so that a machine that slows down slows all of them.
The work is done in pieces, each written down as it ends: stopped or given ``--limit SECONDS``, the
same command goes on later. The data is found through PROXPROP_DATA (a torchvision root) or fetched
once. A step this short depends on how threads wait for each other: OMP_WAIT_POLICY is noted.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
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
from benchmarks.racers import BATCH, TURN, WIDTHS, enter, race
from benchmarks.timing import summary
from proxprop.data.dataset import load
from proxprop.spec.config import DataConfig
from proxprop.spec.curves import crossing, value_at

SEARCH_SEED = 0
# What must be the same for a result to be continued.
_SAME = ("torch", "cpu", "device", "threads", "wait_policy")


def main() -> None:
    """Do what is missing of the result, write it and print it."""
    arguments = _arguments()
    console = make_console()
    device = torch.device(arguments.device)
    name = f"convergence_{device.type}" + ("_quick" if arguments.quick else "")
    settings = _settings(arguments)
    place = {
        **environment(device),
        "wait_policy": os.environ.get("OMP_WAIT_POLICY", "default").lower(),
    }
    result = resumed(read_result(name, arguments.output), settings, place)
    data = load(
        DataConfig(name="fashion-mnist", validation=0.0, samples=settings["samples"]),
        device=device,
    )
    images, labels = data.prepare(data.train.inputs), data.train.targets
    started = time.perf_counter()
    for words, seconds in work(result, images, labels, search_only=arguments.search_only):
        result["took_seconds"] = round(result["took_seconds"] + seconds, 1)
        write_result(name, result, arguments.output)
        console.print(f"[dim]{words}")
        spent = time.perf_counter() - started
        if arguments.limit and spent + seconds > arguments.limit:
            break
    if missing_seeds(result):
        sys.exit("not finished: the same command, without --search-only, goes on from here")
    result["finished"] = True
    result["contenders"] = summarised(result)
    console.print(table(result))
    console.print(str(write_result(name, result, arguments.output)))


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
        "search": {},
        "races": {},
    }


def work(result: dict[str, Any], images: Tensor, labels: Tensor, *, search_only: bool) -> Any:
    """Do the missing pieces one after the other, yielding what was done and how long it took."""
    settings = result["settings"]
    present = [entry for entry in ENTRIES if not entry.missing()]
    for entry in present:
        found = result["search"].setdefault(entry.name, [])
        for rate in entry.rates[len(found) :]:
            started = time.perf_counter()
            found.append(_trial(entry, rate, images, labels, settings["search_epochs"]))
            yield (
                f"search: {entry.name}, η {rate:g}: {_shown(found[-1])}",
                time.perf_counter() - started,
            )
    for seed in [] if search_only else missing_seeds(result):
        started = time.perf_counter()
        racers = [enter(e, best_rate(e, result["search"]), seed, images.device) for e in present]
        race(racers, images, labels, settings["epochs"], seed)
        result["races"][str(seed)] = {
            entry.name: {
                "losses": [_finite(round(loss, 5)) for loss in racer.losses],
                "clock": [round(seconds, 4) for seconds in racer.clock],
                "turns": [round(seconds, 5) for seconds in racer.turns],
            }
            for entry, racer in zip(present, racers)
        }
        yield f"race: seed {seed}", time.perf_counter() - started


def missing_seeds(result: dict[str, Any]) -> list[int]:
    """Seeds of the races still to come."""
    return [seed for seed in result["settings"]["seeds"] if str(seed) not in result["races"]]


def best_rate(entry: Entry, search: dict[str, list[float | None]]) -> float:
    """The step size whose trial ended with the lowest training loss."""
    losses = [math.inf if loss is None else loss for loss in search[entry.name]]
    return entry.rates[losses.index(min(losses))]


def _trial(entry: Entry, rate: float, images: Tensor, labels: Tensor, epochs: int) -> float | None:
    racer = enter(entry, rate, SEARCH_SEED, images.device)
    race([racer], images, labels, epochs, SEARCH_SEED)
    return _finite(racer.losses[-1])


def summarised(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every contender's numbers over all seeds, or how to install it."""
    target = result["settings"]["target"]
    plain = ENTRIES[0].name
    found: dict[str, dict[str, Any]] = {}
    for entry in ENTRIES:
        if entry.name not in result["search"]:
            found[entry.name] = {"missing": entry.install}
            continue
        ratios, epochs, seconds, at_time, final = [], [], [], [], []
        for runs in result["races"].values():
            run, reference = runs[entry.name], runs[plain]
            ratios += [own / theirs for own, theirs in zip(run["turns"], reference["turns"])]
            losses = [math.inf if loss is None else loss for loss in run["losses"]]
            epochs.append(crossing(range(len(losses)), losses, target))
            seconds.append(crossing(run["clock"], losses, target))
            middle = (len(reference["clock"]) - 1) // 2
            at_time.append(value_at(run["clock"], losses, reference["clock"][middle]))
            final.append(losses[-1])
        found[entry.name] = {
            "rate": best_rate(entry, result["search"]),
            "fixed": entry.fixed,
            "rates": entry.rates,
            "step_ratio": summary(ratios),
            "epochs_to_target": _over_seeds(epochs),
            "seconds_to_target": _over_seeds(seconds),
            "loss_in_equal_time": _middle(at_time),
            "final_loss": _middle(final),
        }
    return found


def _over_seeds(places: list[float]) -> dict[str, float | None] | None:
    """Median, lowest and highest; None unless every seed reached the target."""
    return None if any(map(math.isnan, places)) else _middle(places)


def _middle(values: list[float]) -> dict[str, float | None]:
    """Median, lowest and highest; null where a run diverged."""
    found = {"median": median(values), "lowest": min(values), "highest": max(values)}
    return {name: _finite(value) for name, value in found.items()}


def table(result: dict[str, Any]) -> Table:
    """The race as people read it."""
    settings = result["settings"]
    half = settings["epochs"] // 2
    shown = Table(
        "",
        "η",
        "step",
        f"epochs to {settings['target']:g}",
        f"seconds to {settings['target']:g}",
        f"loss in the time of {half} SGD epochs",
        f"loss after {settings['epochs']} epochs",
        title="Fashion-MNIST, training loss, median over the seeds",
        title_justify="left",
    )
    for name, entry in result["contenders"].items():
        if "missing" in entry:
            shown.add_row(name, entry["missing"])
            continue
        epochs, seconds = entry["epochs_to_target"], entry["seconds_to_target"]
        shown.add_row(
            name,
            f"{entry['rate']:g}",
            f"{entry['step_ratio']['median']:.2f}×",
            "not reached" if epochs is None else f"{epochs['median']:.1f}",
            "not reached" if seconds is None else f"{seconds['median']:.1f}",
            _shown(entry["loss_in_equal_time"]["median"]),
            _shown(entry["final_loss"]["median"]),
        )
    return shown


def _finite(loss: float) -> float | None:
    return loss if math.isfinite(loss) else None


def _shown(loss: float | None) -> str:
    return "diverged" if loss is None else f"{loss:.3f}"


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "widths": list(WIDTHS),
        "batch": BATCH,
        "turn": TURN,
        "samples": 10_000 if arguments.quick else None,
        "search_epochs": 1 if arguments.quick else arguments.search_epochs,
        "epochs": 2 if arguments.quick else arguments.epochs,
        "seeds": [1] if arguments.quick else list(range(1, 1 + arguments.seeds)),
        "target": arguments.target,
        "contenders": {entry.name: [entry.fixed, list(entry.rates)] for entry in ENTRIES},
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--epochs", type=int, default=8, help="of a race; default 8")
    parser.add_argument("--search-epochs", type=int, default=2, help="of a trial; default 2")
    parser.add_argument("--seeds", type=int, default=3, help="races; default 3")
    parser.add_argument("--target", type=float, default=0.25, help="training loss; default 0.25")
    parser.add_argument("--limit", type=float, default=0.0, help="seconds after which to pause")
    parser.add_argument("--search-only", action="store_true", help="leave the races for later")
    parser.add_argument("--quick", action="store_true", help="10,000 samples, two epochs")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
