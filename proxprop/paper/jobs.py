"""What is to be carried out for a part, and how far the run store says it has come."""

from __future__ import annotations

from dataclasses import dataclass

from proxprop.paper.plan import Part
from proxprop.runs.errors import RunError
from proxprop.runs.reading import Reading
from proxprop.runs.record import Run
from proxprop.runs.store import Store
from proxprop.spec.config import RaceConfig, SweepConfig
from proxprop.spec.events import Ended

_GONE = "Its process ended without a word. Resume continues from the checkpoint."


@dataclass(frozen=True)
class Job:
    """One race, or the sweep, of a part.

    Attributes:
        part: The part.
        config: What is carried out.
        keys: The race's contenders; empty for the sweep.
    """

    part: Part
    config: RaceConfig | SweepConfig
    keys: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the run store calls it."""
        words = f"Paper: {self.part.place}, {self.part.scale} scale"
        if isinstance(self.config, SweepConfig):
            return words
        batch = f", batch {self.config.batch_size}" if len(self.part.fields) > 1 else ""
        return f"{words}{batch}, seed {self.config.seed}"


@dataclass(frozen=True)
class Task:
    """A part to carry out.

    Attributes:
        part: The part.
        jobs: Its races, or its sweep.
        epochs: Epochs to do of each race.
    """

    part: Part
    jobs: tuple[Job, ...]
    epochs: int

    @classmethod
    def of(cls, part: Part, seeds: int, epochs: int | None) -> Task:
        """Return the task of a part; it has no more epochs than planned."""
        chosen = part.epochs if epochs is None else min(epochs, part.epochs)
        return cls(part, jobs_of(part, seeds), chosen)


@dataclass(frozen=True)
class Standing:
    """How far one contender of a stored race has come.

    Attributes:
        epoch: Last epoch it was evaluated at; −1 before the first evaluation.
        ended: How it ended, if it did.
    """

    epoch: float
    ended: Ended | None

    def through(self, epochs: int) -> bool:
        """Whether `epochs` epochs are done, or nothing more can come."""
        dead = self.ended is not None and self.ended.outcome not in ("stopped", "interrupted")
        return dead or self.epoch >= epochs


def jobs_of(part: Part, seeds: int) -> tuple[Job, ...]:
    """Return the races of a part, seed after seed; the sweep has its own seeds."""
    if part.sweep is not None:
        return (Job(part, part.sweep),)
    return tuple(
        Job(part, one.seeded(one.config.seed + index), one.keys)
        for index in range(seeds)
        for one in part.fields
    )


def find(store: Reading, job: Job) -> Run | None:
    """Return the stored run of a job: a finished one, else the latest."""
    config = job.config
    same = [run for run in store.runs(kind=config.kind) if run.digest == config.digest]
    finished = [run for run in same if run.outcome == "finished"]
    return next(iter([*finished, *same]), None)


def standings(store: Reading, job: Job, run: Run) -> tuple[Standing, ...]:
    """Return how far each contender of a stored race has come."""
    ends = {row.event.member: row.event for row in store.events(run.id) if _is_end(row.event)}
    found = []
    for member in range(len(job.keys)):
        points = store.points(run.id, "evaluations", member)
        last = float(points["epoch"].iloc[-1]) if len(points) else -1.0
        end = ends.get(member)
        found.append(Standing(last, end if isinstance(end, Ended) else None))
    return tuple(found)


def is_done(store: Reading, job: Job, run: Run | None, epochs: int) -> bool:
    """Return whether nothing is left to do for `epochs` epochs of a job."""
    if run is None or run.live:
        return False
    if run.outcome == "finished":
        return True
    return bool(job.keys) and all(one.through(epochs) for one in standings(store, job, run))


def make_resumable(store: Store, run: Run) -> Run:
    """Return the run as one that can be resumed, if its process is gone.

    Raises:
        RunError: If another process is at it.
    """
    if run.alive or run.status == "queued":
        state = "waits in the queue" if run.status == "queued" else "is being carried out"
        raise RunError(f"Run {run.id} ({run.name}) {state} elsewhere; wait for it, or stop it.")
    if run.live:
        store.end(run.id, "interrupted", _GONE)
    return store.run(run.id)


def _is_end(event: object) -> bool:
    return isinstance(event, Ended)
