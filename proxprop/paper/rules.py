"""How curves of a race decide a claim: each rule returns a verdict and the figures in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from proxprop.paper import curves
from proxprop.paper.finding import AnyResult, Finding, Results, Rule, share_of
from proxprop.paper.plan import PAPER_EPOCHS
from proxprop.paper.result import Contender, Result

# A gap in training time below this is no gap.
_SAME_TIME = 1.1
_MUCH_TIME = 1.5


# -- per epoch -------------------------------------------------------------------------------


def faster_per_epoch(ours: str, rival: str) -> Rule:
    """Confirmed where `ours` is lower after every epoch; partly after most, or the last."""
    return all_faster_per_epoch((ours,), rival)


def all_faster_per_epoch(ours: Sequence[str], rival: str) -> Rule:
    """Confirmed where each of `ours` is lower after every epoch; partly where some of it holds."""

    def decide(result: AnyResult, others: Results) -> Finding | None:
        found = contenders_of(result, (*ours, rival))
        if found is None:
            return None
        (*mine, other), epochs = found
        theirs = curves.losses_until(other, epochs)
        lower = [[a < b for a, b in zip(curves.losses_until(one, epochs), theirs)] for one in mine]
        words = f"{final((*mine, other), epochs)}; {when(mine[0], other, epochs)}"
        if all(all(row) for row in lower):
            return Finding("confirmed", words, epochs)
        some = any(row[-1] or sum(row) * 2 > len(row) for row in lower)
        lost = ", ".join(
            f"{one.label} in {len(row) - sum(row)} of {len(row)} epochs"
            for one, row in zip(mine, lower)
            if not all(row)
        )
        return Finding("partly" if some else "not confirmed", f"{words}; not lower: {lost}", epochs)

    return decide


def ordered(keys: Sequence[str]) -> Rule:
    """Each of `keys` should be faster than the one before; the mean loss over epochs decides."""

    def decide(result: AnyResult, others: Results) -> Finding | None:
        found = contenders_of(result, keys)
        if found is None:
            return None
        entries, epochs = found
        means = [fmean(curves.losses_until(one, epochs)) for one in entries]
        listed = ", ".join(f"{one.label} {mean:.3g}" for one, mean in zip(entries, means))
        words = f"mean training loss over epochs 1 to {epochs:g}: {listed}"
        steps = [later < former for former, later in pairwise(means)]
        return Finding(share_of(steps), f"{words}; {final(entries, epochs)}", epochs)

    return decide


# -- per second ------------------------------------------------------------------------------


def competitive_in_time(ours: str, rival: str) -> Rule:
    """Decided by the seconds until the rival's final loss; an epoch's own cost is told too."""

    def decide(result: AnyResult, others: Results) -> Finding | None:
        found = contenders_of(result, (ours, rival))
        if found is None:
            return None
        (mine, other), epochs = found
        target, spent = curves.loss_at(other, epochs), curves.seconds_at(other, epochs)
        cost = curves.seconds_per_epoch(mine, epochs) / curves.seconds_per_epoch(other, epochs)
        arrival = curves.arrival(mine, target, "seconds")
        words = (
            f"{when(mine, other, epochs)}; an epoch takes {cost:.2f}× the training time of "
            f"{other.label}"
        )
        ratio = arrival.mean / spent if arrival.n == len(mine.seeds) else math.inf
        if ratio <= _SAME_TIME:
            return Finding("confirmed", words, epochs)
        return Finding("partly" if ratio <= _MUCH_TIME else "not confirmed", words, epochs)

    return decide


def dearer(ours: Sequence[str], rival: str) -> Rule:
    """Confirmed where an epoch of each of `ours` takes more than a tenth longer."""

    def decide(result: AnyResult, others: Results) -> Finding | None:
        found = contenders_of(result, (*ours, rival))
        if found is None:
            return None
        (*mine, other), epochs = found
        base = curves.seconds_per_epoch(other, epochs)
        costs = [curves.seconds_per_epoch(one, epochs) / base for one in mine]
        listed = ", ".join(f"{one.label} {cost:.2f}×" for one, cost in zip(mine, costs))
        reached = "; ".join(when(one, other, epochs) for one in mine)
        words = f"training time of an epoch against {other.label}: {listed}; {reached}"
        more = [cost > _SAME_TIME for cost in costs]
        return Finding(share_of(more), words, epochs)

    return decide


# -- accuracy --------------------------------------------------------------------------------


def more_accurate(ours: Sequence[str], rivals: Sequence[str]) -> Rule:
    """Test accuracy decides, or the best validation accuracy where it was not measured.

    Confirmed where the mean of `ours` is above every rival by more than two standard errors of
    such a difference, after the paper's number of epochs on all images. Earlier, or on fewer
    images, networks are not trained out and a lead may be one of speed: partly, as within the two
    standard errors.
    """

    def decide(result: AnyResult, others: Results) -> Finding | None:
        found = contenders_of(result, (*ours, *rivals))
        if found is None or not isinstance(result, Result):
            return None
        entries, epochs = found
        tested = [curves.test_accuracy(one) for one in entries]
        best = [curves.best_validation(one, epochs) for one in entries]
        use_test = not any(map(math.isnan, tested))
        values, images = (tested, result.data.test) if use_test else (best, result.data.validation)
        if any(map(math.isnan, values)) or images == 0:
            return None
        mine, theirs = fmean(values[: len(ours)]), max(values[len(ours) :])
        share, seeds = (mine + theirs) / 2, min(len(one.seeds) for one in entries)
        noise = 2 * math.sqrt(2 * share * (1 - share) / (images * seeds))
        words = _percentages("best validation accuracy", entries, best)
        if use_test:
            words = f"{_percentages('test accuracy', entries, tested)}; {words}"
        words += f" (differences below {noise:.1%} are noise of the images alone)"
        trained_out = result.scale == "full" and epochs >= PAPER_EPOCHS
        if not trained_out:
            words += f"; not trained out as in the paper{_at_equal_loss(entries, epochs)}"
        if mine - theirs > noise and trained_out:
            return Finding("confirmed", words, epochs)
        return Finding("partly" if mine - theirs > -noise else "not confirmed", words, epochs)

    return decide


def _at_equal_loss(entries: Sequence[Contender], epochs: float) -> str:
    """Say how well all validate where each has the last contender's final training loss."""
    target = curves.loss_at(entries[-1], epochs)
    accuracies = [curves.validation_at_loss(one, target) for one in entries]
    if any(map(math.isnan, accuracies)):
        return ""
    shown = _percentages(f"at equal training loss ({target:.3g}), validation", entries, accuracies)
    return f"; {shown}"


