"""The paper's figures from our results: ``python -m benchmarks.paper_figure``.

One picture an experiment in the layout of the paper's figures 2 and 3: training loss and accuracy
over epochs, and beside them the loss over training seconds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from app.paper.curves import curves
from benchmarks.convergence_figure import PICTURES
from benchmarks.curve_figure import BY_EPOCH, BY_SECOND, Line, Panel, seeds_in_words, svg
from benchmarks.paper_table import SHOWN, fullest
from proxprop.paper.result import Result

PANELS = (BY_EPOCH, Panel("epoch", "epoch", "validation_accuracy"), BY_SECOND)


def main() -> None:
    """Write the pictures of the results that come with the package."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=Path, default=PICTURES)
    arguments = parser.parse_args()
    for name, words in SHOWN.items():
        if (result := fullest(name)) is not None:
            path = arguments.pictures / f"paper_{result.experiment}.svg"
            path.write_text(picture(result, words), encoding="utf-8")


def picture(result: Result, title: str) -> str:
    """Return the picture of one experiment."""
    shown = curves(result)
    lines = [Line(one.label, one.style, [seed.model_dump() for seed in one.seeds]) for one in shown]
    seeds = max(len(one.seeds) for one in shown)
    words = (
        f"training loss J · share of validation images classified correctly · training loss J; "
        f"{result.data.train:,} training images, {seeds_in_words(seeds)}"
    )
    return svg(title, words, lines, PANELS)


if __name__ == "__main__":
    main()
