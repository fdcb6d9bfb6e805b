"""How recorded numbers decide a claim: each rule returns a verdict and the figures behind it.

A rule gets what it compares, in the order that the claim names it; the rival comes last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Literal

from proxprop.paper import curves
from proxprop.paper.plan import PAPER_EPOCHS
from proxprop.paper.result import AnyResult, Contender, Result, StabilityMethod, StabilityResult

# A gap in training time below this is no gap.
_SAME_TIME = 1.1
_MUCH_TIME = 1.5
# "Much larger": by this factor in η.
_MUCH = 9.9  # ten, but for the rounding of a logarithmic grid
# A spread over τ larger by this factor is a larger one.
_SAME_SPREAD = 1.1
# What share of the whole gain one cause must account for, or stay below.
_MOST, _HALF, _LITTLE = 0.75, 0.5, 0.25

Decided = Literal["confirmed", "partly", "not confirmed"]
Finding = tuple[Decided, str]  # what the numbers say of the claim, and the numbers
Rule = Callable[[AnyResult], "Decision | None"]


@dataclass(frozen=True)
class Decision:
    """What a rule made of a result.

    Attributes:
        verdict: What the numbers say of the claim.
        measured: The numbers.
        epochs: Up to which epoch they were read; None where epochs do not count.
    """

    verdict: Decided
    measured: str
    epochs: float | None = None


@dataclass(frozen=True)
class Race:
    """Contenders of a race's result that are compared.

    Attributes:
        result: The result.
        entries: The contenders, with the seeds that all of them have been through.
        epochs: The last epoch they can be compared at.
    """

    result: Result
    entries: tuple[Contender, ...]
    epochs: float

    def losses(self) -> list[float]:
        """Return everybody's training loss at the end."""
        return [curves.loss_at(entry, self.epochs) for entry in self.entries]

    def listed(self, measure: str, values: Iterable[float], form: str = ".3g") -> str:
        """Return "measure: contender value, …"."""
        pairs = zip(self.entries, values)
        return f"{measure}: " + ", ".join(f"{e.label} {_number(v, form)}" for e, v in pairs)

    def final(self) -> str:
        """Say at which training loss contenders are at the end."""
        return self.listed(f"training loss after {_epochs(self.epochs)}", self.losses())

    def when(self, mine: Contender) -> str:
        """Say when `mine` is at the loss at which the rival ends."""
        rival = self.entries[-1]
        target = curves.loss_at(rival, self.epochs)
        at, seconds = (curves.arrival(mine.seeds, target, axis) for axis in ("epoch", "seconds"))
        if not math.isfinite(target):
            return f"{rival.label} diverged"
        if not at.n:
            return f"{mine.label} never comes to the {target:.3g} where {rival.label} ends"
        share = ""  # where they raced apart, on clocks of their own
        if len(curves.longest((mine, rival))) == 2:
            part = seconds.mean / curves.seconds_at(rival, self.epochs)
            share = f" and {part:.2g} of its training time"
        few = f", by {at.n} of {len(mine.seeds)} seeds" if at.n < len(mine.seeds) else ""
        return (
            f"{mine.label} is at {target:.3g}, where {rival.label} ends, after "
            f"{_epochs(at.mean)}{share}{few}"
        )


def on_race(rule: Callable[[Race], Finding | None], *keys: str, at_the_end: bool = False) -> Rule:
    """Return a rule on the contenders of these keys, all of the result's where none is given.

    It decides nothing before all have been through an epoch together.

    Args:
        rule: Decides on what they have been through together.
        *keys: Of contenders, the rival last.
        at_the_end: Whether those whose plan is shorter than the rival's are left out.
    """

    def decide(result: AnyResult) -> Decision | None:
        if not isinstance(result, Result):
            return None
        asked = [result.contender(key) for key in keys] if keys else result.contenders
        known = [contender for contender in asked if contender is not None]
        if not known or len(known) < len(asked):
            return None
        if at_the_end and len(whole := curves.longest(known)) > 1:
            known = list(whole)
        entries = curves.comparable(known)
        epochs = curves.common_epochs(entries)
        if epochs < 1 or not all(entry.seeds for entry in entries):
            return None
        finding = rule(Race(result, entries, epochs))
        return finding and Decision(*finding, epochs)

    return decide


