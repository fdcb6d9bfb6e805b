"""What the artifact "search" holds, and the race that follows from it."""

from __future__ import annotations

import math
from typing import TypedDict, cast

from proxprop.spec.config import RaceConfig
from proxprop.spec.events import Ended
from proxprop.spec.plain import finite_or_none
from proxprop.spec.racing.space import candidates, space_of

ARTIFACT = "search"


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
