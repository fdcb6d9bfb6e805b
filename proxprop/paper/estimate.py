"""How long a part takes on two CPU cores, roughly: for `--list`, and to weigh parts in an ETA."""

from __future__ import annotations

import math

from proxprop.paper.jobs import Job, Task
from proxprop.spec.catalog.data import DATA
from proxprop.spec.config import RaceConfig, SweepConfig
from proxprop.spec.config.run import split_sizes

# Seconds of a step at batch 500 on two idle cores, by model and direction. Measured.
_STEP = {
    "paper-mlp": {"explicit": 0.32, "exact": 0.37, "cg": 0.42},
    "paper-convnet": {"explicit": 0.08, "exact": 0.11, "cg": 0.11},
    "mlp": {"explicit": 0.02, "exact": 0.03, "cg": 0.03},
}
# Seconds to evaluate one image.
_IMAGE = {"paper-mlp": 4e-4, "paper-convnet": 1.5e-4, "mlp": 3e-5}
# Seconds of a step of one run of the sweep, trained in company.
_PER_STEP = {"mlp": 0.012, "paper-mlp": 0.4}
_BEGIN = 4.0  # seconds to load data, warm up and save


def weights_of(task: Task) -> list[float]:
    """Return about how many seconds each job of a task takes on two idle cores."""
    return [_BEGIN + _seconds(job, task.epochs) for job in task.jobs]


def _seconds(job: Job, epochs: int) -> float:
    config = job.config
    if isinstance(config, SweepConfig):
        runs = len(config.cells()) * config.seeds
        return runs * config.steps * _PER_STEP.get(config.model.name, 1.0)
    total = DATA["cifar10"].train_size or 0
    samples = min(config.data.samples or total, total)
    train, validation, _ = split_sizes(samples, config.data.validation, official_test=True)
    return _race(config, train, validation, epochs)


def _race(config: RaceConfig, train: int, validation: int, epochs: int) -> float:
    steps = _STEP[config.model.name]
    # A step's fixed costs (the optimizer's above all) do not shrink with the batch.
    size = 0.3 + 0.7 * config.batch_size / 500
    each = math.ceil(train / config.batch_size) * size
    evaluation = (train + validation) * _IMAGE[config.model.name]
    return sum(
        epochs * (each * steps[one.direction.solver] + evaluation) for one in config.contenders
    )
