"""What is read off recorded curves: losses at an epoch, epochs and seconds to a loss."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean

from proxprop.paper.result import Contender, Seed


def comparable(contenders: Sequence[Contender]) -> tuple[Contender, ...]:
    """Return contenders with the seeds that all of them have been through, if there are any.

    While the first seed is under way, with the seeds that all have begun.
    """
    settled = [{s.seed for s in one.seeds if s.outcome != "unfinished"} for one in contenders]
    begun = [{s.seed for s in one.seeds} for one in contenders]
    shared = set.intersection(*settled) or set.intersection(*begun)
    return tuple(
        one.model_copy(update={"seeds": tuple(s for s in one.seeds if s.seed in shared)})
        for one in contenders
    )


def common_epochs(contenders: Sequence[Contender]) -> float:
    """Return the last epoch that all have been evaluated at; those that diverged do not count."""
    lasts = [seed.epoch[-1] for one in contenders for seed in one.seeds if _alive(seed)]
    return min(lasts, default=0.0)


def loss_at(contender: Contender, epoch: float) -> float:
    """Return the training loss at `epoch`, mean over seeds; infinite where a seed had diverged."""
    if not _covers(contender, epoch):
        return math.inf
    return _mean(seed.train_loss[_index(seed, epoch)] for seed in contender.seeds)


def losses_until(contender: Contender, epoch: float) -> tuple[float, ...]:
    """Return the training loss after 1, 2, … `epoch` epochs, means over seeds."""
    return tuple(loss_at(contender, done) for done in range(1, int(epoch) + 1))


def diverged(contender: Contender) -> bool:
    """Return whether any of its seeds diverged."""
    return any(seed.outcome == "diverged" for seed in contender.seeds)


def until(contender: Contender, target: float, axis: str) -> float:
    """Return the epochs or training seconds until the loss is at `target`, mean over seeds.

    Interpolated linearly between evaluations; infinite where a seed never gets there.

    Args:
        contender: Whose curves.
        target: Training loss.
        axis: "epoch" or "seconds".
    """
    return _mean(_crossing(seed, target, getattr(seed, axis)) for seed in contender.seeds)


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

    Interpolated linearly between evaluations; NaN where a seed never gets there.
    """
    found = [_at_crossing(seed, target) for seed in contender.seeds]
    return fmean(found) if found else math.nan


def test_accuracy(contender: Contender) -> float:
    """Return the test accuracy, mean over seeds; NaN where it was not measured for all."""
    known = [seed.test_accuracy for seed in contender.seeds]
    return fmean(a for a in known if a is not None) if known and None not in known else math.nan


def _alive(seed: Seed) -> bool:
    return seed.outcome != "diverged" and bool(seed.epoch)


def _covers(contender: Contender, epoch: float) -> bool:
    return bool(contender.seeds) and all(
        bool(seed.epoch) and seed.epoch[-1] >= epoch for seed in contender.seeds
    )


def _index(seed: Seed, epoch: float) -> int:
    return min(range(len(seed.epoch)), key=lambda i: abs(seed.epoch[i] - epoch))


def _crossing(seed: Seed, target: float, axis: Sequence[float]) -> float:
    before: tuple[float, float] | None = None
    for at, loss in zip(axis, seed.train_loss):
        if loss is None:
            return math.inf
        if loss <= target:
            if before is None:
                return at
            share = (before[1] - target) / (before[1] - loss)
            return before[0] + share * (at - before[0])
        before = at, loss
    return math.inf


def _at_crossing(seed: Seed, target: float) -> float:
    at = _crossing(seed, target, seed.epoch)
    known = [share for share in seed.validation_accuracy if share is not None]
    if not math.isfinite(at) or len(known) < len(seed.epoch):
        return math.nan
    after = next(index for index, epoch in enumerate(seed.epoch) if epoch >= at)
    if after == 0:
        return known[0]
    share = (at - seed.epoch[after - 1]) / (seed.epoch[after] - seed.epoch[after - 1])
    return known[after - 1] + share * (known[after] - known[after - 1])


def _mean(values: Iterable[float | None]) -> float:
    numbers = [math.inf if value is None else value for value in values]
    return fmean(numbers) if numbers else math.inf
