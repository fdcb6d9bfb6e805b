"""What an experiment of the paper left behind: one JSON file a part. Loads no torch."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from proxprop.spec.config import RunConfig

Scale = Literal["laptop", "full"]
Experiment = Literal["mlp", "convnet", "batch", "stability"]

SCALES: tuple[Scale, ...] = ("laptop", "full")
EXPERIMENTS: tuple[Experiment, ...] = ("mlp", "convnet", "batch", "stability")

Outcome = Literal["finished", "diverged", "collapsed", "unfinished"]
Numbers = tuple[float | None, ...]


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Data(_Plain):
    """The images.

    Attributes:
        name: What they are, "CIFAR-10".
        stored: How they are stored: "as published", or "class folders (JPEG re-encoded)".
        train: Images trained on.
        validation: Images set aside to validate.
        test: Images of the official test split.
    """

    name: str
    stored: str
    train: int
    validation: int
    test: int


class Provenance(_Plain):
    """What the numbers were measured with.

    Attributes:
        versions: Package → version.
        device: "cpu" or the GPU's name.
        processor: The CPU's name.
        threads: Threads torch computes with.
    """

    versions: dict[str, str]
    device: str
    processor: str
    threads: int


class Seed(_Plain):
    """One contender with one seed. The lists have an entry per evaluation, the first at epoch 0.

    Null stands for a number that is not finite.

    Attributes:
        seed: Of initial weights and batch order.
        outcome: "unfinished" until the epochs asked for are done.
        words: How it ended, in words; "" before.
        epoch: Epochs done.
        train_loss: Mean loss over the whole training set.
        validation_accuracy: Fraction right, 0 to 1.
        seconds: Its own training clock: evaluation, saving and the rivals' turns excluded.
        test_accuracy: Fraction right on the test images after the last epoch; None before, or
            where it diverged.
    """

    seed: int
    outcome: Outcome = "unfinished"
    words: str = ""
    epoch: tuple[float, ...] = ()
    train_loss: Numbers = ()
    validation_accuracy: Numbers = ()
    seconds: tuple[float, ...] = ()
    test_accuracy: float | None = None


class Contender(_Plain):
    """One optimizer × direction.

    Attributes:
        key: Stable name within the part, such as "plain", "exact", "cg3", "adam-exact".
        label: What a person reads.
        config: Its `RunConfig` as plain data (seed: the first one).
        seeds: Its runs, first seed first.
    """

    key: str
    label: str
    config: dict[str, Any]
    seeds: tuple[Seed, ...] = ()

    @property
    def run_config(self) -> RunConfig:
        """Its config.

        Raises:
            ConfigError: If it was written by a version whose fields this one does not know.
        """
        return RunConfig.parse(self.config)

    @property
    def solver(self) -> str:
        """Its direction: "explicit", "exact" or "cg"."""
        return str(self.config["direction"]["solver"])


class _Recorded(_Plain):
    """What every file says first.

    Attributes:
        format: Of the file.
        part: "main", "controls", … within the experiment.
        scale: "laptop" (a part of the images, few epochs) or "full".
        title: What a person reads.
        recorded: When the latest number was measured, ISO 8601.
        provenance: With what.
        data: Of which images.
        complete: Whether everything asked for is done.
    """

    format: Literal[1] = 1
    part: str
    scale: Scale
    title: str
    recorded: str
    provenance: Provenance
    data: Data
    complete: bool

    @property
    def name(self) -> str:
        """Name of its file without the suffix, "<experiment>-<part>-<scale>"."""
        return f"{getattr(self, 'experiment')}-{self.part}-{self.scale}"  # noqa: B009


class Result(_Recorded):
    """Curves of several contenders.

    Attributes:
        experiment: Which network: "mlp", "convnet"; or "batch", the τ × batch size study.
        epochs: Epochs asked for in this recording.
        planned_epochs: Epochs of the whole plan (50 at full scale, as in the paper).
        contenders: In the order of the plan.
    """

    experiment: Literal["mlp", "convnet", "batch"]
    epochs: float
    planned_epochs: float
    contenders: tuple[Contender, ...]

    def contender(self, key: str) -> Contender | None:
        """Return the contender of that key, or None."""
        return next((one for one in self.contenders if one.key == key), None)


class StabilityMethod(_Plain):
    """Loss after some steps against the step size, of one method. Lists: one entry a step size.

    Attributes:
        key: "plain", "exact" or "cg3".
        label: What a person reads.
        solver: "explicit", "exact" or "cg".
        lr: η.
        tau: τ; None for explicit steps.
        step_size: The common axis: η, or η·τ for implicit steps.
        losses: Per seed: loss over the whole training set after the last step; None where it
            diverged or is not done.
        outcomes: Per seed.
    """

    key: str
    label: str
    solver: Literal["explicit", "exact", "cg"]
    lr: tuple[float, ...]
    tau: tuple[float | None, ...]
    step_size: tuple[float, ...]
    losses: tuple[Numbers, ...]
    outcomes: tuple[tuple[Outcome, ...], ...]


class StabilityResult(_Recorded):
    """How far each method's step size may grow.

    Attributes:
        experiment: Always "stability".
        config: The `SweepConfig` as plain data.
        steps: Steps of every run.
        seeds: The seeds.
        initial_loss: Loss before the first step, mean over seeds.
        constant_loss: Loss of the best constant predictor.
        methods: The methods.
    """

    experiment: Literal["stability"] = "stability"
    config: dict[str, Any]
    steps: int
    seeds: tuple[int, ...]
    initial_loss: float | None
    constant_loss: float
    methods: tuple[StabilityMethod, ...]

    def method(self, key: str) -> StabilityMethod | None:
        """Return the method of that key, or None."""
        return next((one for one in self.methods if one.key == key), None)


AnyResult = Annotated[Result | StabilityResult, Field(discriminator="experiment")]
_ADAPTER: TypeAdapter[Result | StabilityResult] = TypeAdapter(AnyResult)


def parse_result(text: str | bytes) -> Result | StabilityResult:
    """Return the result that a file's text holds.

    Raises:
        ValueError: If it is no such result, or one of another format (pydantic's error is one).
    """
    return _ADAPTER.validate_json(text)
