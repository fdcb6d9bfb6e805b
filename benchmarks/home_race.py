"""Record the race that the Home page draws: ``python -m benchmarks.home_race``.

Explicit against implicit steps in one race: the same weights and batches, in turns, each with a
clock of its own. The data is found through PROXPROP_DATA or fetched once.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

from app.components.machine import machine
from app.home.race import RECORDING
from proxprop.runs.threads import wait_politely
from proxprop.spec.config import RaceConfig, to_query
from proxprop.spec.events import Ended, Event, Point

RACE = {
    "data": {"name": "fashion-mnist"},
    "model": {"widths": (1000, 300, 1000)},
    "batch_size": 500,
    "budget": {"epochs": 5.0},
    "evaluation": {"every": 0.25},
    "instruments": {"tier": "off"},
    "contenders": (
        {"direction": {"solver": "explicit"}, "optimizer": {"lr": 0.05}},
        {"direction": {"solver": "exact", "tau": 0.05}, "optimizer": {"lr": 1.0}},
    ),
}


def main(recording: Path = RECORDING) -> None:
    """Race, and write down both curves with settings and machine."""
    wait_politely(os.environ)  # as a worker does
    from proxprop.engine.racing import race
    from proxprop.spec.controls import NoControls

    config = RaceConfig.parse(RACE)
    found = recorded(config, race(config, NoControls()))
    recording.write_text(json.dumps(found) + "\n")


def recorded(config: RaceConfig, events: Any) -> dict[str, Any]:
    """Return what the page draws of a race's events."""
    curves: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    words: dict[int, str] = {}
    for event in events:
        _take(event, curves, words)
    contenders = [
        {
            "solver": contender.direction.solver,
            "query": to_query(config.run(index)),
            "words": words[index],
            **curves[index],
        }
        for index, contender in enumerate(config.contenders)
    ]
    return {"machine": machine(), "contenders": contenders}


def _take(event: Event, curves: dict[int, dict[str, list[float]]], words: dict[int, str]) -> None:
    if isinstance(event, Point) and event.table == "evaluations":
        values = {"seconds": event.seconds, "epoch": event.epoch, **event.values}
        loss = event.values["train_loss"]
        print(f"{event.member}  epoch {event.epoch:.2f}  {event.seconds:.2f} s  loss {loss:.3g}")
        for column, value in values.items():
            curves[event.member][column].append(float(f"{value:.5g}"))
    elif isinstance(event, Ended):
        words[event.member] = event.words


if __name__ == "__main__":
    main()