# -- words and parts -------------------------------------------------------------------------


def contenders_of(
    result: AnyResult, keys: Sequence[str]
) -> tuple[tuple[Contender, ...], float] | None:
    """Return the contenders of these keys and the last epoch they can be compared at, if any."""
    if not isinstance(result, Result):
        return None
    found = [result.contender(key) for key in keys]
    known = [one for one in found if one is not None]
    if len(known) < len(keys):
        return None
    entries = curves.comparable(known)
    epochs = curves.common_epochs(entries)
    return (entries, epochs) if all(one.seeds for one in entries) and epochs >= 1 else None


def final(entries: Sequence[Contender], epochs: float) -> str:
    """Say at which training loss contenders are after `epochs`."""
    listed = ", ".join(f"{one.label} {_number(curves.loss_at(one, epochs))}" for one in entries)
    return f"training loss after {_epochs(epochs)}: {listed}"


def when(mine: Contender, other: Contender, epochs: float) -> str:
    """Say when `mine` is at the loss at which `other` ends."""
    target = curves.loss_at(other, epochs)
    at, seconds = (curves.arrival(mine, target, axis) for axis in ("epoch", "seconds"))
    if not math.isfinite(target):
        return f"{other.label} diverged"
    if not at.n:
        return f"{mine.label} never comes to the {target:.3g} where {other.label} ends"
    share = seconds.mean / curves.seconds_at(other, epochs)
    few = f", by {at.n} of {len(mine.seeds)} seeds" if at.n < len(mine.seeds) else ""
    return (
        f"{mine.label} is at {target:.3g}, where {other.label} ends, after {_epochs(at.mean)} and "
        f"{share:.2g} of its training time{few}"
    )


def _percentages(measure: str, entries: Sequence[Contender], values: Sequence[float]) -> str:
    return f"{measure}: " + ", ".join(
        f"{one.label} {value:.1%}" for one, value in zip(entries, values)
    )


def _epochs(count: float) -> str:
    return "1 epoch" if count == 1 else f"{count:.2g} epochs"


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "diverged"
