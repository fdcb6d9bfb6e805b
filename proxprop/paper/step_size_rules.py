"""How sweeps over η, and races over τ and the batch size, decide a claim."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean

from proxprop.paper import curves
from proxprop.paper.finding import AnyResult, Decided, Finding, Results, Rule, share_of
from proxprop.paper.result import Contender, Result, StabilityMethod, StabilityResult

# "Much larger": by this factor in η.
_MUCH = 9.9  # ten, but for the rounding of a logarithmic grid
# A spread over τ larger by this factor is a larger one.
_SAME_SPREAD = 1.1


# -- η: the stability sweep ------------------------------------------------------------------


def wider_range(ours: Sequence[str], rival: str) -> Rule:
    """Compare the largest η that does not diverge; confirmed where all of `ours` have ten times."""

    def decide(result: AnyResult, others: Results) -> Finding | None:
        found = _methods(result, (*ours, rival))
        if found is None:
            return None
        (*mine, other) = found
        limits = [_largest_stable(one) for one in mine]
        theirs = _largest_stable(other)
        listed = ", ".join(
            f"{one.label} {_eta(limit)}" for one, limit in zip((*mine, other), (*limits, theirs))
        )
        highest = max(other.lr)
        words = f"largest η that does not diverge (of those tried, up to {highest:.3g}): {listed}"
        if all(limit >= _MUCH * theirs for limit in limits):
            return Finding("confirmed", words)
        return Finding("partly" if max(limits) > theirs else "not confirmed", words)

    return decide


def survives_tenfold(ours: Sequence[str], rival: str) -> Rule:
    """At ten times its best η the rival should diverge and `ours` end below the untrained loss."""

    def decide(result: AnyResult, others: Results) -> Finding | None:
        found = _methods(result, (*ours, rival))
        if found is None or not isinstance(result, StabilityResult):
            return None
        tens = [_tenfold(one) for one in found]
        if None in tens or result.initial_loss is None:
            return None
        bound = result.initial_loss
        losses = [_loss(one, at) for one, (_, at) in zip(found, _known(tens))]
        held = [*(loss < bound for loss in losses[:-1]), not math.isfinite(losses[-1])]
        listed = ", ".join(
            f"{one.label} {_loss(one, best):.3g} at its best η {one.lr[best]:.3g}, "
            f"{_ending(loss)} at {one.lr[at]:.3g}"
            for one, (best, at), loss in zip(found, _known(tens), losses)
        )
        return Finding(share_of(held), f"{listed}; untrained {bound:.3g}")

    return decide


def _methods(result: AnyResult, keys: Sequence[str]) -> list[StabilityMethod] | None:
    if not isinstance(result, StabilityResult):
        return None
    found = [result.method(key) for key in keys]
    known = [one for one in found if one is not None]
    pending = any("unfinished" in outcomes for one in known for outcomes in one.outcomes)
    return known if len(known) == len(keys) and not pending else None


def _loss(method: StabilityMethod, index: int) -> float:
    """Return the mean loss over seeds; infinite where one diverged."""
    losses = method.losses[index]
    if "diverged" in method.outcomes[index]:
        return math.inf
    return fmean(math.inf if loss is None else loss for loss in losses)


def _largest_stable(method: StabilityMethod) -> float:
    """Return the largest η below which, too, nothing diverges; 0 where the smallest does."""
    limit = 0.0
    for index, eta in enumerate(method.lr):
        if not math.isfinite(_loss(method, index)):
            break
        limit = eta
    return limit


def _tenfold(method: StabilityMethod) -> tuple[int, int] | None:
    """Return the index of the best η and of ten times that; None where the latter is not tried."""
    best = min(range(len(method.lr)), key=lambda index: _loss(method, index))
    for index, eta in enumerate(method.lr):
        if abs(math.log10(eta / method.lr[best]) - 1) < 0.05:
            return best, index
    return None


def _known(tens: Sequence[tuple[int, int] | None]) -> list[tuple[int, int]]:
    return [pair for pair in tens if pair is not None]


def _eta(value: float) -> str:
    return f"{value:.3g}" if value else "none"


def _ending(loss: float) -> str:
    return f"{loss:.3g}" if math.isfinite(loss) else "diverged"


# -- τ and the batch size --------------------------------------------------------------------


def more_sensitive_to_tau(batch: int) -> Rule:
    """Compare how much the final loss varies over τ, as largest / smallest, at one batch size."""

    def decide(result: AnyResult, others: Results) -> Finding | None:
        exact, inexact = (_by_tau(result, solver, batch) for solver in ("exact", "cg3"))
        if len(exact) < 2 or exact.keys() != inexact.keys():
            return None
        ratio = _spread(exact) / _spread(inexact)
        words = (
            f"final loss over τ {_listed(sorted(exact))}: exact {_listed(exact.values())} (largest "
            f"/ smallest {_spread(exact):.3g}), CG 3 {_listed(inexact.values())} "
            f"({_spread(inexact):.3g})"
        )
        verdict: Decided = "not confirmed"
        if ratio > _SAME_SPREAD:
            verdict = "confirmed"
        elif ratio > 1 / _SAME_SPREAD:
            verdict = "partly"
        return Finding(verdict, words, _epochs(result))

    return decide


def best_tau_moves(result: AnyResult, others: Results) -> Finding | None:
    """Confirmed where the best τ of exact steps differs between batch sizes."""
    if not isinstance(result, Result):
        return None
    sizes = sorted({int(one.config["batch_size"]) for one in result.contenders})
    found = {size: _by_tau(result, "exact", size) for size in sizes}
    if len(found) < 2 or any(len(losses) < 2 for losses in found.values()):
        return None
    best = {size: min(losses, key=lambda tau: losses[tau]) for size, losses in found.items()}
    words = "; ".join(
        f"batch {size}: final loss {_listed(found[size].values())}, best τ {best[size]:g}"
        for size in sizes
    )
    words = f"τ {_listed(found[sizes[0]])}: {words}"
    moved = len(set(best.values())) > 1
    return Finding("confirmed" if moved else "not confirmed", words, _epochs(result))


def _by_tau(result: AnyResult, solver: str, batch: int) -> dict[float, float]:
    """Return τ → final loss of the contenders of one solver at one batch size."""
    if not isinstance(result, Result):
        return {}
    prefix, epochs = f"{solver}-batch-{batch}-tau-", _epochs(result)
    chosen = [one for one in curves.comparable(result.contenders) if one.key.startswith(prefix)]
    if epochs < 1:
        return {}
    return {_tau(one): curves.loss_at(one, epochs) for one in sorted(chosen, key=_tau)}


def _epochs(result: AnyResult) -> float:
    if not isinstance(result, Result) or not result.contenders:
        return 0.0
    return curves.common_epochs(curves.comparable(result.contenders))


def _tau(contender: Contender) -> float:
    return float(contender.config["direction"]["tau"])


def _spread(losses: dict[float, float]) -> float:
    worst, best = max(losses.values()), min(losses.values())
    return worst / best if math.isfinite(worst) else math.inf


def _listed(values: Iterable[float]) -> str:
    return ", ".join(_ending(value) for value in values)
