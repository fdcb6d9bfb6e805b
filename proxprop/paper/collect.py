"""From the run store to results."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from proxprop.paper.jobs import Advance, Job, advances, find, is_done
from proxprop.paper.plan import METHOD_KEYS, Part
from proxprop.paper.result import (
    AnyResult,
    Contender,
    Data,
    Outcome,
    Provenance,
    Result,
    Seed,
    StabilityMethod,
    StabilityResult,
)
from proxprop.runs.reading import Reading
from proxprop.runs.record import Run
from proxprop.runs.results import raced, sweep_map
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig, SweepConfig
from proxprop.spec.events import Artifact
from proxprop.spec.racing import race_labels

if TYPE_CHECKING:
    import pandas as pd

ARTIFACT = "paper"  # of a stored race or sweep: what its result file says beside its numbers
_COLUMNS = ("epoch", "train_loss", "validation_accuracy", "seconds")  # of a seed


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


def noted_load(store: Reading, run_id: str) -> tuple[float, float] | None:
    """Return the load that `note` kept."""
    kept = store.artifact(run_id, 0, ARTIFACT)
    return None if kept is None else Provenance(**kept.payload["provenance"]).load


def noted_tests(store: Reading, run_id: str) -> dict[int, tuple[float, float]]:
    """Return the test accuracies that `note` kept."""
    kept = store.artifact(run_id, 0, ARTIFACT)
    pairs = {} if kept is None else kept.payload["test"]
    return {int(member): (epoch, accuracy) for member, (epoch, accuracy) in pairs.items()}


def collect(
    store: Reading, part: Part, jobs: Sequence[Job], epochs: int, main: Result | None = None
) -> AnyResult | None:
    """Return the result of a part as far as its runs have come; None before the first number.

    Args:
        store: The run store.
        part: The part.
        jobs: What belongs to it.
        epochs: Epochs asked for.
        main: Result of the experiment's main part, from which references are copied.
    """
    begun = [(job, run) for job in jobs if (run := find(store, job)) is not None]
    notes = [store.artifact(run.id, 0, ARTIFACT) for _, run in begun]
    noted = [(*pair, kept.payload) for pair, kept in zip(begun, notes) if kept is not None]
    if not noted:
        return None
    _, latest, kept = max(noted, key=lambda entry: _moment(entry[1]))
    recorded = datetime.datetime.fromtimestamp(_moment(latest), datetime.UTC)
    common: dict[str, Any] = {
        "experiment": part.experiment,
        "part": part.name,
        "scale": part.scale,
        "title": part.title,
        "recorded": recorded.isoformat(timespec="seconds"),
        "provenance": kept["provenance"],
        "data": kept["data"],
        "complete": all(is_done(store, job, find(store, job), epochs) for job in jobs),
    }
    if part.sweep is not None:
        return _stability(store, noted[0][1], common)
    contenders: dict[str, Contender] = {}
    for job, stored, about in noted:  # the same contenders with other seeds, or other ones
        for contender in _contenders(store, job, stored, about["test"], epochs):
            before = contenders.setdefault(contender.key, contender)
            if before is not contender:
                seeds = (*before.seeds, *contender.seeds)
                contenders[contender.key] = before.model_copy(update={"seeds": seeds})
    runs = [seed for contender in contenders.values() for seed in contender.seeds]
    reached = min((run.epoch[-1] for run in runs if run.outcome != "diverged"), default=0.0)
    references = [main.contender(key) for key in part.references] if main is not None else []
    return Result(
        **common,
        epochs=max(float(epochs), math.floor(reached)),
        planned_epochs=float(part.epochs),
        contenders=(*filter(None, references), *contenders.values()),
    )


def _contenders(
    store: Reading, job: Job, run: Run, test: Mapping[str, Sequence[float]], epochs: int
) -> Iterator[Contender]:
    """Yield the contenders of one race, with its one seed each."""
    config, _ = raced(store, run)
    labels = race_labels(config)
    for member, advance in enumerate(advances(store, job, run)):
        points = store.points(run.id, "evaluations", member)
        tested = test.get(str(member))
        yield Contender(
            key=job.keys[member],
            label=labels[member],
            config=_settings(config.run(member)),
            seeds=[_seed(points, advance, tested, epochs, config.seed)] if len(points) else [],
        )


def _seed(
    points: pd.DataFrame,
    advance: Advance,
    test: Sequence[float] | None,
    epochs: int,
    seed: int,
) -> Seed:
    """Return one run: its evaluations, and how it ended.

    Args:
        points: Its evaluations.
        advance: How far it has come.
        test: (epoch, test accuracy there), if it was measured after a stop.
        epochs: Epochs asked for.
        seed: Its seed.
    """
    ended = advance.ended
    outcome = _outcome(ended.outcome if ended else None)
    if outcome == "unfinished" and advance.through(epochs):
        outcome = "finished"
    accuracy = ended.summary.get("test_accuracy") if ended else None
    if accuracy is None and test is not None and test[0] == advance.epoch:
        accuracy = test[1]
    return Seed(
        seed=seed,
        outcome=outcome,
        words=ended.words if ended and ended.outcome != "stopped" else "",
        test_accuracy=None if outcome == "diverged" else accuracy,
        **{name: points[name].tolist() for name in _COLUMNS},
    )


def _stability(store: Reading, run: Run, common: dict[str, Any]) -> StabilityResult | None:
    sweep = sweep_map(store, run.id)
    if sweep is None:
        return None
    known = [loss for loss in sweep["initial_losses"] if loss is not None]
    methods = [
        StabilityMethod(
            key=key,
            label=method["label"],
            solver=method["solver"],
            lr=method["lr"],
            tau=[None if method["solver"] == "explicit" else tau for tau in method["tau"]],
            step_size=method["s"],
            losses=method["losses"],
            outcomes=[[_outcome(seed) for seed in cell] for cell in method["outcomes"]],
        )
        for key, method in zip(METHOD_KEYS, sweep["methods"])
    ]
    return StabilityResult(
        **common,
        config=_settings(cast(SweepConfig, run.config)),
        steps=sweep["steps"],
        seeds=sweep["seeds"],
        initial_loss=sum(known) / len(known) if known else None,
        constant_loss=sweep["constant_loss"],
        methods=methods,
    )


def _settings(config: RunConfig | SweepConfig) -> dict[str, Any]:
    """Return a config as plain data; of the images' path, which tells of the machine, the name."""
    settings = config.model_dump(mode="json")
    path = settings["data"]["path"]
    settings["data"]["path"] = path and path.replace("\\", "/").rpartition("/")[2]
    return settings


def _outcome(outcome: str | None) -> Outcome:
    through = outcome in ("finished", "diverged", "collapsed")
    return cast(Outcome, outcome) if through else "unfinished"


def _moment(run: Run) -> float:
    return run.ended or run.heartbeat or run.created
