"""A search of step sizes: which it tries, what its artifact holds, the race that follows.

It tries as many for every contender, spread evenly over its space, and repeats the best of each
with further seeds.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import NamedTuple, NotRequired, TypedDict, cast

from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import Contender, RaceConfig
from proxprop.spec.events import Ended
from proxprop.spec.plain import finite_or_none
from proxprop.spec.settings import LIVE, SYMBOLS

ARTIFACT = "search"

# Two decades to either side of what suits the optimizer, within these bounds.
DECADES = 2
LOWEST, HIGHEST = 1e-4, 100.0
TAU = 0.05
END = 0.1  # of a range on its logarithmic scale: a best value so near its end may lie beyond

_SYMBOLS = {short: SYMBOLS[field] for field, short in LIVE.items()}

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
        seed: 0 is the race's first; missing in searches of version 0.1.0, which had no other.
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
    seed: NotRequired[int]
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
        total: Trials in all, the repeated ones among them.
        spaces: Per contender: step size ("lr", "tau", "explicit_lr") → [low, high], logarithmic.
        results: Trials done, in order: trial 0 of every contender, then trial 1, …; then the best
            of each with the second seed and the third, then the second best, …
        winners: Per contender: number of its best trial so far; None before one has a score. Once
            finalists have been repeated, the one of the lowest mean score that diverged with no
            seed.
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
        "total": search.runs * count,
        "spaces": [
            {name: list(bounds) for name, bounds in space_of(contender).items()}
            for contender in config.contenders
        ],
        "results": [],
        "winners": [None] * count,
    }


class Trial(NamedTuple):
    """What a search does next: a contender's trial of that number with that seed."""

    contender: int
    trial: int
    seed: int


def next_trial(payload: SearchPayload, config: RaceConfig, number: int | None = None) -> Trial:
    """Return which trial comes after those that are done, or that of a number.

    Which trials are repeated is known once each has been made.
    """
    search, count = config.search, len(config.contenders)
    done = len(payload["results"]) if number is None else number
    assert search is not None, "the config asks for no search"
    if done < search.trials * count:
        trial, contender = divmod(done, count)
        return Trial(contender, trial, 0)
    place, rest = divmod(done - search.trials * count, count * (search.seeds - 1))
    contender, seed = divmod(rest, search.seeds - 1)
    return Trial(contender, _ranked(payload["results"], contender)[place], seed + 1)


def with_result(payload: SearchPayload, config: RaceConfig, ended: Ended) -> SearchPayload:
    """Return the search after its next trial has ended."""
    count = len(config.contenders)
    contender, trial, seed = next_trial(payload, config)
    tried = candidates(config.contenders[contender], payload["trials"], config.seed)[trial]
    summary = ended.summary
    score = math.nan if ended.outcome == "diverged" else summary.get(payload["criterion"], math.nan)
    accuracy = summary.get("validation_accuracy", summary.get("train_accuracy", math.nan))
    result: TrialPayload = {
        "contender": contender,
        "trial": trial,
        "seed": seed,
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


def doubts(
    payload: SearchPayload, config: RaceConfig, contender: int, outcomes: Sequence[str] = ()
) -> list[str]:
    """Return why a contender's winning step sizes may not be its best, a sentence each.

    Args:
        payload: The search, through.
        config: The race as it was asked for.
        contender: Whose.
        outcomes: How its members ended in the race at these step sizes, as far as they have.
    """
    winner, results = payload["winners"][contender], payload["results"]
    if winner is None:
        return ["none of its trials came to an end: its present step sizes are raced"]
    won = [r for r in results if (r["contender"], r["trial"]) == (contender, winner)]
    sentences = [
        sentence
        for name, (low, high) in payload["spaces"][contender].items()
        if (value := cast(float | None, won[0][name])) is not None  # type: ignore[literal-required]
        if (sentence := _at_the_end(name, value, low, high))
    ]
    if any(result["outcome"] == "collapsed" for result in won):
        sentences.append("its best trial collapsed: it guesses the class frequencies")
    first = _ranked(results, contender)[0]
    if first != winner and any(r["score"] is None for r in _of(results, contender, first)):
        sentences.append("the best of its trials diverged with another seed and was passed over")
    for outcome in ("diverged", "collapsed"):
        if outcome in outcomes:
            sentences.append(
                f"at the step sizes of its search it {outcome} in the race: trials of "
                f"{payload['epochs']:g} epochs were too short to show it"
            )
    return sentences


def _at_the_end(name: str, value: float, low: float, high: float) -> str:
    share = math.log(value / low) / math.log(high / low)
    if END < share < 1 - END:
        return ""
    end, further = ("lower", "smaller") if share <= END else ("upper", "larger")
    return (
        f"its best {_SYMBOLS[name]}, {value:.3g}, lies at the {end} end of what was searched, "
        f"{low:.3g} to {high:.3g}: a {further} one may be better"
    )


def _of(results: list[TrialPayload], contender: int, trial: int) -> list[TrialPayload]:
    return [r for r in results if (r["contender"], r["trial"]) == (contender, trial)]


def _ranked(results: list[TrialPayload], contender: int) -> list[int]:
    """Return a contender's trials by their score with the first seed, those without one last."""
    own = [r for r in results if r["contender"] == contender and not r.get("seed")]
    return [r["trial"] for r in sorted(own, key=lambda r: _or_infinite(r["score"]))]


def _winner(results: list[TrialPayload], contender: int) -> int | None:
    best, *_ = [*_ranked(results, contender), None]
    if best is None or _of(results, contender, best)[0]["score"] is None:
        return None
    own = [r for r in results if r["contender"] == contender]
    repeated = {r["trial"] for r in own if r.get("seed")}
    scores = {
        trial: [_or_infinite(r["score"]) for r in own if r["trial"] == trial] for trial in repeated
    }
    means = {trial: sum(values) / len(values) for trial, values in scores.items()}
    steady = {trial: mean for trial, mean in means.items() if math.isfinite(mean)}
    return min(steady, key=steady.__getitem__) if steady else best


def _or_infinite(score: float | None) -> float:
    return math.inf if score is None else score
