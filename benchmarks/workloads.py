"""The four races to a target loss: which network on which images, how long, and to what.

Targets and lengths were set before any of them was run. Losses are taken on a part of the training
images; a contender that has reached the target goes on for two epochs and then leaves, so that
dear ones do not hold up the others.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from proxprop.spec.config import DataConfig, ModelConfig

EPOCHS_BEYOND = 2


@dataclass(frozen=True)
class Workload:
    """One race.

    Attributes:
        key: Its name on the command line and of its result.
        title: What a person reads.
        data: "fashion-mnist" or "cifar10".
        model: Network.
        samples: Training images, at random; None for all.
        batch: Samples a step.
        turn: Steps before the next contender's turn and from one measurement to the next.
        measured: Training images the loss is taken on.
        target: Training loss to reach.
        search_epochs: Length of a trial.
        epochs: Length of a race for who does not reach the target.
        only_timed: Contenders whose steps are timed and who then stay out, each with the reason.
    """

    key: str
    title: str
    data: str
    model: ModelConfig
    samples: int | None
    batch: int
    turn: int
    measured: int
    target: float
    search_epochs: int
    epochs: int
    only_timed: dict[str, str] = field(default_factory=dict)

    def data_config(self, cifar: str | None) -> DataConfig:
        """Return its images: CIFAR-10 from class folders at `cifar`, or fetched."""
        options: dict[str, Any] = {"validation": 0.0, "samples": self.samples}
        if self.data == "cifar10" and cifar:
            return DataConfig(name="folder", path=cifar, **options)
        return DataConfig(name=self.data, **options)

    def settings(self) -> dict[str, Any]:
        """Return what a result says of it."""
        return {**asdict(self), "model": self.model.model_dump(mode="json")}


_WIDE_INVERSES = "both sides of its largest matrix have thousands of rows to factorise"

WORKLOADS = (
    Workload(
        "fashion_small", "Fashion-MNIST, 784-256-128-10", "fashion-mnist",
        ModelConfig(name="mlp", widths=(256, 128)),
        samples=15_000, batch=500, turn=10, measured=5000, target=0.25, search_epochs=2, epochs=16,
    ),
    Workload(
        "fashion_wide", "Fashion-MNIST, 784-1000-300-1000-10", "fashion-mnist",
        ModelConfig(name="mlp", widths=(1000, 300, 1000)),
        samples=10_000, batch=500, turn=10, measured=5000, target=0.25, search_epochs=2, epochs=15,
    ),
    Workload(
        "cifar_mlp", "CIFAR-10, the paper's MLP", "cifar10", ModelConfig(name="paper-mlp"),
        samples=5000, batch=250, turn=5, measured=2000, target=1.6, search_epochs=1, epochs=6,
        only_timed={
            "Muon + AdamW": "its iteration multiplies matrices of 4,000 × 3,072",
            "SOAP": _WIDE_INVERSES,
            "Running": "more columns than rows: the running Gram is the dearer one",
            "Running + Adam": "more columns than rows: the running Gram is the dearer one",
        },
    ),
    Workload(
        "cifar_convnet", "CIFAR-10, the paper's ConvNet", "cifar10",
        ModelConfig(name="paper-convnet"),
        samples=3000, batch=100, turn=10, measured=2000, target=1.5, search_epochs=2, epochs=12,
    ),
)  # fmt: skip
