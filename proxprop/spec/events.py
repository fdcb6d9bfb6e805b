"""What a training loop tells the world.

A loop is a plain generator: it yields events and receives controls. It knows nothing of stores,
processes or screens; a worker writes the events down, a test reads them, a cluster could carry
them. Events of a race name the contender they belong to as `member`; a single run is member 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

# The member of an `Ended` that speaks for a whole race or sweep.
WHOLE = -1

# Tables of points. Every point of a table has the same columns within one run.
#   steps:        loss, seconds_forward, seconds_backward, seconds_solve, seconds_optimizer
#                 at every optimizer step, under that step's number (1, 2, …); the loss is the
#                 mini-batch's before the step. Also closures, where a line search calls them
#   evaluations:  train_loss, train_accuracy, validation_loss, validation_accuracy over whole sets
#   layers:       "<measure>/<layer name>", see proxprop.analysis.recorder, every n steps
#   settings:     lr, explicit_lr, tau, cg_steps as set, and factor, the schedule's, on both step
#                 sizes; at the start, at every change, and at evaluations if there is a schedule
Table = Literal["steps", "evaluations", "layers", "settings"]
TABLES: tuple[Table, ...] = get_args(Table)

Outcome = Literal["finished", "stopped", "diverged", "collapsed", "interrupted", "failed"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

# Why a snapshot is taken.
Reason = Literal["cadence", "paused", "ended", "asked"]


@dataclass(frozen=True)
class Started:
    """The loop is ready: model built, data loaded, first batch about to be drawn.

    Attributes:
        step: Steps already done (> 0 after a resume).
        steps_per_epoch: Batches in one pass.
        total_steps: Steps the budget allows; None where seconds decide.
        parameters: Number of trainable parameters.
        layers: Names of the layers with a weight, first to last.
        implicit: Which of them take proximal directions.
        train_samples: Training set size.
        device: "cpu" or the GPU's name; "2 × cpu" where two processes share the run.
        versions: Package name → version.
        member: Whom it announces. `WHOLE` announces all members of a sweep at once: `total_steps`
            is each one's, `step` the sum over those that were through before a resume.
    """

    step: int
    steps_per_epoch: int
    total_steps: int | None
    parameters: int
    layers: tuple[str, ...]
    implicit: tuple[str, ...]
    train_samples: int
    device: str
    versions: dict[str, str] = field(default_factory=dict)
    member: int = 0


@dataclass(frozen=True)
class Point:
    """Numbers measured at one step.

    Attributes:
        table: Which table the point belongs to.
        step: Optimizer steps done when it was measured.
        epoch: The same in epochs.
        seconds: Training seconds so far; evaluation, instruments and pauses excluded.
        values: Column → number; NaN and infinity are allowed and kept.
    """

    table: Table
    step: int
    epoch: float
    seconds: float
    values: dict[str, float]
    member: int = 0


@dataclass(frozen=True)
class Mark:
    """Something worth a labelled line on the charts: a live change, a pause, a resume.

    Attributes:
        step: Step after which it took effect.
        epoch: The same in epochs.
        seconds: Training seconds so far.
        kind: "set" (settings changed), "resumed" or "diverged".
        label: Words for the chart, for example "τ 0.05 → 0.5".
        changes: For "set": dotted config field → new value; enough for exact replay.
    """

    step: int
    epoch: float
    seconds: float
    kind: Literal["set", "resumed", "diverged"]
    label: str
    changes: dict[str, Any] = field(default_factory=dict)
    member: int = 0


@dataclass(frozen=True)
class Artifact:
    """A picture or table of the current state that replaces its predecessor of the same name.

    Attributes:
        name: "samples", "boundary" (2-D data), "predictions" (images), "activations" (where layers
            are measured) or "confusion".
        step: Step it shows.
        payload: JSON-able plain data; each layout is in `proxprop.engine.training.pictures`.
    """

    name: str
    step: int
    payload: dict[str, Any]
    member: int = 0


@dataclass(frozen=True)
class Notice:
    """Words for the person watching: a solver fell back, a download goes on.

    Attributes:
        level: "info" or "warning".
        text: One sentence with cause and next step.
        progress: Fraction done of what is waited for; None where there is none.
    """

    level: Literal["info", "warning"]
    text: str
    progress: float | None = None
    member: int = 0


@dataclass(frozen=True)
class State:
    """Whether the loop is moving.

    Attributes:
        state: "running" or "paused".
        step: Steps done.
    """

    state: Literal["running", "paused"]
    step: int


@dataclass(frozen=True)
class Snapshot:
    """Everything needed to resume bit for bit; the worker writes it to a checkpoint file.

    Attributes:
        step: Steps done.
        tensors: Name → tensor: weights, optimizer moments, random states.
        extra: JSON-able rest: counters, clocks, settings in force.
        reason: Why now.
    """

    step: int
    tensors: dict[str, Any]
    extra: dict[str, Any]
    reason: Reason


@dataclass(frozen=True)
class Rewound:
    """What members did after some step is void: they go on from there once more.

    A loop that is itself resumed is cut by whoever resumes it; this tells of members that begin
    again while the others go on.

    Attributes:
        steps: Member → last step that counts; −1 for none.
    """

    steps: dict[int, int]


@dataclass(frozen=True)
class Ended:
    """The loop is over.

    Attributes:
        outcome: How it ended; divergence is a result, not an error.
        step: Steps done.
        epoch: The same in epochs.
        seconds: Training seconds.
        words: One sentence, for example "diverged at step 37: loss 1e12 → inf".
        summary: Final and best values by column name.
    """

    outcome: Outcome
    step: int
    epoch: float
    seconds: float
    words: str
    summary: dict[str, float] = field(default_factory=dict)
    member: int = 0


Event = Started | Point | Mark | Artifact | Notice | State | Snapshot | Rewound | Ended
