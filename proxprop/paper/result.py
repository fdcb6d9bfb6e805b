"""What an experiment of the paper left behind: one JSON file a part, shipped or made here."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from proxprop import paths
from proxprop.files import write_atomically
from proxprop.spec.config import RunConfig

SHIPPED = Path(__file__).parent / "results"

Scale = Literal["laptop", "full"]
Experiment = Literal["mlp", "convnet", "batch", "stability"]

SCALES: tuple[Scale, ...] = ("laptop", "full")
EXPERIMENTS: tuple[Experiment, ...] = ("mlp", "convnet", "batch", "stability")

Outcome = Literal["finished", "diverged", "collapsed", "unfinished"]


def _six_digits(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


# Numbers are kept to six digits; None stands for one that is not finite.
Measured = Annotated[float, BeforeValidator(_six_digits)]
Number = Annotated[float | None, BeforeValidator(_six_digits)]


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
        load: The least and the most that wanted a core of the machine meanwhile (the average over
            a minute, looked at with each evaluation); None where nobody looked.
    """

    versions: dict[str, str]
    device: str
    processor: str
    threads: int
    load: tuple[float, float] | None = None


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
    epoch: tuple[Measured, ...] = ()
    train_loss: tuple[Number, ...] = ()
    validation_accuracy: tuple[Number, ...] = ()
    seconds: tuple[Measured, ...] = ()
    test_accuracy: Number = None


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


class _Part(_Plain):
    """What every file says first.

    Attributes:
        format: Of the file.
        experiment: Which experiment.
        part: "main", "controls", … within the experiment.
        scale: "laptop" (a part of the images, few epochs) or "full".
        title: What a person reads.
        recorded: When the latest number was measured, ISO 8601.
        provenance: With what.
        data: Of which images.
        complete: Whether everything asked for is done.
    """

    format: Literal[1] = 1
    experiment: Experiment
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
        return f"{self.place}-{self.scale}"

    @property
    def place(self) -> str:
        """The part's name among all of a scale, "<experiment>-<part>"."""
        return f"{self.experiment}-{self.part}"


class Result(_Part):
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
        return next((entry for entry in self.contenders if entry.key == key), None)


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
    lr: tuple[Measured, ...]
    tau: tuple[Number, ...]
    step_size: tuple[Measured, ...]
    losses: tuple[tuple[Number, ...], ...]
    outcomes: tuple[tuple[Outcome, ...], ...]


class StabilityResult(_Part):
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
    initial_loss: Number
    constant_loss: Measured
    methods: tuple[StabilityMethod, ...]

    def method(self, key: str) -> StabilityMethod | None:
        """Return the method of that key, or None."""
        return next((method for method in self.methods if method.key == key), None)


AnyResult = Annotated[Result | StabilityResult, Field(discriminator="experiment")]
_ADAPTER: TypeAdapter[AnyResult] = TypeAdapter(AnyResult)


def parse_result(text: str | bytes) -> AnyResult:
    """Return the result that a file's text holds.

    Raises:
        ValueError: If it is no such result, or one of another format (pydantic's error is one).
    """
    return _ADAPTER.validate_json(text)


# -- files ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recorded:
    """What a folder holds.

    Attributes:
        results: In the order of the experiments.
        problems: Files that could not be read, in words.
    """

    results: tuple[AnyResult, ...]
    problems: tuple[str, ...] = ()


def shipped() -> Recorded:
    """Return the results shipped with the package."""
    return read_folder(SHIPPED)


def made_here(root: Path | None = None) -> Recorded:
    """Return the results of `proxprop paper` in this data directory.

    Args:
        root: The data directory; None for `PROXPROP_HOME`.
    """
    return read_folder(results_folder(root))


def results_folder(root: Path | None = None) -> Path:
    """Return where `proxprop paper` writes unless told otherwise."""
    return (root or paths.home()) / "paper"


def read_folder(folder: Path) -> Recorded:
    """Return the results in `folder`; none where it does not exist."""
    results, problems = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            status = path.stat()
            results.append(_parsed(path, status.st_ino, status.st_mtime_ns))
        except (OSError, ValueError) as error:
            cause = (str(error).splitlines() or ["no message"])[0]
            problems.append(f"{path.name} cannot be read ({cause}); delete it or record it again")
    results.sort(
        key=lambda result: (
            EXPERIMENTS.index(result.experiment),
            result.part != "main",
            result.part,
        )
    )
    return Recorded(tuple(results), tuple(problems))


@lru_cache(maxsize=64)
def _parsed(path: Path, inode: int, modified: int) -> AnyResult:
    """Parse a file once for everybody who looks at it; files are replaced, never rewritten."""
    return parse_result(path.read_bytes())


def read_result(path: Path) -> AnyResult | None:
    """Return the result at `path`, or None where there is none that can be read."""
    try:
        return parse_result(path.read_bytes())
    except (OSError, ValueError):
        return None


def latest(results: Iterable[AnyResult], scale: Scale) -> dict[str, AnyResult]:
    """Return "<experiment>-<part>" → the most recent result of that scale."""
    chosen: dict[str, AnyResult] = {}
    for result in results:
        known = chosen.get(result.place)
        if result.scale == scale and (known is None or result.recorded > known.recorded):
            chosen[result.place] = result
    return chosen


def write_result(result: AnyResult, folder: Path) -> Path:
    """Write `result` to its file in `folder`, whole or not at all, and return the path.

    Raises:
        OSError: If the folder cannot be written.
    """
    path = folder / f"{result.name}.json"
    write_atomically(path, result.model_dump_json() + "\n")
    return path
