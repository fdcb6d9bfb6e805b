"""`RunConfig`: everything that determines one training run."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from proxprop.spec.catalog.data import DATA
from proxprop.spec.catalog.models import MODELS
from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config.base import Config, ConfigError, FieldError, Problem
from proxprop.spec.config.parts import (
    BudgetConfig,
    CheckpointConfig,
    DataConfig,
    DirectionConfig,
    EvaluationConfig,
    InstrumentsConfig,
    ModelConfig,
    OptimizerConfig,
    Pace,
    SettingsChange,
    Tracker,
)

TOY_SAMPLES = 1000
MAX_SEED = 2**32 - 1
MAX_DEVICES = 1024
TEST_FRACTION = 0.1  # set aside where a data set has no official test split


class SplitSizes(NamedTuple):
    """How many samples train, validate and (set aside from the same pool) test."""

    train: int
    validation: int
    test: int


def split_sizes(total: int, validation: float, official_test: bool) -> SplitSizes:
    """Return how `total` samples are split.

    Args:
        total: Samples in the pool, ≥ 0.
        validation: Fraction of what is left after the test split, 0 ≤ validation < 1.
        official_test: Whether the data have a test split of their own; otherwise
            `TEST_FRACTION` of the pool is set aside.
    """
    test = 0 if official_test else round(total * TEST_FRACTION)
    held_out = round((total - test) * validation)
    return SplitSizes(total - test - held_out, held_out, test)


def training_samples(data: DataConfig) -> int | None:
    """Return how many samples `data` leaves for training, or None where only the files tell."""
    spec = DATA[data.name]
    if spec.kind == "folder":
        return None
    total = spec.train_size or TOY_SAMPLES
    if data.samples is not None:
        total = data.samples if spec.kind == "toy" else min(data.samples, total)
    return split_sizes(total, data.validation, spec.test_size is not None).train


class Setting(Config):
    """What a run, a race and a sweep share: the task and the conditions it is solved under.

    Attributes:
        data: Which samples.
        model: Which network.
        batch_size: Samples per step; with proximal directions it also scales τ's effect.
        seed: Seed of initial weights and batch order.
        device: "auto" (CUDA if there is one), "cpu" or "cuda".
        precision: "float32", "float64" or "bfloat16" (autocast; solves stay in float32).
        evaluation: How often whole-set losses are measured.
    """

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["float32", "float64", "bfloat16"] = "float32"
    evaluation: EvaluationConfig = EvaluationConfig()

    @property
    def not_in_digest(self) -> dict[str, Any]:
        """What determines no numbers, as pydantic excludes it."""
        return {"data": self.data.as_before}

    @property
    def digest(self) -> str:
        """Short hash of everything that determines the numbers (not labels, nor the cadence)."""
        text = self.model_dump_json(exclude=self.not_in_digest)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @model_validator(mode="after")
    def _batch_fits(self) -> Self:
        available = training_samples(self.data)
        if available == 0:
            raise FieldError(
                "data.validation",
                f"leaves no sample to train on, got {self.data.validation}; lower it or raise "
                "data.samples",
            )
        if available is not None and self.batch_size > available:
            raise FieldError(
                "batch_size",
                f"must be at most the {available} training samples of {self.data.name}, "
                f"got {self.batch_size}",
            )
        return self

    @model_validator(mode="after")
    def _model_fits(self) -> Self:
        shape = DATA[self.data.name].shape
        if MODELS[self.model.name].needs_image and shape is not None and len(shape) != 3:
            raise FieldError(
                "model.name",
                f"{self.model.name!r} needs images, but {self.data.name!r} has points; "
                "choose 'mlp' or an image data set",
            )
        if shape is not None:
            try:
                self.model.layers(shape, len(DATA[self.data.name].classes))
            except ValueError as error:
                message = str(error).removeprefix("model.widths ")
                raise FieldError("model.widths", message) from error
        return self

    def check_fit(self, shape: tuple[int, ...], classes: int, train_size: int) -> None:
        """Refuse what does not fit data that only their files describe.

        Args:
            shape: Shape of one sample.
            classes: How many classes there are.
            train_size: Samples to train on.

        Raises:
            ConfigError: If a batch is larger than the training set, or the network takes no such
                samples.
        """
        problems = []
        if self.batch_size > train_size:
            rule = f"must be at most the {train_size} training samples"
            problems.append(Problem("batch_size", f"{rule}, got {self.batch_size}"))
        try:
            self.model.layers(shape, classes)
        except ValueError as error:
            problems.append(Problem("model.name", str(error)))
        if problems:
            raise ConfigError(problems)


class Change(Config):
    """A change of settings planned for, or recorded at, a step; makes live tuning replayable.

    Attributes:
        step: Steps done when it takes effect.
        values: What changes.
    """

    step: Annotated[int, Field(ge=0)]
    values: SettingsChange


class RunConfig(Setting):
    """The one description of a training run.

    Attributes:
        kind: Always "run"; tells the config kinds apart in the store.
        devices: Processes that share every batch out among them; the step stays the same.
        direction: Which update direction replaces the gradient.
        optimizer: What the direction is handed to.
        budget: When the run is finished.
        instruments: Which layerwise measures are recorded.
        checkpoint: How often the run is saved.
        pace: Steps a second at most, so that one can talk meanwhile; None for no such limit.
        log: Where its points are logged, too: "off", "tensorboard", "wandb" or "trackio".
        changes: Changes of settings along the way, in order of their steps.
    """

    kind: Literal["run"] = "run"
    devices: Annotated[int, Field(ge=1, le=MAX_DEVICES)] = 1
    direction: DirectionConfig = DirectionConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    budget: BudgetConfig = BudgetConfig()
    instruments: InstrumentsConfig = InstrumentsConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    pace: Pace | None = None
    log: Tracker = "off"
    changes: tuple[Change, ...] = ()

    @property
    def not_in_digest(self) -> dict[str, Any]:
        """What determines no numbers: how it is saved, logged and shared, how fast it may go."""
        parts = {"direction": self.direction.as_before, "budget": self.budget.as_before}
        own = {"checkpoint": True, "pace": True, "log": True, "devices": True, **parts}
        return super().not_in_digest | own

    @model_validator(mode="after")
    def _pairing_allowed(self) -> Self:
        self.optimizer.check(self.direction)
        return self

    @model_validator(mode="after")
    def _can_be_shared_out(self) -> Self:
        if self.devices > self.batch_size:
            rule = f"must be at most the {self.batch_size} samples of a batch, got {self.devices}"
            raise FieldError("devices", rule)
        spec = OPTIMIZERS[self.optimizer.name]
        if self.devices > 1 and spec.torch_name == "HessianFree":
            rule = f"must be 1 with {spec.label}, whose products take a whole batch in one process"
            raise FieldError("devices", f"{rule}, got {self.devices}")
        return self

    @property
    def members(self) -> int:
        """How many runs it stands for: itself."""
        return 1


def check_seeds(seed: int, seeds: int) -> None:
    """Refuse a number of seeds that leads past the last one.

    Raises:
        ValueError: If `seed + seeds - 1` is no seed.
    """
    if seed + seeds > MAX_SEED + 1:
        raise FieldError(
            "seed", f"must leave room for {seeds} seeds up to {MAX_SEED}, got {seed}; lower it"
        )
