"""The races to a target loss as pictures: ``python -m benchmarks.convergence_figure``.

One picture a workload that has been raced, over epochs and over training seconds.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks import fashion_figure
from benchmarks.provenance import RESULTS, read_result
from benchmarks.readme_tables import WORKLOAD_KEYS
from proxprop.spec.config import Contender

PICTURES = Path(__file__).parent.parent / "docs" / "images"
# Direction and optimizer whose line a contender is drawn with.
LOOKS = {
    "Nesterov": ("explicit", "nesterov"),
    "Adam": ("explicit", "adam"),
    "Muon + AdamW": ("explicit", "muon"),
    "SOAP": ("explicit", "adagrad"),
    "Exact": ("exact", "nesterov"),
    "Exact + Adam": ("exact", "adam"),
    "Running": ("exact", "sgd"),
    "Running + Adam": ("exact", "rmsprop"),
}


def main() -> None:
    """Write the pictures of the stored results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--pictures", type=Path, default=PICTURES)
    arguments = parser.parse_args()
    for key in WORKLOAD_KEYS:
        result = read_result(f"convergence_{key}_cpu", arguments.results)
        if result is not None and result["finished"]:
            path = arguments.pictures / f"convergence_{key}.svg"
            path.write_text(picture(result), encoding="utf-8")


def picture(result: dict[str, Any]) -> str:
    """Return the picture of one workload's races."""
    names = [name for name in LOOKS if name in result["search"]]
    races = result["races"].values()
    race = {
        "labels": names,
        "config": {
            "seeds": len(result["races"]),
            "contenders": [_drawn_as(*LOOKS[name]) for name in names],
        },
        "contenders": [{"curves": [_curve(runs[name]) for runs in races]} for name in names],
    }
    return fashion_figure.picture(
        race, result["settings"]["target"], f"{result['settings']['title']}: training loss J"
    )


def _drawn_as(solver: str, optimizer: str) -> dict[str, Any]:
    contender = {"direction": {"solver": solver}, "optimizer": {"name": optimizer}}
    return Contender.parse(contender).model_dump(mode="json")


def _curve(run: dict[str, Any]) -> dict[str, Any]:
    return {"epoch": run["epochs"], "seconds": run["clock"], "train_loss": run["losses"]}


if __name__ == "__main__":
    main()
