"""Record the race of the Home page: `python -m app.home.record`.

Both contenders start from the same weights, see the same batches and take turns, so that a busy
machine slows both alike; each has its own clock of training seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from app.home.machine import machine
from app.home.race import RECORDING
from proxprop.config import RunConfig, to_query
from proxprop.events import Ended, Event, Point

CONTENDERS = {
    "explicit": {"direction.solver": "explicit", "optimizer.lr": 0.05},
    "exact": {"direction.solver": "exact", "optimizer.lr": 1.0, "direction.tau": 0.05},
}
SHARED = {
    "data.name": "fashion-mnist",
    "data.samples": 11_000,
    "model.widths": (1000, 300, 1000),
    "batch_size": 500,
    "budget.epochs": 8.0,
    "evaluation.every": 0.25,
    "instruments.tier": "off",
}


def main() -> None:
    """Train both, write down their curves with settings and machine."""
    from proxprop.training import NoControls, train  # torch, which the server must not load

    configs = {name: RunConfig().replace(**SHARED, **own) for name, own in CONTENDERS.items()}
    loops: dict[str, Iterator[Event]] = {
        name: train(config, NoControls()) for name, config in configs.items()
    }
    curves: dict[str, dict[str, list[float]]] = {name: {} for name in configs}
    ended: dict[str, str] = {}
    while len(ended) < len(loops):
        for name in loops.keys() - ended.keys():
            ended |= _turn(name, loops[name], curves[name])
    recording: dict[str, Any] = {
        "machine": machine(),
        "contenders": [
            {"solver": name, "query": to_query(configs[name]), "words": ended[name], **curves[name]}
            for name in CONTENDERS
        ],
    }
    RECORDING.write_text(json.dumps(recording) + "\n")


def _turn(name: str, loop: Iterator[Event], curve: dict[str, list[float]]) -> dict[str, str]:
    """Advance one contender to its next evaluation; return how it ended, if it has."""
    for event in loop:
        if isinstance(event, Point) and event.table == "evaluations":
            values = {"seconds": event.seconds, "epoch": event.epoch, **event.values}
            print(f"{name:10} epoch {event.epoch:.2f}  loss {event.values['train_loss']:.3g}")
            for column, value in values.items():
                curve.setdefault(column, []).append(float(f"{value:.5g}"))
            return {}
        if isinstance(event, Ended):
            return {name: event.words}
    return {name: ""}


if __name__ == "__main__":
    main()
