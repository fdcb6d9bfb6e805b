"""Two races on Fashion-MNIST, as recorded for the README: ``python -m benchmarks.fashion_race``.

`fashion_race.json`: plain and proximal contenders, their step sizes found by a search of equal
length each. `fashion_race_controls.json`: the paper's settings with their controls, since with
η = 1 the paper's explicit last layer runs 20 times faster than in its plain rival. Both are configs
of ``proxprop race --config``. The data is found through PROXPROP_DATA or fetched once.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, environment, make_console, write_result
from proxprop.cli.execution import begin, carry_out
from proxprop.cli.race_result import RaceBar, print_race, race_result
from proxprop.config import RaceConfig
from proxprop.racing import race_labels, raced_config
from proxprop.runs.store import Store
from proxprop.runs.threads import wait_politely

FOLDER = Path(__file__).parent
RACES = {"searched": "fashion_race.json", "controls": "fashion_race_controls.json"}
CURVES = ("epoch", "seconds", "train_loss", "validation_loss", "validation_accuracy")
TARGET = 0.25


def main() -> None:
    """Run both races, print their tables and write them down."""
    arguments = _arguments()
    wait_politely(os.environ)  # as a worker does
    started = time.perf_counter()
    races = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store.sqlite")
        for name in arguments.only or RACES:
            config = planned(RACES[name], arguments)
            races[name] = carried_out(store, config, arguments.target)
        store.close()
    import torch

    result = {
        "environment": environment(torch.device("cpu")),
        "took_seconds": round(time.perf_counter() - started, 1),
        "target": arguments.target,
        "races": races,
    }
    result["markdown"] = markdown(result)
    console = make_console()
    console.print(result["markdown"])
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


def carried_out(store: Store, config: RaceConfig, target: float) -> dict[str, Any]:
    """Race, and return config, table, settings raced, search and curves."""
    run_id = begin(store, config, "", None)
    ended, _ = carry_out(store, run_id, quiet=False, shown=RaceBar)
    if ended.outcome != "finished":
        raise SystemExit(f"the race {ended.outcome}: {ended.words}")
    told = race_result(store, run_id, target, "train_loss", 0)
    print_race(told)
    raced = raced_config(store, store.run(run_id))
    search = store.artifact(run_id, 0, "search")
    for index, row in enumerate(told["contenders"]):
        settings = raced.contenders[index]
        row["lr"] = settings.optimizer.lr
        row["explicit_lr"] = settings.optimizer.last_lr
        row["tau"] = None if settings.direction.solver == "explicit" else settings.direction.tau
        row["curves"] = [curve(store, run_id, member) for member in row["members"]]
    del told["id"]
    return {
        **told,
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


def markdown(result: dict[str, Any]) -> str:
    """Both tables as the README shows them."""
    tables = [_table(race, result["target"]) for race in result["races"].values()]
    return "\n\n".join(tables)


def _table(race: dict[str, Any], target: float) -> str:
    headings = (
        "contender", "η", "τ", "explicit η", "training loss", "validation accuracy",
        "time per step", f"epochs to {target:g}", f"time to {target:g}",
    )  # fmt: skip
    lines = [_line(headings), _line(["---"] + ["---:"] * (len(headings) - 1))]
    for row in race["contenders"]:
        lines.append(
            _line(
                [
                    row["label"],
                    f"{row['lr']:g}",
                    "–" if row["tau"] is None else f"{row['tau']:g}",
                    f"{row['explicit_lr']:g}",
                    "diverged" if row["diverged"] else _mean(row["final"]["train_loss"], ".3f"),
                    _mean(row["final"]["validation_accuracy"], ".1%"),
                    _times(row["ratios"]["step_seconds"]),
                    _mean(row["epochs_to_target"], ".1f", "not reached"),
                    _times(row["ratios"]["seconds_to_target"])
                    if row["ratios"]["seconds_to_target"]
                    else _mean(row["seconds_to_target"], ".0f", "", " s"),
                ]
            )
        )
    return "\n".join(lines)


def _mean(stat: dict[str, Any], form: str, missing: str = "–", unit: str = "") -> str:
    if stat["mean"] is None:
        return missing
    spread = "" if stat["std"] is None else f" ± {stat['std']:{form}}"
    return f"{stat['mean']:{form}}{spread}{unit}"


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}×"


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


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
    return parser.parse_args()


if __name__ == "__main__":
    main()