def on_sweep(
    rule: Callable[[StabilityResult, Sequence[StabilityMethod]], Finding | None], *keys: str
) -> Rule:
    """Return a rule on a sweep's methods of these keys; it waits until all are done."""

    def decide(result: AnyResult) -> Decision | None:
        if not isinstance(result, StabilityResult):
            return None
        methods = [method for key in keys if (method := result.method(key)) is not None]
        pending = any("unfinished" in outcomes for m in methods for outcomes in m.outcomes)
        if len(methods) < len(keys) or pending:
            return None
        finding = rule(result, methods)
        return finding and Decision(*finding)

    return decide


def share_of(held: Sequence[bool]) -> Decided:
    """Return "confirmed" where all hold, "partly" where some do."""
    return "confirmed" if all(held) else "partly" if any(held) else "not confirmed"


def basis(result: AnyResult, epochs: float | None) -> str:
    """Say on what a finding rests."""
    data, device = result.data, result.provenance.device
    parts = [f"{data.train:,} training images"]
    if isinstance(result, StabilityResult):
        seeds = len(result.seeds)
        parts.append(f"{result.steps} steps")
    else:
        seeds = min(len(entry.seeds) for entry in curves.comparable(result.contenders))
        done = result.planned_epochs if epochs is None else epochs
        parts.append(f"{done:g} of {result.planned_epochs:g} epochs")
    parts.append("1 seed" if seeds == 1 else f"{seeds} seeds")
    threads = result.provenance.threads
    where = f"{threads} CPU thread{'s' * (threads != 1)}" if device == "cpu" else device
    return ", ".join([f"{result.scale} scale", *parts, where])


# -- per epoch -------------------------------------------------------------------------------


def faster_per_epoch(race: Race) -> Finding:
    """Confirmed where each is below the rival after every epoch; partly after most, or the last."""
    *ours, rival = race.entries
    theirs = curves.losses_until(rival, race.epochs)
    lower = [[a < b for a, b in zip(curves.losses_until(e, race.epochs), theirs)] for e in ours]
    measured = f"{race.final()}; {race.when(ours[0])}"
    if all(all(row) for row in lower):
        return "confirmed", measured
    some = any(row[-1] or sum(row) * 2 > len(row) for row in lower)
    lost = ", ".join(
        f"{entry.label} in {len(row) - sum(row)} of {len(row)} epochs"
        for entry, row in zip(ours, lower)
        if not all(row)
    )
    return "partly" if some else "not confirmed", f"{measured}; not lower: {lost}"


def ordered(race: Race) -> Finding:
    """Each should be faster than the one before; the mean loss over epochs decides."""
    means = [fmean(curves.losses_until(entry, race.epochs)) for entry in race.entries]
    listed = race.listed(f"mean training loss over epochs 1 to {race.epochs:g}", means)
    faster = [later < former for former, later in pairwise(means)]
    return share_of(faster), f"{listed}; {race.final()}"


# -- per second ------------------------------------------------------------------------------


def competitive_in_time(race: Race) -> Finding:
    """Decided by the seconds until the rival's final loss; an epoch's own cost is said too."""
    mine, rival = race.entries
    arrival = curves.arrival(mine.seeds, race.losses()[-1], "seconds")
    own, theirs = (curves.seconds_per_epoch(entry, race.epochs) for entry in race.entries)
    measured = (
        f"{race.when(mine)}; an epoch takes {own / theirs:.2f}× the training time of {rival.label}"
    )
    everyone = arrival.n == len(mine.seeds)
    ratio = arrival.mean / curves.seconds_at(rival, race.epochs) if everyone else math.inf
    if ratio <= _SAME_TIME:
        return "confirmed", measured
    return "partly" if ratio <= _MUCH_TIME else "not confirmed", measured


