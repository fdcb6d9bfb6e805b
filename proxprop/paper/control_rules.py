"""Whose the paper's gain on the MLP is: the implicit step's, or the last layer's larger rate's."""

from __future__ import annotations

import math

from proxprop.paper import curves
from proxprop.paper.finding import AnyResult, Finding, Results, share_of
from proxprop.paper.result import Contender
from proxprop.paper.rules import contenders_of, final

# What share of the whole gain one cause must account for, or stay below.
_MOST, _HALF, _LITTLE = 0.75, 0.5, 0.25
_KEYS = ("plain", "exact", "plain-last-1", "exact-last-.05", "exact-eta-10", "exact-eta-30")


def gain_is_the_implicit_steps(result: AnyResult, others: Results) -> Finding | None:
    """Measure gains as ratios of training losses, on a logarithmic scale.

    Confirmed where the last layer's rate alone (plain, last layer at η 1) brings less than a
    quarter of the gain of the paper's setting, and implicit steps with the last layer at 0.05 bring
    half of it at the paper's η and three quarters at some η; partly where some of that holds.
    """
    found = contenders_of(result, _KEYS)
    if found is None:
        return None
    entries, epochs = found
    losses = {one.key: curves.loss_at(one, epochs) for one in entries}
    gain = _gain(losses, "exact")
    if not math.isfinite(gain) or gain <= 0:
        words = f"the paper's setting gains nothing over plain; {final(entries, epochs)}"
        return Finding("not confirmed", words, epochs)
    rate = _gain(losses, "plain-last-1") / gain
    best = min(_KEYS[3:], key=lambda key: losses[key])
    implicit = _gain(losses, best) / gain
    same = _gain(losses, "exact-last-.05") / gain
    words = (
        f"{_final_of(entries, epochs)}. Of the paper's gain (plain to exact, in logarithms of the "
        f"loss) {_rate_in_words(rate)}; the implicit step alone, with the last layer at 0.05, "
        f"brings {_share(same)} at η 1 and {_share(implicit)} at the best η tried "
        f"({_label(entries, best)})"
    )
    if max(rate, same) < _LITTLE:
        words += "; at the paper's η it takes both"
    return Finding(share_of([rate < _LITTLE, same >= _HALF, implicit >= _MOST]), words, epochs)


def larger_eta_is_better(result: AnyResult, others: Results) -> Finding | None:
    """Confirmed where η 10 and 30 (last layer 0.05) both end below the paper's setting."""
    found = contenders_of(result, ("exact", "exact-eta-10", "exact-eta-30"))
    if found is None:
        return None
    entries, epochs = found
    paper, *larger = (curves.loss_at(one, epochs) for one in entries)
    return Finding(share_of([loss < paper for loss in larger]), final(entries, epochs), epochs)


def _gain(losses: dict[str, float], key: str) -> float:
    loss = losses[key]
    return math.log(losses["plain"] / loss) if math.isfinite(loss) else -math.inf


def _rate_in_words(rate: float) -> str:
    if not math.isfinite(rate):
        return "the last layer's rate alone brings nothing: plain steps diverge with it"
    return f"the last layer's rate alone brings {_share(rate)}"


def _share(value: float) -> str:
    return f"{value:.0%}" if math.isfinite(value) else "nothing, it diverges"


def _label(entries: tuple[Contender, ...], key: str) -> str:
    return next(one.label for one in entries if one.key == key)


def _final_of(entries: tuple[Contender, ...], epochs: float) -> str:
    words = final(entries, epochs)
    return words[0].upper() + words[1:]
