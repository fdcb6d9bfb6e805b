"""The parts a run is described by: data, model, direction, optimizer, budget and the rest."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_serializer, model_validator

from proxprop.spec.catalog.data import DATA
from proxprop.spec.catalog.models import ACTIVATIONS, INITS, MODELS, LayerRow, layer_table
from proxprop.spec.catalog.optimizers import OPTIMIZERS, Solver, solver_label
from proxprop.spec.config.base import Config, FieldError

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Gram = Literal["batch", "running", "auto"]
Pace = Annotated[float, Field(ge=0.01, le=1000)]
Tracker = Literal["off", "tensorboard", "wandb", "trackio"]
Width = Annotated[int, Field(ge=1, le=100_000)]


def _one_of(known: Collection[str], what: str) -> AfterValidator:
    """Return what refuses a name that is none of `known`."""

    def check(name: str) -> str:
        if name not in known:
            raise ValueError(f"unknown {what} {name!r}; choose one of {', '.join(known)}")
        return name

    return AfterValidator(check)


class DataConfig(Config):
    """Which samples a run sees.

    Attributes:
        name: Key of `proxprop.spec.catalog.data.DATA`.
        path: Folder or archive of class-named images, or table (.csv, .tsv, .npz) of samples with
            labels; only for "folder".
        samples: How many samples to use, at random by `split_seed`; None for all (toy sets: 1000).
        noise: Standard deviation of the noise on toy points.
        image_size: Side of the squares to which a folder's images are resized, cropped about the
            centre; None requires equal shapes.
        standardize: Subtract the mean and divide by the deviation of the training set per channel.
            Off by default: pixels in [0, 1], as in the paper.
        validation: Fraction of the training samples set aside for validation.
        split_seed: Seed of subsets and splits, apart from the run's seed so that seeds compare.
        split: What the top folders of `path` are: "folders" called train, val and test are
            splits; all are "classes"; or "auto", which refuses what may be either.
        damaged: Whether samples that cannot be read make the data "refuse"d, or are left out
            ("skip").
        label: Column of a .csv or .tsv that holds the classes; None for one that is called label,
            class, target or y, or is the only one of words.
    """

    name: Annotated[str, _one_of(DATA, "data set")] = "digits"
    path: str | None = None
    samples: Annotated[int, Field(ge=10, le=10**7)] | None = None
    noise: Annotated[float, Field(ge=0, le=10)] = 0.1
    image_size: Annotated[int, Field(ge=1, le=1024)] | None = None
    standardize: bool = False
    validation: Fraction = 0.1
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    split: Literal["auto", "folders", "classes"] = "auto"
    damaged: Literal["refuse", "skip"] = "refuse"
    label: str | None = None

    @property
    def as_before(self) -> set[str]:
        """Fields that version 0.1.0 did not have, at their defaults: no digest counts them."""
        later = ("split", "damaged", "label")
        return {
            name for name in later if getattr(self, name) == DataConfig.model_fields[name].default
        }

    @model_validator(mode="after")
    def _path_only_for_folders(self) -> Self:
        if self.name == "folder" and not self.path:
            raise FieldError(
                "path",
                "is required for data 'folder': a folder, .zip or .tar of class folders, or a "
                "table",
            )
        if self.name != "folder" and self.path:
            raise FieldError("path", f"applies to data 'folder' only, not {self.name!r}; clear it")
        return self


class ModelConfig(Config):
    """Which network is trained.

    Attributes:
        name: Key of `proxprop.spec.catalog.models.MODELS`.
        widths: Hidden widths (MLP) or channels (small ConvNet); ignored by the paper's models.
        activation: Element-wise function after every hidden layer.
        init: "default" (torch's), "kaiming", "xavier" or "orthogonal".
        bias: Whether layers have a bias.
    """

    name: Annotated[str, _one_of(MODELS, "model")] = "mlp"
    widths: Annotated[tuple[Width, ...], Field(min_length=1, max_length=20)] = (128, 64)
    activation: Annotated[str, _one_of(ACTIVATIONS, "activation")] = "relu"
    init: Annotated[str, _one_of(INITS, "initialisation")] = "default"
    bias: bool = True

    def layers(self, shape: tuple[int, ...], classes: int) -> list[LayerRow]:
        """Return the network's layers for samples of `shape`; see `layer_table`.

        Raises:
            ValueError: If the network does not fit them.
        """
        return layer_table(self.name, self.widths, self.activation, shape, classes, self.bias)


class DirectionConfig(Config):
    """Which update direction replaces the gradient.

    Attributes:
        solver: "explicit" (plain backprop), "exact" (implicit) or "cg" (implicit, k CG steps).
        tau: Proximal step τ > 0. Its effective strength grows with the batch size, since the
            Gram sums over the batch.
        cg_steps: CG iterations k per layer and step.
        cg_rtol: Relative residual at which CG stops early; 0 runs all k steps, as in the paper.
        layers: "hidden" (the last layer stays explicit, as in the paper) or "all".
        gram: "batch" (the paper's); "running": a decayed average over the steps, for "exact"; or
            "auto": for each layer the one of the two whose step takes fewer FLOPs.
        decay: What is kept of the running Gram when it is refreshed.
        refresh: Steps from one refresh of the running Gram to the next.
    """

    solver: Solver = "exact"
    tau: Positive = 0.05
    cg_steps: Annotated[int, Field(ge=1, le=1000)] = 3
    cg_rtol: Fraction = 0.0
    layers: Literal["hidden", "all"] = "hidden"
    gram: Gram = "batch"
    decay: Fraction = 0.7
    refresh: Annotated[int, Field(ge=1, le=100_000)] = 10

    @model_validator(mode="after")
    def _running_needs_exact(self) -> Self:
        if self.gram == "running" and self.solver == "cg":
            raise FieldError(
                "gram",
                "must be 'batch' with solver 'cg', got 'running': CG knows this batch's alone; or "
                "choose the exact step",
            )
        return self

    @property
    def as_before(self) -> set[str]:
        """Fields that version 0.1.0 did not have, while none is in use: no digest counts them."""
        return {"gram", "decay", "refresh"} if self.gram == "batch" else set()

    @property
    def running(self) -> bool:
        """Whether a running Gram is in use, or may be."""
        return self.gram != "batch" and self.solver == "exact"

    @property
    def label(self) -> str:
        """What a person calls it, for example "explicit", "implicit (CG 3)"."""
        if self.running:
            return f"implicit ({self.gram})"
        return solver_label(self.solver, self.cg_steps)


class ScheduleConfig(Config):
    """How the step sizes evolve: a factor on both η and the explicit layers' η.

    Attributes:
        name: "constant", "cosine" (to `final`), "step" (× `gamma` every `every` epochs) or
            "exponential" (× `gamma` per epoch).
        warmup: Epochs of linear warm-up from zero before it.
        gamma: Factor of "step" and "exponential".
        every: Epochs between drops of "step".
        final: Fraction of the initial step size that "cosine" ends at.
    """

    name: Literal["constant", "cosine", "step", "exponential"] = "constant"
    warmup: NonNegative = 0.0
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    every: Positive = 10.0
    final: Annotated[float, Field(ge=0, le=1)] = 0.0

    def factor(self, step: int, steps_per_epoch: int, total: float | None) -> float:
        """Return what the step sizes are multiplied by in the step after `step` steps.

        Args:
            step: Steps done.
            steps_per_epoch: Batches in one pass.
            total: Steps of the whole run, for "cosine"; None reads as endless.
        """
        warmup = self.warmup * steps_per_epoch
        if step + 1 < warmup:
            return (step + 1) / warmup  # never zero: a first step of length 0 would be wasted
        since = max(0.0, step - warmup)
        if self.name == "step":
            return float(self.gamma ** int(since / steps_per_epoch / self.every))
        if self.name == "exponential":
            return float(self.gamma ** (since / steps_per_epoch))
        if self.name == "cosine" and total is not None:
            done = min(1.0, since / max(1.0, total - warmup))
            return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * done))
        return 1.0


class OptimizerConfig(Config):
    """The first-order optimizer the directions are handed to.

    Attributes:
        name: Key of `proxprop.spec.catalog.optimizers.OPTIMIZERS`.
        lr: Step size η.
        explicit_lr: Step size of layers with explicit directions; None for `lr`, as in the paper.
        momentum: Momentum coefficient, for optimizers that have one.
        betas: Decay rates of the Adam family's moments.
        eps: Denominator guard of adaptive optimizers. Proximal directions can be small.
        alpha: Decay rate of RMSprop's mean square.
        rho: Decay rate of Adadelta's averages.
        history_size: Pairs L-BFGS keeps.
        max_iter: Iterations per batch of L-BFGS, or CG steps of the Hessian-free optimizer.
        weight_decay: Decay coefficient; coupled decay acts at η, not η·τ.
        schedule: Evolution of the step sizes.
        clip_norm: Norm above which the joint direction is scaled down; None for never.
    """

    name: Annotated[str, _one_of(OPTIMIZERS, "optimizer")] = "nesterov"
    lr: Positive = 1.0
    explicit_lr: Positive | None = None
    momentum: Fraction = 0.95
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    eps: Positive = 1e-8
    alpha: Fraction = 0.99
    rho: Fraction = 0.9
    history_size: Annotated[int, Field(ge=1, le=1000)] = 10
    max_iter: Annotated[int, Field(ge=1, le=1000)] = 5
    weight_decay: NonNegative = 0.0
    schedule: ScheduleConfig = ScheduleConfig()
    clip_norm: Positive | None = None

    @property
    def last_lr(self) -> float:
        """Step size of explicit layers: `explicit_lr`, or `lr` where it is None."""
        return self.lr if self.explicit_lr is None else self.explicit_lr

    def check(self, direction: DirectionConfig) -> None:
        """Refuse a direction that the table of pairings excludes.

        Raises:
            ValueError: With the table's reason.
        """
        spec = OPTIMIZERS[self.name]
        pairing = spec.pairing(direction.solver)
        if spec.missing:
            raise FieldError("optimizer.name", f"{self.name!r} cannot be used yet: {spec.missing}")
        if pairing.support == "no":
            raise FieldError(
                "optimizer.name",
                f"{self.name!r} does not take {direction.solver!r} directions: {pairing.note}",
            )


class Contender(Config):
    """One optimizer × direction pairing of a race.

    Attributes:
        label: What a person reads; empty for a label made from the settings.
        direction: Its update direction.
        optimizer: Its optimizer.
    """

    label: Annotated[str, Field(max_length=60)] = ""
    direction: DirectionConfig = DirectionConfig()
    optimizer: OptimizerConfig = OptimizerConfig()

    @model_validator(mode="after")
    def _pairing_allowed(self) -> Self:
        self.optimizer.check(self.direction)
        return self


LIMITS = ("epochs", "seconds", "steps")


class BudgetConfig(Config):
    """When a run is finished: at the first limit reached, of which one is set, or never.

    Attributes:
        epochs: Passes through the training set.
        seconds: Training seconds (evaluation, drawing and pauses excluded).
        steps: Optimizer steps.
        endless: Whether it goes on until it is stopped; no limit is set then.
    """

    epochs: Annotated[float, Field(gt=0, le=1e6)] | None = 200.0
    seconds: Annotated[float, Field(gt=0, le=1e7)] | None = None
    steps: Annotated[int, Field(ge=1, le=10**9)] | None = None
    endless: bool = False

    @model_validator(mode="before")
    @classmethod
    def _no_epochs_by_default(cls, values: Any) -> Any:
        """Leave the default epochs out where "endless" is all that is said."""
        endless = isinstance(values, dict) and values.get("endless") is True
        return {"epochs": None, **values} if endless else values

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        limits = {n: v for n in LIMITS if (v := getattr(self, n)) is not None}
        if self.endless and limits:
            name, value = next(iter(limits.items()))
            raise FieldError("endless", f"must be off beside a limit, got {name} {value:g}")
        if not (self.endless or limits):
            raise FieldError("epochs", "set epochs, seconds or steps: a run needs an end")
        return self

    @property
    def as_before(self) -> set[str]:
        """The field that version 0.1.0 did not have, while it is off: no digest counts it."""
        return set() if self.endless else {"endless"}

    def check_ends(self) -> None:
        """Refuse an endless budget where several are to come to an end together.

        Raises:
            ValueError: If it is endless.
        """
        if self.endless:
            raise FieldError("budget.endless", "must be off for a race: its contenders need an end")

    def step_limit(self, steps_per_epoch: int) -> int | None:
        """Return how many steps are allowed, or None where seconds alone decide."""
        limits = [] if self.steps is None else [self.steps]
        if self.epochs is not None:
            limits.append(math.ceil(self.epochs * steps_per_epoch - 1e-9))
        return min(limits, default=None)

    def share(self, step: int, seconds: float, total_steps: int | None) -> float | None:
        """Return the fraction spent, 0…1: the larger of steps and seconds.

        Args:
            step: Steps done.
            seconds: Training seconds spent.
            total_steps: Steps that epochs and steps allow; None where they do not limit.

        Returns:
            None where no limit is known.
        """
        shares = [step / total_steps] if total_steps else []
        if self.seconds:
            shares.append(seconds / self.seconds)
        return min(max(shares), 1.0) if shares else None


class EvaluationConfig(Config):
    """How often losses over whole sets are measured.

    Attributes:
        every: Epochs between evaluations (0.5: twice an epoch).
        train: Whether the full training loss is measured too.
    """

    every: Annotated[float, Field(gt=0, le=1e4)] = 1.0
    train: bool = True


class InstrumentsConfig(Config):
    """Which layerwise measures a run records.

    Attributes:
        tier: "off", "cheap" (norms, overshoot, residual) or "full".
        every: Steps between records.
    """

    tier: Literal["off", "cheap", "full"] = "cheap"
    every: Annotated[int, Field(ge=1, le=10**6)] = 25


class CheckpointConfig(Config):
    """How often a run is saved so that it can resume bit for bit.

    Attributes:
        seconds: Wall-clock seconds between checkpoints.
        along: How many are kept along the run beside the last two, to go back to; so that there are
            some, it is saved at every power of two of its steps, too, and where it is turned.
    """

    seconds: Annotated[float, Field(gt=0, le=86_400)] = 10.0
    along: Annotated[int, Field(ge=0, le=100)] = 6


class SettingsChange(Config):
    """What may be changed while a run goes on; fields left out stay as they are.

    Attributes:
        lr: New step size η.
        explicit_lr: New step size of explicit layers; None for the same as `lr`.
        tau: New proximal step τ.
        cg_steps: New number of CG iterations.
        solver: New direction.
        gram: New kind of Gram.
        decay: New share that a refresh keeps of the running Gram.
        refresh: New number of steps between its refreshes.
        instruments: New tier of the instruments.
        pace: New speed limit; None for none.
    """

    lr: Positive | None = None
    explicit_lr: Positive | None = None
    tau: Positive | None = None
    cg_steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    solver: Solver | None = None
    gram: Gram | None = None
    decay: Fraction | None = None
    refresh: Annotated[int, Field(ge=1, le=100_000)] | None = None
    instruments: Literal["off", "cheap", "full"] | None = None
    pace: Pace | None = None

    @model_validator(mode="after")
    def _none_only_where_it_means_something(self) -> Self:
        for name in sorted(self.model_fields_set - {"explicit_lr", "pace"}):
            if getattr(self, name) is None:
                raise FieldError(name, "must have a value, got None; leave it out to keep it")
        return self

    @model_serializer
    def given(self) -> dict[str, object]:
        """Return the fields that were set, by name; that is also what is written down."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}
