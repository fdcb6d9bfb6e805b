"""A stored race whose every number is known."""

from __future__ import annotations

import math

import numpy as np

from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.config import RaceConfig
from proxprop.spec.events import Ended, Point
from proxprop.spec.racing import default_race
from proxprop.spec.racing.contenders import member_of

EPOCHS = 8
STEPS = 15  # an epoch
PACE = (0.001, 0.0016, 0.0012)  # seconds a step of each contender
RATE = (0.4, 0.9, 0.25)


def known_race(
    store: Store, *, seeds: int = 5, diverged: tuple[int, int] | None = None, ended: bool = True
) -> str:
    """Write down a race of three; `diverged` names a contender and seed that left the chart."""
    config = default_race().replace(seeds=seeds, **{"budget.epochs": float(EPOCHS)})
    race = store.create_run(config, process=Process.current())
    points: list[Point] = []
    for seed in range(seeds):
        for contender in range(3):
            last = 2 if diverged == (contender, seed) else EPOCHS
            points += _member(config, contender, seed, last)
    fields = {"status": "running", "step": 1800, "epoch": float(EPOCHS), "seconds": 2.28}
    store.append(race, points, fields=fields)
    if ended:
        _end(store, race, config, diverged)
    return race


def _member(config: RaceConfig, contender: int, seed: int, last: int) -> list[Point]:
    member = member_of(config, contender, seed)
    noise = np.random.default_rng(member).uniform(0.9, 1.1, EPOCHS + 1)
    noise[EPOCHS] *= 1.6  # the best loss is not the last one
    made = []
    for step in range(last * STEPS + 1):
        hiccup = 0.04 * (step > 5)  # one slow step: the median is not the mean
        seconds = step * PACE[contender] + hiccup
        place = {"step": step, "epoch": step / STEPS, "seconds": seconds}
        if step:
            made.append(Point("steps", **place, values={"loss": 1.0}, member=member))
        if step % STEPS == 0:
            epoch = step // STEPS
            loss = 2.3 * math.exp(-RATE[contender] * epoch) * float(noise[epoch])
            values = {
                "train_loss": loss,
                "validation_loss": loss + 0.1,
                "validation_accuracy": 1 - loss / 3,
            }
            made.append(Point("evaluations", **place, values=values, member=member))
    return made


def _end(store: Store, race: str, config: RaceConfig, diverged: tuple[int, int] | None) -> None:
    ends = []
    for seed in range(config.seeds):
        for contender in range(3):
            bad = diverged == (contender, seed)
            words = "diverged at step 37: loss 1e12 → inf" if bad else ""
            outcome = "diverged" if bad else "finished"
            member = member_of(config, contender, seed)
            ends.append((0.0, Ended(outcome, STEPS * EPOCHS, EPOCHS, 0.1, words, {}, member)))
    store.append(race, events=ends)
    store.end(race, "finished", "implicit (exact), SGD + Nesterov ends lowest", member=-1)