def dearer(race: Race) -> Finding:
    """Confirmed where an epoch of each takes more than a tenth longer than the rival's."""
    *ours, rival = race.entries
    base = curves.seconds_per_epoch(rival, race.epochs)
    costs = [curves.seconds_per_epoch(entry, race.epochs) / base for entry in ours]
    listed = ", ".join(f"{entry.label} {cost:.2f}×" for entry, cost in zip(ours, costs))
    reached = "; ".join(race.when(entry) for entry in ours)
    measured = f"training time of an epoch against {rival.label}: {listed}; {reached}"
    return share_of([cost > _SAME_TIME for cost in costs]), measured


def ahead_of_tuned(race: Race, axis: str, rivals: int) -> Finding:
    """Compare when contenders are at the lowest loss at which one of the first `rivals` ends.

    Confirmed where the best of the others is there in less than 1/1.1 of the way of that rival;
    partly where it takes as long, or where not every seed of it gets there.
    """
    losses = race.losses()
    target = min(losses[:rivals])
    best_rival = race.entries[losses.index(target)]
    way = {"epoch": race.epochs, "seconds": curves.seconds_at(best_rival, race.epochs)}[axis]
    arrivals = {e.label: curves.arrival(e.seeds, target, axis) for e in race.entries[rivals:]}
    there = {label: stat for label, stat in arrivals.items() if stat.n}
    steps = race.listed("step sizes found", (e.run_config.optimizer.lr for e in race.entries))
    measured = f"{best_rival.label} is the best rival, at {target:.3g}"
    if not there:
        return "not confirmed", f"{measured}; no other comes there. {race.final()}; {steps}"
    label = min(there, key=lambda name: there[name].mean)
    share, everyone = there[label].mean / way, there[label].n == len(race.entries[0].seeds)
    whole = "epochs" if axis == "epoch" else "training time"
    measured += f"; {label} is there after {share:.2g} of its {whole}. {race.final()}; {steps}"
    if share < 1 / _SAME_TIME and everyone:
        return "confirmed", measured
    return "partly" if share <= _SAME_TIME else "not confirmed", measured


# -- accuracy --------------------------------------------------------------------------------


def more_accurate(race: Race, rivals: int = 1) -> Finding | None:
    """Test accuracy decides, or the best validation accuracy where not all were tested together.

    Confirmed where the mean of all but the last `rivals` is above every rival by more than two
    standard errors of such a difference, after the paper's number of epochs on all images.
    Earlier, or on fewer images, networks are not trained out and a lead may be one of speed:
    partly, as within the two standard errors.
    """
    result, entries = race.result, race.entries
    tested = [curves.accuracy_tested(entry, race.epochs) for entry in entries]
    best = [curves.best_validation(entry, race.epochs) for entry in entries]
    use_test = not any(map(math.isnan, tested))
    values, images = (tested, result.data.test) if use_test else (best, result.data.validation)
    if any(map(math.isnan, values)) or images == 0:
        return None
    mine, theirs = fmean(values[:-rivals]), max(values[-rivals:])
    share, seeds = (mine + theirs) / 2, min(len(entry.seeds) for entry in entries)
    noise = 2 * math.sqrt(2 * share * (1 - share) / (images * seeds))
    measured = race.listed("best validation accuracy", best, ".1%")
    if use_test:
        measured = f"{race.listed('test accuracy', tested, '.1%')}; {measured}"
    measured += f" (differences below {noise:.1%} are noise of the images alone)"
    trained_out = result.scale == "full" and race.epochs >= PAPER_EPOCHS
    if not trained_out:
        measured += "; not trained out as in the paper"
    measured += _at_equal_loss(race)
    if mine - theirs > noise and trained_out:
        return "confirmed", measured
    return "partly" if mine - theirs > -noise else "not confirmed", measured


