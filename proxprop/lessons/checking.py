"""Carrying a lesson's experiment out. It loads torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch

from proxprop.lessons.experiments import direction, limits, penalty, quadratic, racing
from proxprop.lessons.verdict import Measured, Verdict

Experiment = Callable[[], list[Measured]]

EXPERIMENTS: Mapping[str, Experiment] = {
    "penalty": penalty.backprop_is_a_sweep,
    "quadratic": quadratic.explicit_blows_up,
    "real-layer": quadratic.a_real_layer,
    "descent": direction.always_descends,
    "whole-network": limits.where_training_fails,
    "race": racing.fewer_epochs,
    "optimizers": racing.with_adam,
    "limits": racing.when_it_does_not_help,
    "running": direction.running_gram,
}


def examine(lesson: str) -> Verdict:
    """Carry out a lesson's experiment and return what it found."""
    started = time.perf_counter()
    numbers, problem = [], ""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on networks this small more threads cost more than they save
    try:
        numbers = EXPERIMENTS[lesson]()
    except Exception as error:  # an experiment that breaks does not bear its claim out
        problem = f"{type(error).__name__}: {error}"
    finally:
        torch.set_num_threads(threads)
    seconds = time.perf_counter() - started
    return Verdict(lesson=lesson, seconds=seconds, numbers=tuple(numbers), problem=problem)
