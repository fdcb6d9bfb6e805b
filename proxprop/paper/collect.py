"""From the run store to result files. Loads no torch."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from proxprop.paper.jobs import Job, Standing, find, is_done, standings
from proxprop.paper.plan import METHOD_KEYS, Part
from proxprop.paper.result import (
    Contender,
    Data,
    Numbers,
    Outcome,
    Provenance,
    Result,
    Seed,
    StabilityMethod,
    StabilityResult,
)
from proxprop.runs.reading import Reading
from proxprop.runs.record import Run
from proxprop.runs.results import sweep_map
from proxprop.runs.store import Store
from proxprop.spec.config import RaceConfig, SweepConfig
from proxprop.spec.events import Artifact
from proxprop.spec.racing import race_labels

ARTIFACT = "paper"  # of a stored race or sweep: what its result file says beside its numbers
_DIGITS = 6  # significant ones
_OUTCOMES: dict[str | None, Outcome] = {
    "finished": "finished",
    "diverged": "diverged",
    "collapsed": "collapsed",
}


def note(
    store: Store,
    run_id: str,
    provenance: Provenance,
    data: Data,
    test: Mapping[int, tuple[float, float]],
) -> None:
    """Keep beside a stored run what its numbers were measured with and on.

    Args:
        store: The run store.
        run_id: The run.
        provenance: With what.
        data: On what.
        test: Contender → (epoch, test accuracy there), for those stopped before their end.
    """
    payload = {
        "provenance": provenance.model_dump(),
        "data": data.model_dump(),
        "test": {str(member): list(pair) for member, pair in test.items()},
    }
    store.append(run_id, artifacts=[Artifact(ARTIFACT, store.run(run_id).step, payload)])


def noted_tests(store: Reading, run_id: str) -> dict[int, tuple[float, float]]:
    """Return the test accuracies that `note` kept."""
    kept = store.artifact(run_id, 0, ARTIFACT)
    pairs = {} if kept is None else kept.payload["test"]
    return {int(member): (epoch, accuracy) for member, (epoch, accuracy) in pairs.items()}


def collect(
    store: Reading, part: Part, jobs: Sequence[Job], epochs: int, main: Result | None = None
) -> Result | StabilityResult | None:
    """Return the result of a part as far as its runs have come; None before the first number.

    Args:
        store: The run store.
        part: The part.
        jobs: What belongs to it.
        epochs: Epochs asked for.
        main: Result of the experiment's main part, from which references are copied.
    """
    found = [(job, run) for job in jobs if (run := find(store, job)) is not None]
    notes = {run.id: store.artifact(run.id, 0, ARTIFACT) for _, run in found}
    known = [(job, run, kept.payload) for job, run in found if (kept := notes[run.id]) is not None]
    if not known:
        return None
    latest = max(known, key=lambda entry: _moment(entry[1]))
    common: dict[str, Any] = {
        "experiment": part.experiment,
        "part": part.name,
        "scale": part.scale,
        "title": part.title,
        "recorded": _date(_moment(latest[1])),
        "provenance": Provenance.model_validate(latest[2]["provenance"]),
        "data": Data.model_validate(latest[2]["data"]),
        "complete": all(is_done(store, job, find(store, job), epochs) for job in jobs),
    }
    if part.sweep is not None:
        return _stability(store, known[0][1], common)
    contenders = _merged(_contenders(store, job, run, kept, epochs) for job, run, kept in known)
    reached = min((s.epoch[-1] for c in contenders for s in c.seeds if _goes_on(s)), default=0.0)
    return Result(
        **common,
        epochs=max(float(epochs), math.floor(reached)),
        planned_epochs=float(part.epochs),
        contenders=(*_references(part, main), *contenders),
    )


def _goes_on(seed: Seed) -> bool:
    return seed.outcome != "diverged"


def _references(part: Part, main: Result | None) -> tuple[Contender, ...]:
    if main is None:
        return ()
    chosen = [main.contender(key) for key in part.references]
    return tuple(one for one in chosen if one is not None)


def _contenders(
    store: Reading, job: Job, run: Run, kept: Mapping[str, Any], epochs: int
) -> list[Contender]:
    """Return the contenders of one race, with one seed each."""
    config = cast(RaceConfig, job.config)
    found = []
    for member, standing in enumerate(standings(store, job, run)):
        settings = config.run(member).model_dump(mode="json")
        # A path tells of the machine, the file's name of the images.
        path = settings["data"]["path"]
        settings["data"]["path"] = path and path.replace("\\", "/").rpartition("/")[2]
        seed = _seed(store, run, member, standing, kept["test"], epochs, config.seed)
        label = race_labels(config)[member]
        seeds = () if seed is None else (seed,)
        found.append(Contender(key=job.keys[member], label=label, config=settings, seeds=seeds))
    return found


def _seed(
    store: Reading,
    run: Run,
    member: int,
    standing: Standing,
    test: Mapping[str, Sequence[float]],
    epochs: int,
    seed: int,
) -> Seed | None:
    points = store.points(run.id, "evaluations", member)
    if not len(points):
        return None
    outcome = _OUTCOMES.get(standing.ended.outcome if standing.ended else None, "unfinished")
    if outcome == "unfinished" and standing.through(epochs):
        outcome = "finished"
    accuracy = standing.ended.summary.get("test_accuracy") if standing.ended else None
    if accuracy is None and str(member) in test and test[str(member)][0] == standing.epoch:
        accuracy = test[str(member)][1]
    by_itself = standing.ended is not None and standing.ended.outcome != "stopped"
    return Seed(
        seed=seed,
        outcome=outcome,
        words=standing.ended.words if standing.ended and by_itself else "",
        epoch=tuple(_round(value) for value in points["epoch"]),
        train_loss=_numbers(points["train_loss"]),
        validation_accuracy=_numbers(points["validation_accuracy"]),
        seconds=tuple(_round(value) for value in points["seconds"]),
        test_accuracy=None if accuracy is None or outcome == "diverged" else _number(accuracy),
    )


def _merged(races: Iterable[list[Contender]]) -> tuple[Contender, ...]:
    """Return contenders once, with the seeds of all races."""
    merged: dict[str, Contender] = {}
    for one in (contender for race in races for contender in race):
        before = merged.get(one.key)
        seeds = one.seeds if before is None else (*before.seeds, *one.seeds)
        merged[one.key] = (before or one).model_copy(update={"seeds": seeds})
    return tuple(merged.values())


def _stability(store: Reading, run: Run, common: dict[str, Any]) -> StabilityResult | None:
    config = cast(SweepConfig, run.config)
    found = sweep_map(store, run.id)
    if found is None:
        return None
    known = [loss for loss in found["initial_losses"] if loss is not None]
    settings = config.model_dump(mode="json")
    path = settings["data"]["path"]
    settings["data"]["path"] = path and path.replace("\\", "/").rpartition("/")[2]
    methods = [
        StabilityMethod(
            key=key,
            label=method["label"],
            solver=cast(Any, method["solver"]),
            lr=tuple(map(_round, method["lr"])),
            tau=tuple(None if method["solver"] == "explicit" else _round(t) for t in method["tau"]),
            step_size=tuple(map(_round, method["s"])),
            losses=tuple(_numbers(losses) for losses in method["losses"]),
            outcomes=tuple(
                tuple(_OUTCOMES.get(outcome, "unfinished") for outcome in outcomes)
                for outcomes in method["outcomes"]
            ),
        )
        for key, method in zip(METHOD_KEYS, found["methods"])
    ]
    return StabilityResult(
        **common,
        config=settings,
        steps=found["steps"],
        seeds=tuple(found["seeds"]),
        initial_loss=_number(sum(known) / len(known)) if known else None,
        constant_loss=_round(found["constant_loss"]),
        methods=tuple(methods),
    )


def _moment(run: Run) -> float:
    return run.ended or run.heartbeat or run.created


def _date(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="seconds")


def _numbers(values: Iterable[float | None]) -> Numbers:
    return tuple(None if value is None else _number(value) for value in values)


def _number(value: float) -> float | None:
    return _round(value) if math.isfinite(value) else None


def _round(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
