"""The state a question is about: a model's weights in float64, and a batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from proxprop.analysis.questions import Question
from proxprop.analysis.running import saved_grams
from proxprop.data.dataset import Batches, load
from proxprop.models import build_model
from proxprop.runs.checkpoints import MODEL_PREFIX, CheckpointError, read_snapshot
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.controls import Report
from proxprop.spec.events import Snapshot


class StateError(RuntimeError):
    """A state cannot be looked into; the message says why and what to do."""


@dataclass(frozen=True)
class State:
    """A model about to take a step.

    Attributes:
        config: The settings of the step.
        model: In float64, on the CPU.
        inputs: The batch.
        targets: Its classes.
        step: Steps the model has taken.
        origin: Whose weights these are, in words.
        grams: Running Grams that the run has saved with them, N̄·M by layer.
    """

    config: RunConfig
    model: nn.Sequential
    inputs: Tensor
    targets: Tensor
    step: int
    origin: str
    grams: Mapping[str, Tensor] = field(default_factory=dict)

    def loss(self) -> float:
        """Return J on the batch.

        Raises:
            StateError: It is not finite.
        """
        with torch.no_grad():
            loss = float(F.cross_entropy(self.model(self.inputs), self.targets))
        if not math.isfinite(loss):
            raise StateError(
                f"The loss at {self.origin} is not finite: the run has diverged. Choose another "
                "run, or the initial weights."
            )
        return loss


def load_state(question: Question, report: Report, *, batch: int | None = None) -> State:
    """Load the data and the weights that a question names.

    Args:
        question: What is asked.
        report: Called as it goes on.
        batch: The batch of which training step, from 0; default that which the model sees next.

    Raises:
        CheckpointError: The run has checkpoints, but none can be read.
        UnknownRunError: There is no such run.
        StateError: The weights do not fit the network.
    """
    config = question.config
    report("loading the data", None)
    dataset = load(config.data, progress=report)
    model = build_model(
        config.model, dataset.shape, len(dataset.classes), config.seed, torch.float64
    )
    snapshot = _snapshot(question)
    step, origin = 0, f"initial weights, seed {config.seed}"
    grams: dict[str, Tensor] = {}
    if snapshot is not None:
        _load_weights(model, snapshot)
        in_force = snapshot.extra.get("settings", {}).get("gram", config.direction.gram)
        grams = {} if in_force == "batch" else saved_grams(snapshot.tensors)
        step = snapshot.step
        origin = f"weights of the run after {step} steps"
    elif question.run is not None:
        origin += "; the run has saved no weights yet"
    batches = Batches(dataset.train, config.batch_size, config.seed)
    samples, targets = batches.at(step if batch is None else batch)
    inputs = dataset.prepare(samples, torch.float64)
    return State(config, model.eval(), inputs, targets, step, origin, grams)


def _load_weights(model: nn.Sequential, snapshot: Snapshot) -> None:
    weights = {
        name.removeprefix(MODEL_PREFIX): tensor
        for name, tensor in snapshot.tensors.items()
        if name.startswith(MODEL_PREFIX)
    }
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise StateError(f"The weights do not fit this network: {error}") from error


def _snapshot(question: Question) -> Snapshot | None:
    """Return the checkpoint asked for, or the latest that can be read; None if there is none."""
    if question.run is None:
        return None
    store = Store()
    try:
        store.run(question.run)  # refuses an unknown run
        rows = store.checkpoints(question.run)
        # An older one than asked for may be gone by now: the run went on and keeps two.
        rows = [row for row in rows if row.step == question.step] or rows
        problem: CheckpointError | None = None
        for row in rows:
            try:
                return read_snapshot(store.home / row.path)
            except CheckpointError as error:
                problem = problem or error
        if problem is not None:
            raise problem
        return None
    finally:
        store.close()
