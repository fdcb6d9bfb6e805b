"""Each preset of a race makes the point it claims, in epochs; its seconds are printed."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from proxprop.engine.racing import race
from proxprop.spec.controls import NoControls
from proxprop.spec.events import Ended, Point
from proxprop.spec.racing import RACE_PRESETS, RacePreset, Row, rows

TARGET = 0.23  # a tenth of a guesser's loss
Times = list[float]
# Preset → what its sentence says of the epochs to the target, contender by contender.
CLAIMS: dict[str, Callable[[Times], bool]] = {
    "default": lambda e: e[1] < 0.6 * e[0] and e[1] < 0.3 * e[2],
    "seconds": lambda e: max(e[2], e[3]) < 0.5 * min(e[0], e[1]),
    "behind": lambda e: max(e[1:]) < 0.8 * e[0],
    "paper": lambda e: max(e[1:]) < 0.6 * e[0] and max(e[1:]) < 1.05 * min(e[1:]),
    "controls": lambda e: e[1] < 1.25 * e[2] < e[0] < e[3] and e[4] < 1.05 * e[2],
    "torch": lambda e: e[5] < 0.8 * min(e[:5]),
    "optimizers": lambda e: e[1] == min(e) and e[0] == max(e),
    "tau": lambda e: e == sorted(e, reverse=True),
    "cg": lambda e: e[1] < 1.03 * e[5] < e[0] and min(e[2:5]) > 0.97 * e[5],
}


def table(preset: RacePreset) -> list[Row]:
    """Return the table of a preset's race."""
    points: dict[tuple[str, int], list[dict[str, float]]] = {}
    ends: dict[int, Ended] = {}
    for event in race(preset.config, NoControls()):
        if isinstance(event, Point):
            place = {"step": event.step, "epoch": event.epoch, "seconds": event.seconds}
            points.setdefault((event.table, event.member), []).append({**place, **event.values})
        elif isinstance(event, Ended) and event.member >= 0:
            ends[event.member] = event
    evaluations, steps = (
        {member: pd.DataFrame(rows) for (name, member), rows in points.items() if name == wanted}
        for wanted in ("evaluations", "steps")
    )
    return rows(preset.config, evaluations, steps, ends, target=TARGET)


@pytest.mark.slow
@pytest.mark.parametrize("preset", RACE_PRESETS, ids=lambda preset: preset.name)
def test_a_preset_makes_its_point(preset: RacePreset) -> None:
    made = table(preset)
    epochs = [row.epochs_to_target.mean for row in made]
    assert CLAIMS[preset.name](epochs), epochs
    seconds = [row.seconds_to_target.mean for row in made]
    print(preset.name, epochs, seconds, sum(row.seconds.mean for row in made))
