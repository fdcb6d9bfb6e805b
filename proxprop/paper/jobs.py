"""What is to be carried out for a part, how long it takes, and how far it has come."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from proxprop.paper.plan import Part
from proxprop.runs.errors import RunError
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.reading import Reading
from proxprop.runs.record import GONE, Run
from proxprop.runs.store import Store
from proxprop.spec.catalog.data import DATA
from proxprop.spec.config import RaceConfig, SweepConfig
from proxprop.spec.config.run import split_sizes
from proxprop.spec.controls import Control
from proxprop.spec.events import Ended, Event, Point, State

# Measured on two idle cores: seconds of a step at batch 500, by model and direction, …
_STEP = {
    "paper-mlp": {"explicit": 0.32, "exact": 0.37, "cg": 0.42},
    "paper-convnet": {"explicit": 0.08, "exact": 0.11, "cg": 0.11},
    "mlp": {"explicit": 0.02, "exact": 0.03, "cg": 0.03},
}
# … to evaluate one image, …
_IMAGE = {"paper-mlp": 4e-4, "paper-convnet": 1.5e-4, "mlp": 3e-5}
# … of a step of one run of the sweep, trained in company, …
_SWEPT_STEP = {"mlp": 0.012, "paper-mlp": 0.4}
_BEGIN = 4.0  # … and to load data, warm up and save.


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
        name = f"Paper: {self.part.place}, {self.part.scale} scale"
        if isinstance(self.config, SweepConfig):
            return name
        races = [field.config for field in self.part.fields]
        if len({race.batch_size for race in races}) > 1:
            name += f", batch {self.config.batch_size}"
        if len({race.budget for race in races}) > 1:
            name += f", {self.config.budget.epochs:g} epochs"
        return f"{name}, seed {self.config.seed}"

    def seconds(self, epochs: int) -> float:
        """Return about how long it takes on two idle CPU cores."""
        config = self.config
        if isinstance(config, SweepConfig):
            runs = len(config.cells()) * config.seeds
            return _BEGIN + runs * config.steps * _SWEPT_STEP.get(config.model.name, 1.0)
        total = DATA["cifar10"].train_size or 0
        samples = min(config.data.samples or total, total)
        train, validation, _ = split_sizes(samples, config.data.validation, official_test=True)
        # A step's fixed costs (the optimizer's above all) do not shrink with the batch.
        size = 0.3 + 0.7 * config.batch_size / 500
        steps = math.ceil(train / config.batch_size) * size
        evaluation = (train + validation) * _IMAGE[config.model.name]
        of = _STEP[config.model.name]
        epoch = sum(steps * of[c.direction.solver] + evaluation for c in config.contenders)
        searched = config.search.trials * config.search.epochs if config.search else 0.0
        return _BEGIN + (epochs + searched) * epoch


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


def jobs_of(part: Part, seeds: int) -> tuple[Job, ...]:
    """Return the races of a part, seed after seed; the sweep has its own seeds."""
    if part.sweep is not None:
        return (Job(part, part.sweep),)
    return tuple(
        Job(part, field.config.replace(seed=field.config.seed + index), field.keys)
        for index in range(seeds)
        for field in part.fields
    )


# -- what the run store has of them ------------------------------------------------------------


@dataclass(frozen=True)
class Advance:
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


def find(store: Reading, job: Job) -> Run | None:
    """Return the stored run of a job: a finished one, else the latest."""
    config = job.config
    same = [run for run in store.runs(kind=config.kind) if run.digest == config.digest]
    finished = [run for run in same if run.outcome == "finished"]
    return next(iter([*finished, *same]), None)


def advances(store: Reading, job: Job, run: Run) -> tuple[Advance, ...]:
    """Return how far each contender of a stored race has come."""
    events = (row.event for row in store.events(run.id))
    ends = {event.member: event for event in events if isinstance(event, Ended)}
    reached = []
    for member in range(len(job.keys)):
        points = store.points(run.id, "evaluations", member)
        last = float(points["epoch"].iloc[-1]) if len(points) else -1.0
        reached.append(Advance(last, ends.get(member)))
    return tuple(reached)


def is_done(store: Reading, job: Job, run: Run | None, epochs: int) -> bool:
    """Return whether nothing is left to do for `epochs` epochs of a job."""
    if run is None or run.live:
        return False
    if run.outcome == "finished":
        return True
    return bool(job.keys) and all(advance.through(epochs) for advance in advances(store, job, run))


def make_resumable(store: Store, run: Run) -> Run:
    """Return the run as one that can be resumed, if its process is gone.

    Raises:
        RunError: If another process is at it.
    """
    if run.alive or run.status == "queued":
        state = "waits in the queue" if run.status == "queued" else "is being carried out"
        raise RunError(f"Run {run.id} ({run.name}) {state} elsewhere; wait for it, or stop it.")
    if run.live:
        store.end_for(run, "interrupted", GONE)
    return store.run(run.id)


class EpochLimit:
    """Lets a race run to the end of an epoch, then stops it with a checkpoint.

    Told so when the race begins or goes on, the contenders hold one by one, each after its
    evaluation; when all do, the race pauses, and is stopped.

    Args:
        advances: How far the contenders are already.
        contenders: How many there are.
        epochs: Epochs to do, fewer than the race's budget.
    """

    def __init__(self, advances: Sequence[Advance], contenders: int, epochs: int) -> None:
        self._limit = epochs
        self._epochs = dict.fromkeys(range(contenders), -1.0)
        self._epochs |= {member: advance.epoch for member, advance in enumerate(advances)}
        through = {member for member, advance in enumerate(advances) if advance.through(epochs)}
        self._active = set(range(contenders)) - through
        self._stopped = False

    def __call__(self, event: Event, mailbox: Mailbox) -> None:
        """Take in an event of the race; leave commands in its mailbox."""
        if isinstance(event, Point) and event.table == "evaluations":
            self._epochs[event.member] = event.epoch
        elif isinstance(event, Ended):
            self._active.discard(event.member)
        elif isinstance(event, State) and not self._stopped:
            if event.state == "running":
                mailbox.put(Control("epoch", {"until": self._limit}))
            elif all(self._epochs[member] >= self._limit for member in self._active):
                mailbox.put(Control("stop"))
                self._stopped = True