def _at_equal_loss(race: Race) -> str:
    """Say how well all validate where each has the last contender's final training loss."""
    target = race.losses()[-1]
    accuracies = [curves.validation_at_loss(entry, target) for entry in race.entries]
    if any(map(math.isnan, accuracies)):
        return ""
    measure = f"at equal training loss ({target:.3g}), validation"
    return f"; {race.listed(measure, accuracies, '.1%')}"


# -- whose the gain is: the implicit step's, or the last layer's larger rate's ---------------

GAIN_KEYS = ("plain", "exact", "plain-last-1", "exact-last-.05", "exact-eta-10", "exact-eta-30")


def gain_is_the_implicit_steps(race: Race) -> Finding:
    """Measure gains as ratios of training losses of `GAIN_KEYS`, on a logarithmic scale.

    Confirmed where the last layer's rate alone (plain, last layer at η 1) brings less than a
    quarter of the gain of the paper's setting, and implicit steps with the last layer at 0.05 bring
    half of it at the paper's η and three quarters at some η; partly where some of that holds.
    """
    plain, *losses = race.losses()
    whole, rate_alone, *implicit = (
        math.log(plain / loss) if math.isfinite(loss) else -math.inf for loss in losses
    )
    if not math.isfinite(whole) or whole <= 0:
        return "not confirmed", f"the paper's setting gains nothing over plain; {race.final()}"
    rate, same, best = rate_alone / whole, implicit[0] / whole, max(implicit) / whole
    chosen = race.entries[3 + implicit.index(max(implicit))].label
    alone = f"the last layer's rate alone brings {_share(rate)}"
    if not math.isfinite(rate):
        alone = "the last layer's rate alone brings nothing: plain steps diverge with it"
    final = race.final()
    measured = (
        f"{final[0].upper()}{final[1:]}. Of the paper's gain (plain to exact, in logarithms of the "
        f"loss) {alone}; the implicit step alone, with the last layer at 0.05, brings "
        f"{_share(same)} at η 1 and {_share(best)} at the best η tried ({chosen})"
    )
    if max(rate, same) < _LITTLE:
        measured += "; at the paper's η it takes both"
    return share_of([rate < _LITTLE, same >= _HALF, best >= _MOST]), measured


def all_lower(race: Race) -> Finding:
    """Confirmed where all end below the first contender, the paper's setting."""
    paper, *losses = race.losses()
    return share_of([loss < paper for loss in losses]), race.final()


def _share(value: float) -> str:
    return f"{value:.0%}" if math.isfinite(value) else "nothing, it diverges"


# -- η: the stability sweep ------------------------------------------------------------------


def wider_range(result: StabilityResult, methods: Sequence[StabilityMethod]) -> Finding:
    """Compare the largest stable η; confirmed where all have ten times the rival's."""
    *limits, theirs = (_largest_stable(method) for method in methods)
    listed = ", ".join(
        f"{method.label} {f'{limit:.3g}' if limit else 'none'}"
        for method, limit in zip(methods, (*limits, theirs))
    )
    highest = max(methods[-1].lr)
    measured = f"largest η that does not diverge (of those tried, up to {highest:.3g}): {listed}"
    if all(limit >= _MUCH * theirs for limit in limits):
        return "confirmed", measured
    return "partly" if max(limits) > theirs else "not confirmed", measured


def survives_tenfold(result: StabilityResult, methods: Sequence[StabilityMethod]) -> Finding | None:
    """At ten times its best η the rival should diverge, the others end below the untrained loss."""
    pairs = [pair for method in methods if (pair := _tenfold(method)) is not None]
    bound = result.initial_loss
    if len(pairs) < len(methods) or bound is None:
        return None
    losses = [_mean_loss(method, at) for method, (_, at) in zip(methods, pairs)]
    listed = ", ".join(
        f"{method.label} {_mean_loss(method, best):.3g} at its best η {method.lr[best]:.3g}, "
        f"{_number(loss)} at {method.lr[at]:.3g}"
        for method, (best, at), loss in zip(methods, pairs, losses)
    )
    held = [*(loss < bound for loss in losses[:-1]), not math.isfinite(losses[-1])]
    return share_of(held), f"{listed}; untrained {bound:.3g}"


