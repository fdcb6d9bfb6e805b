"""What is read off recorded curves: losses at an epoch, epochs and seconds to a loss."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean

from proxprop.paper.result import Contender, Seed
from proxprop.spec.curves import Stat, crossing, value_at


def comparable(contenders: Sequence[Contender]) -> tuple[Contender, ...]:
    """Return contenders with the seeds that all of them have been through, if there are any.

    While the first seed is under way, with the seeds that all have begun.
    """
    settled = [{s.seed for s in entry.seeds if s.outcome != "unfinished"} for entry in contenders]
    begun = [{s.seed for s in entry.seeds} for entry in contenders]
    shared = set.intersection(*settled) or set.intersection(*begun)
    return tuple(
        entry.model_copy(update={"seeds": tuple(s for s in entry.seeds if s.seed in shared)})
        for entry in contenders
    )


def longest(contenders: Sequence[Contender]) -> tuple[Contender, ...]:
    """Return those whose plan has the most epochs: others are not meant to come to the same end."""
    planned = {entry.key: entry.run_config.budget.epochs or 0.0 for entry in contenders}
    most = max(planned.values(), default=0.0)
    return tuple(entry for entry in contenders if planned[entry.key] == most)


def common_epochs(contenders: Sequence[Contender]) -> float:
    """Return the last epoch that all have been evaluated at; those that diverged do not count."""
    lasts = [seed.epoch[-1] for entry in contenders for seed in entry.seeds if _alive(seed)]
    return min(lasts, default=0.0)


def loss_at(contender: Contender, epoch: float) -> float:
    """Return the training loss at `epoch`, mean over seeds; infinite where a seed had diverged."""
    if not _covers(contender, epoch):
        return math.inf
    return _mean(seed.train_loss[_index(seed, epoch)] for seed in contender.seeds)


def losses_until(contender: Contender, epoch: float) -> tuple[float, ...]:
    """Return the training loss after 1, 2, … `epoch` epochs, means over seeds."""
    return tuple(loss_at(contender, done) for done in range(1, int(epoch) + 1))


def arrival(seeds: Iterable[Seed], target: float, axis: str) -> Stat:
    """Return the epochs or training seconds until seeds are at a training loss.

    Args:
        seeds: Whose curves.
        target: The loss.
        axis: "epoch" or "seconds".

    Returns:
        Mean, spread and number of those that get there (`proxprop.spec.curves`).
    """
    return Stat.of(crossing(getattr(seed, axis), seed.train_loss, target) for seed in seeds)


def seconds_per_epoch(contender: Contender, epoch: float) -> float:
    """Return the training seconds of an epoch, mean over the first `epoch` epochs and seeds."""
    alive = [seed for seed in contender.seeds if _alive(seed)]
    return _mean(seed.seconds[_index(seed, epoch)] / epoch for seed in alive)


def seconds_at(contender: Contender, epoch: float) -> float:
    """Return its training clock at `epoch`, mean over seeds."""
    return seconds_per_epoch(contender, epoch) * epoch


def best_validation(contender: Contender, epoch: float) -> float:
    """Return the best validation accuracy up to `epoch`, mean over seeds; NaN: there is none."""
    bests = []
    for seed in contender.seeds:
        pairs = zip(seed.epoch, seed.validation_accuracy)
        known = [share for at, share in pairs if share is not None and at <= epoch]
        bests.append(max(known, default=math.nan))
    return fmean(bests) if bests else math.nan


def validation_at_loss(contender: Contender, target: float) -> float:
    """Return the validation accuracy where the training loss first is at `target`, mean over seeds.

    NaN where a seed never gets there, or an accuracy is missing.
    """
    accuracies = [
        value_at(
            seed.epoch,
            seed.validation_accuracy,
            crossing(seed.epoch, seed.train_loss, target),
            rising=True,
        )
        for seed in contender.seeds
    ]
    return fmean(accuracies) if accuracies else math.nan


def accuracy_tested(contender: Contender, epoch: float) -> float:
    """Return the test accuracy at `epoch`, mean over seeds; NaN unless all were tested there.

    A seed is tested at its end alone.
    """
    known = [
        seed.test_accuracy if seed.epoch and seed.epoch[-1] == epoch else None
        for seed in contender.seeds
    ]
    return fmean(a for a in known if a is not None) if known and None not in known else math.nan


def _alive(seed: Seed) -> bool:
    return seed.outcome != "diverged" and bool(seed.epoch)


def _covers(contender: Contender, epoch: float) -> bool:
    return bool(contender.seeds) and all(
        bool(seed.epoch) and seed.epoch[-1] >= epoch for seed in contender.seeds
    )


def _index(seed: Seed, epoch: float) -> int:
    return min(range(len(seed.epoch)), key=lambda i: abs(seed.epoch[i] - epoch))


def _mean(values: Iterable[float | None]) -> float:
    numbers = [math.inf if value is None else value for value in values]
    return fmean(numbers) if numbers else math.inf
