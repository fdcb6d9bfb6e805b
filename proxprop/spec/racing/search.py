"""A search of step sizes: which it tries, what its artifact holds, the race that follows.

It tries as many for every contender, spread evenly over its space.
"""

from __future__ import annotations

import math
import random
from typing import TypedDict, cast

from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import Contender, RaceConfig
from proxprop.spec.events import Ended
from proxprop.spec.plain import finite_or_none

ARTIFACT = "search"

# Two decades to either side of what suits the optimizer, within these bounds.
DECADES = 2
LOWEST, HIGHEST = 1e-4, 100.0
TAU = 0.05

Space = dict[str, tuple[float, float]]


def space_of(contender: Contender) -> Space:
    """Return what is searched for a contender: name of a step size → range, logarithmic.

    Plain contenders search η. Proximal ones search η, τ and, where layers stay explicit, the
    explicit layers' η. Muon has a second step size, its partner's, with any direction. Ranges
    reach two decades to either side of what suits the optimizer, from 1e-4 at least to 100 at most.
    """
    spec = OPTIMIZERS[contender.optimizer.name]
    proximal = contender.direction.solver != "explicit"
    space = {"lr": _around(spec.proximal_lr if proximal else spec.lr)}
    if proximal:
        space["tau"] = _around(TAU)
    keeps_explicit = proximal and contender.direction.layers == "hidden"
    if spec.partner:
        space["explicit_lr"] = _around(OPTIMIZERS[spec.partner].lr)
    elif keeps_explicit and not spec.closure:  # a line search has one step size for all layers
        space["explicit_lr"] = _around(spec.lr)
    return space


def candidates(contender: Contender, trials: int, seed: int) -> tuple[Contender, ...]:
    """Return the contender at the step sizes to be tried, its own first.

    The others are a Kronecker sequence on the logarithmic ranges, with the generalised golden
    ratio of the space's dimension and a start drawn by `seed`: any number of trials covers every
    range evenly. Values have three digits.

    Args:
        contender: Who is searched.
        trials: How many, ≥ 1.
        seed: The race's seed.
    """
    space = space_of(contender)
    draw = random.Random(seed)
    starts = [draw.random() for _ in space]
    golden = _golden(len(space))
    tried = [contender]
    for trial in range(1, trials):
        values = {
            name: _value(low, high, (start + trial * golden ** -(axis + 1)) % 1.0)
            for axis, (start, (name, (low, high))) in enumerate(zip(starts, space.items()))
        }
        tried.append(with_steps(contender, **values))
    return tuple(tried)


def with_steps(
    contender: Contender,
    lr: float,
    tau: float | None = None,
    explicit_lr: float | None = None,
) -> Contender:
    """Return a contender at other step sizes.

    Args:
        contender: Whose other settings stay.
        lr: η.
        tau: τ; None to keep it.
        explicit_lr: Explicit layers' η; None keeps its ratio to η, if it has one of its own.
    """
    optimizer = contender.optimizer
    if explicit_lr is None and optimizer.explicit_lr is not None:
        explicit_lr = lr * optimizer.explicit_lr / optimizer.lr
    changes = {"optimizer.lr": lr, "optimizer.explicit_lr": explicit_lr}
    if tau is not None:
        changes["direction.tau"] = tau
    return contender.replace(**changes)


def _around(centre: float) -> tuple[float, float]:
    factor = 10.0**DECADES
    return max(LOWEST, centre / factor), min(HIGHEST, centre * factor)


def _value(low: float, high: float, share: float) -> float:
    return float(f"{math.exp(math.log(low) + share * (math.log(high) - math.log(low))):.3g}")


def _golden(dimension: int) -> float:
    """Return the root > 1 of x^(d+1) = x + 1: the golden ratio for d = 1."""
    root = 2.0
    for _ in range(60):  # a contraction by more than half each time
        root = (1.0 + root) ** (1.0 / (dimension + 1))
    return root


class TrialPayload(TypedDict):
    """One trial: a contender at one choice of step sizes, trained for the search's epochs.

    Attributes:
        contender: Whose it is.
        trial: 0 is the contender's own settings.
        lr: η.
        tau: τ; None for explicit directions.
        explicit_lr: η of the explicit layers (= η where they have none of their own).
        score: The criterion after the last epoch; None where it diverged.
        accuracy: Validation accuracy, or training accuracy where no samples are set aside.
        outcome: How it ended.
        words: The same in one sentence.
        seconds: Training seconds.
    """

    contender: int
    trial: int
    lr: float
    tau: float | None
    explicit_lr: float
    score: float | None
    accuracy: float | None
    outcome: str
    words: str
    seconds: float


class SearchPayload(TypedDict):
    """A search as far as it has come.

    Attributes:
        criterion: "validation_loss" or "train_loss", what the best trial minimises.
        epochs: Length of a trial.
        trials: Trials per contender.
        total: Trials in all.
        spaces: Per contender: step size ("lr", "tau", "explicit_lr") → [low, high], logarithmic.
        results: Trials done, in order: trial 0 of every contender, then trial 1, …
        winners: Per contender: number of its best trial so far; None before one has a score.
    """

    criterion: str
    epochs: float
    trials: int
    total: int
    spaces: list[dict[str, list[float]]]
    results: list[TrialPayload]
    winners: list[int | None]


def empty_search(config: RaceConfig) -> SearchPayload:
    """Return the search of `config` before its first trial."""
    search = config.search
    assert search is not None, "the config asks for no search"
    count = len(config.contenders)
    return {
        "criterion": search.criterion,
        "epochs": search.epochs,
        "trials": search.trials,
        "total": search.trials * count,
        "spaces": [
            {name: list(bounds) for name, bounds in space_of(contender).items()}
            for contender in config.contenders
        ],
        "results": [],
        "winners": [None] * count,
    }


def with_result(payload: SearchPayload, config: RaceConfig, ended: Ended) -> SearchPayload:
    """Return the search after its next trial has ended."""
    count = len(config.contenders)
    trial, contender = divmod(len(payload["results"]), count)
    tried = candidates(config.contenders[contender], payload["trials"], config.seed)[trial]
    summary = ended.summary
    score = math.nan if ended.outcome == "diverged" else summary.get(payload["criterion"], math.nan)
    accuracy = summary.get("validation_accuracy", summary.get("train_accuracy", math.nan))
    result: TrialPayload = {
        "contender": contender,
        "trial": trial,
        "lr": tried.optimizer.lr,
        "tau": None if tried.direction.solver == "explicit" else tried.direction.tau,
        "explicit_lr": tried.optimizer.last_lr,
        "score": finite_or_none(score),
        "accuracy": finite_or_none(accuracy),
        "outcome": ended.outcome,
        "words": ended.words,
        "seconds": ended.seconds,
    }
    results = [*payload["results"], result]
    winners = [_winner(results, index) for index in range(count)]
    return {**payload, "results": results, "winners": winners}


def as_raced(config: RaceConfig, payload: SearchPayload | None) -> RaceConfig:
    """Return the race at the winners' step sizes, its labels kept.

    A contender none of whose trials has a score keeps its own settings.
    """
    if payload is None or config.search is None:
        return config
    contenders = [
        contender
        if winner is None
        else candidates(contender, config.search.trials, config.seed)[winner]
        for contender, winner in zip(config.contenders, payload["winners"])
    ]
    return RaceConfig.parse({**config.model_dump(), "contenders": contenders})


def _winner(results: list[TrialPayload], contender: int) -> int | None:
    scored = [r for r in results if r["contender"] == contender and r["score"] is not None]
    return min(scored, key=lambda r: cast(float, r["score"]))["trial"] if scored else None
