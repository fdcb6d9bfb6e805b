"""The words of the Paper page."""

from __future__ import annotations

from datetime import datetime

from app.paper.recordings import AnyResult
from app.words import PAPER, count
from proxprop.paper import Result, StabilityResult

SENTENCES = {
    "mlp": "3072-4000-1000-4000-10, batch 500, Nesterov 0.95: explicit steps at η 0.05 against "
    "implicit ones at η 1, τ 0.05.",
    "mlp-adam": "The same MLP with Adam at η 0.001: on gradients, and on implicit steps with τ 1.",
    "convnet": "Three convolutions and a linear layer, batch 500: Adam at η 0.001 on gradients, "
    "and on implicit steps with τ 1.",
    "mlp-controls": "Whose gain is it, the implicit step's or the last layer's larger η? The "
    "same MLP, one change at a time.",
    "batch": "The layer's Gram is a sum over the batch: the same τ is stronger in a larger batch.",
    "stability": "How large may a step be? Loss after a fixed number of steps, by step size.",
}
FOOTNOTE = (
    f"The paper: {PAPER}. It writes τ for the step size, here η, and $\\tau_\\theta$ for the "
    "proximal step, here τ."
)
DEVIATIONS = (
    "**Images.** {stored}; the paper trains on CIFAR-10 as published. Split 45,000 / 5,000 where "
    "all images are used; pixels in 0…1, as in the paper.",
    "**Machine.** {machine}. Seconds are each contender's own training clock, contenders taking "
    "turns in one process; the paper's seconds are of its authors' machine. Compare ratios.",
    "**Length.** {length}.",
    "**CG.** Ours runs per output unit, each with its own coefficients, from zero on the "
    "correction, for k steps. The authors' convolution runs one scalar CG over all channels at "
    "once, guarded by an absolute epsilon, and may stop at a tolerance of 0.01.",
    "**Beyond the paper.** Exact steps for convolutions (the paper has none), seeds, the controls, "
    "and the studies of batch size and step size.",
)


def sentence(experiment: str, result: AnyResult | None) -> str:
    """Return one sentence on what is compared."""
    return SENTENCES.get(experiment, result.title if result is not None else "")


def provenance(result: AnyResult) -> str:
    """Return when, on what and with what the numbers were recorded."""
    data, made = result.data, result.provenance
    size = f"{count(data.train)} + {count(data.validation)} images"
    tested = f", {count(data.test)} to test" if data.test else ""
    return (
        f"Recorded {day(result.recorded)}: {data.name}, {data.stored}, {size}{tested}; "
        f"{machine(result)}, torch {made.versions.get('torch', '–').partition('+')[0]}."
    )


def machine(result: AnyResult) -> str:
    """Return what computed, in words."""
    made = result.provenance
    if made.device != "cpu":
        return made.device
    return f"{made.processor or 'CPU'}, {made.threads} thread{'s' * (made.threads != 1)}"


def length(result: AnyResult) -> str:
    """Return how long it trained against the paper's plan."""
    if isinstance(result, StabilityResult):
        return f"{result.steps} steps a run"
    if result.epochs >= 50 and result.scale == "full":
        return f"{result.epochs:g} epochs, as in the paper"
    of = "" if result.scale == "full" else " on a part of the images"
    return f"{result.epochs:g} epoch{'s' * (result.epochs != 1)}{of} in place of the paper's 50"


def deviations(result: AnyResult) -> list[str]:
    """Return where this recording differs from the paper."""
    stored = result.data.stored
    parts = {
        "stored": stored[:1].upper() + stored[1:],
        "machine": machine(result),
        "length": length(result),
    }
    return [line.format(**parts) for line in DEVIATIONS]


def day(recorded: str) -> str:
    """Return the day of a time stamp: 23 November 2026."""
    try:
        when = datetime.fromisoformat(recorded)
    except ValueError:
        return recorded
    return f"{when.day} {when:%B %Y}"


def title(experiment: str, result: AnyResult) -> str:
    """Return what an exported figure is called."""
    if isinstance(result, Result):
        return f"{result.title}, {result.data.name}"
    return result.title
