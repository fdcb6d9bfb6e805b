"""The recorded race as the README's picture: ``python -m benchmarks.fashion_figure``.

Two panels, the same losses: over epochs, as papers draw them, and over training seconds.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from app.charts.contender_styles import line_styles
from benchmarks.curve_figure import drawn, seeds_in_words, svg
from benchmarks.provenance import RESULTS, read_result
from proxprop.spec.config import Contender

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "fashion_race.svg"


def main() -> None:
    """Write the picture of the stored result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--race", default="searched", help="which of the races")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    result = read_result("fashion_race", arguments.results)
    if result is None:
        parser.exit(1, "no result yet; run python -m benchmarks.fashion_race\n")
    race = result["races"][arguments.race]
    arguments.picture.write_text(picture(race, result["target"]), encoding="utf-8")


def picture(
    race: dict[str, Any], target: float, title: str = "Fashion-MNIST: full training loss J"
) -> str:
    """Return the picture of one race."""
    config = race["config"]
    styles = line_styles([Contender.parse(contender) for contender in config["contenders"]])
    words = f"searched step sizes, {seeds_in_words(config['seeds'])}"
    return svg(title, words, drawn(race, styles), target=target)


if __name__ == "__main__":
    main()
