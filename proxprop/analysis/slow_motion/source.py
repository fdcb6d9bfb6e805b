"""Where a traced step starts: a model's weights in float64, and the batch it would see next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from proxprop.analysis.slow_motion.request import TraceRequest
from proxprop.data.dataset import epoch_permutation, load
from proxprop.models import build_model
from proxprop.runs.checkpoints import MODEL_PREFIX, CheckpointError, read_snapshot
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Snapshot

Tell = Callable[[str, float | None], None]


@dataclass(frozen=True)
class State:
    """A model about to take a step.

    Attributes:
        config: The settings of the step.
        model: In float64, on the CPU.
        inputs: The batch of that step.
        targets: Its classes.
        step: Steps the model has taken.
        words: Whose weights these are.
    """

    config: RunConfig
    model: nn.Sequential
    inputs: Tensor
    targets: Tensor
    step: int
    words: str


def prepare(request: TraceRequest, tell: Tell) -> State:
    """Load the data and the weights that a request names.

    Raises:
        CheckpointError: If the run has checkpoints, but none can be read.
        UnknownRunError: If there is no such run.
    """
    config = request.config
    tell("loading the data", None)
    dataset = load(config.data, progress=tell)
    model = build_model(
        config.model, dataset.shape, len(dataset.classes), config.seed, torch.float64
    )
    snapshot = _snapshot(request)
    step, words = 0, f"initial weights, seed {config.seed}"
    if snapshot is not None:
        _load(model, snapshot)
        step = snapshot.step
        words = f"weights of the run after {step} steps"
    elif request.run is not None:
        words += "; the run has saved no weights yet"
    train = dataset.train
    size = min(config.batch_size, len(train))
    epoch, index = divmod(step, -(-len(train) // size))
    order = epoch_permutation(config.seed, epoch, len(train))
    chosen = order[index * size : (index + 1) * size]
    inputs = dataset.prepare(train.inputs[chosen], torch.float64)
    return State(config, model.eval(), inputs, train.targets[chosen], step, words)


def _load(model: nn.Sequential, snapshot: Snapshot) -> None:
    model.load_state_dict(
        {
            name.removeprefix(MODEL_PREFIX): tensor
            for name, tensor in snapshot.tensors.items()
            if name.startswith(MODEL_PREFIX)
        }
    )


def _snapshot(request: TraceRequest) -> Snapshot | None:
    """Return the checkpoint asked for, or the latest that can be read; None if there is none."""
    if request.run is None:
        return None
    store = Store()
    try:
        store.run(request.run)  # refuses an unknown run
        rows = store.checkpoints(request.run)
        # An older one than asked for may be gone by now: the run went on and keeps two.
        rows = [row for row in rows if row.step == request.step] or rows
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
