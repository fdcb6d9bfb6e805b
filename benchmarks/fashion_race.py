"""Two races on Fashion-MNIST, as recorded for the README: ``python -m benchmarks.fashion_race``.

`fashion_race.json`: plain and proximal contenders, their step sizes found by a search of equal
length each. `fashion_race_controls.json`: the paper's settings with their controls, since with
η = 1 the paper's explicit last layer runs 20 times faster than in its plain rival. Both are configs
of ``proxprop race --config``. The data is found through PROXPROP_DATA or fetched once.

With ``--home FOLDER`` the races are kept there and ``--minutes`` ends a call early; the next call
goes on where it stopped. ``--searches`` ends it when the step sizes are found: a search reports
losses only, so that it may run on a busy machine and the race it leads to on an idle one.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.instalments import ended_early, go_on, taken
from benchmarks.provenance import RESULTS, environment, make_console, write_result
from benchmarks.race_tables import markdown
from proxprop.cli.reports import race_report, race_result, show
from proxprop.runs.results import race_results
from proxprop.runs.store import Store
from proxprop.runs.threads import wait_politely
from proxprop.spec.config import RaceConfig
from proxprop.spec.racing import race_labels

FOLDER = Path(__file__).parent
RACES = {"searched": "fashion_race.json", "controls": "fashion_race_controls.json"}
CURVES = ("epoch", "seconds", "train_loss", "validation_loss", "validation_accuracy")
TARGET = 0.25


def main() -> None:
    """Run both races, or go on with them; when they are through, write them down."""
    arguments = _arguments()
    wait_politely(os.environ)  # as a worker does
    with ExitStack() as stack:
        home = arguments.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.mkdir(parents=True, exist_ok=True)
        store = Store(home / "store.sqlite")
        stack.callback(store.close)
        plans = {name: planned(RACES[name], arguments) for name in arguments.only or RACES}
        deadline = time.monotonic() + 60 * arguments.minutes
        for name, config in plans.items():
            go_on(store, name, config, deadline, arguments.searches)
        if left := [name for name in plans if ended_early(store, name)]:
            sys.exit(f"not through yet: {', '.join(left)}; the same command goes on")
        write({name: recorded(store, name, plans[name], arguments.target) for name in plans},
              taken(store), arguments)  # fmt: skip


def write(races: dict[str, Any], took: float, arguments: argparse.Namespace) -> None:
    """Print and keep the result."""
    import torch

    result = {
        "environment": environment(torch.device("cpu")),
        "took_seconds": round(took, 1),
        "target": arguments.target,
        "races": races,
    }
    console = make_console()
    for race in races.values():
        console.print(markdown(race, arguments.target))
    console.print(str(write_result(arguments.name, result, arguments.output)))


def planned(file: str, arguments: argparse.Namespace) -> RaceConfig:
    """Return the race of a file, made smaller where the command line says so."""
    config = RaceConfig.parse_json((FOLDER / file).read_text(encoding="utf-8"))
    changes: dict[str, Any] = {
        "budget.epochs": arguments.epochs,
        "data.samples": arguments.samples,
        "seeds": arguments.seeds,
    }
    if config.search is not None:
        changes |= {"search.trials": arguments.trials, "search.epochs": arguments.trial_epochs}
    return config.replace(**{name: value for name, value in changes.items() if value is not None})


def recorded(store: Store, name: str, config: RaceConfig, target: float) -> dict[str, Any]:
    """Return a finished race: config, table, settings raced, search and curves."""
    (run,) = (run for run in store.runs(kind="race") if run.name == name)
    result = race_result(store, run.id, target, "train_loss", 0)
    show(result, race_report, as_json=False)
    raced = race_results(store, run).config
    search = store.artifact(run.id, 0, "search")
    for index, row in enumerate(result["contenders"]):
        settings = raced.contenders[index]
        row["solver"] = settings.direction.solver
        row["optimizer"] = settings.optimizer.name
        row["lr"] = settings.optimizer.lr
        row["explicit_lr"] = settings.optimizer.last_lr
        row["tau"] = None if settings.direction.solver == "explicit" else settings.direction.tau
        row["curves"] = [curve(store, run.id, member) for member in row["members"]]
    del result["id"]
    return {
        **result,
        "config": config.model_dump(mode="json"),
        "labels": list(race_labels(config)),
        "search": None if search is None else search.payload,
    }


def curve(store: Store, run_id: str, member: int) -> dict[str, list[float | None]]:
    """Return one member's evaluations; null where a number is none."""
    points = store.points(run_id, "evaluations", member)
    return {
        name: [round(v, 6) if math.isfinite(v) else None for v in points[name].tolist()]
        for name in CURVES
        if name in points
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(RACES), help="some of the races")
    parser.add_argument("--epochs", type=float, help="length of the races")
    parser.add_argument("--seeds", type=int, help="seeds of the races")
    parser.add_argument("--trials", type=int, help="trials per contender")
    parser.add_argument("--trial-epochs", type=float, help="length of a trial")
    parser.add_argument("--samples", type=int, help="images to use, for a quick look")
    parser.add_argument("--target", type=float, default=TARGET, help="training loss to reach")
    parser.add_argument("--name", default="fashion_race", help="of the result")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--home", type=Path, help="folder to keep unfinished races in")
    parser.add_argument("--minutes", type=float, default=1e4, help="to stop after, with --home")
    parser.add_argument("--searches", action="store_true", help="stop before the race itself")
    return parser.parse_args()


if __name__ == "__main__":
    main()