def _mean_loss(method: StabilityMethod, index: int) -> float:
    """Return the mean loss over seeds; infinite where one diverged."""
    if "diverged" in method.outcomes[index]:
        return math.inf
    return fmean(math.inf if loss is None else loss for loss in method.losses[index])


def _largest_stable(method: StabilityMethod) -> float:
    """Return the largest η below which, too, nothing diverges; 0 where the smallest does."""
    limit = 0.0
    for index, eta in enumerate(method.lr):
        if not math.isfinite(_mean_loss(method, index)):
            break
        limit = eta
    return limit


def _tenfold(method: StabilityMethod) -> tuple[int, int] | None:
    """Return the index of the best η and of ten times that; None where the latter is not tried."""
    best = min(range(len(method.lr)), key=lambda index: _mean_loss(method, index))
    for index, eta in enumerate(method.lr):
        if abs(math.log10(eta / method.lr[best]) - 1) < 0.05:
            return best, index
    return None


# -- τ and the batch size --------------------------------------------------------------------


def more_sensitive_to_tau(race: Race, batch: int) -> Finding | None:
    """Compare how much the final loss varies over τ, as largest / smallest, at one batch size."""
    exact, inexact = (_by_tau(race, solver, batch) for solver in ("exact", "cg3"))
    if len(exact) < 2 or exact.keys() != inexact.keys():
        return None
    spreads = [
        max(losses.values()) / min(losses.values()) if math.inf not in losses.values() else math.inf
        for losses in (exact, inexact)
    ]
    ratio = spreads[0] / spreads[1]
    measured = (
        f"final loss over τ {_listed(exact)}: exact {_listed(exact.values())} (largest / smallest "
        f"{spreads[0]:.3g}), CG 3 {_listed(inexact.values())} ({spreads[1]:.3g})"
    )
    if ratio > _SAME_SPREAD:
        return "confirmed", measured
    return "partly" if ratio > 1 / _SAME_SPREAD else "not confirmed", measured


def best_tau_moves(race: Race) -> Finding | None:
    """Confirmed where the best τ of exact steps differs between batch sizes."""
    sizes = sorted({int(entry.config["batch_size"]) for entry in race.entries})
    losses_of = {size: _by_tau(race, "exact", size) for size in sizes}
    if len(losses_of) < 2 or any(len(losses) < 2 for losses in losses_of.values()):
        return None
    best = {size: min(losses, key=lambda tau: losses[tau]) for size, losses in losses_of.items()}
    listed = "; ".join(
        f"batch {size}: final loss {_listed(losses_of[size].values())}, best τ {best[size]:g}"
        for size in sizes
    )
    moved = len(set(best.values())) > 1
    return "confirmed" if moved else "not confirmed", f"τ {_listed(losses_of[sizes[0]])}: {listed}"


def _by_tau(race: Race, solver: str, batch: int) -> Mapping[float, float]:
    """Return τ → final loss of the contenders of one solver at one batch size, τ ascending."""
    losses = {
        float(entry.config["direction"]["tau"]): loss
        for entry, loss in zip(race.entries, race.losses())
        if entry.key.startswith(f"{solver}-batch-{batch}-tau-")
    }
    return dict(sorted(losses.items()))


def _listed(values: Iterable[float]) -> str:
    return ", ".join(map(_number, values))


def _epochs(count: float) -> str:
    return "1 epoch" if count == 1 else f"{count:.2g} epochs"


def _number(value: float, form: str = ".3g") -> str:
    return f"{value:{form}}" if math.isfinite(value) else "diverged"
