"""Named settings worth a click: what a lecture shows and what the paper ran."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.state.draft import Values
from proxprop.spec.config import RunConfig
from proxprop.spec.config.query import flatten

# Left as they are by a preset: they say where and which draw, not what is shown.
KEPT = ("seed", "device")


@dataclass(frozen=True)
class Preset:
    """One named setting.

    Attributes:
        name: What a person picks.
        about: One sentence on what will be seen.
        changes: Dotted field → value, on top of the defaults.
    """

    name: str
    about: str
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> RunConfig:
        """The run it describes."""
        return RunConfig().replace(**self.changes)


def _plain(lr: float) -> dict[str, Any]:
    return {"direction.solver": "explicit", "optimizer.lr": lr}


_SPIRALS = {
    "data.name": "spirals",
    "data.noise": 0.05,
    "model.widths": (64, 64),
    "batch_size": 50,
    "budget.epochs": 60.0,
}
_CIFAR = {"data.name": "cifar10", "batch_size": 500, "budget.epochs": 20.0}
_PAPER_MLP = {**_CIFAR, "model.name": "paper-mlp"}
_PAPER_CONV = {
    **_CIFAR,
    "model.name": "paper-convnet",
    "optimizer.name": "adam",
    "optimizer.lr": 1e-3,
    "direction.tau": 1.0,
}

PRESETS = (
    Preset("Digits: implicit (exact)", "The paper's step on small images: η 1, τ 0.05."),
    Preset("Digits: explicit", "Plain backprop with Nesterov momentum: η 0.05.", _plain(0.05)),
    Preset(
        "Digits: implicit (CG 3)",
        "Three steps of conjugate gradients in place of the exact solve.",
        {"direction.solver": "cg"},
    ),
    Preset(
        "Digits: large η, small η of explicit layers",
        "Implicit layers bear η 10; the last layer, explicit, keeps 0.05.",
        {"optimizer.lr": 10.0, "optimizer.explicit_lr": 0.05},
    ),
    Preset(
        "Digits: Adam, implicit (exact)",
        "Adam takes the proximal direction in place of the gradient.",
        {"optimizer.name": "adam", "optimizer.lr": 1e-3},
    ),
    Preset(
        "Digits: Adam, explicit",
        "Adam as everyone knows it.",
        {"optimizer.name": "adam", **_plain(1e-3)},
    ),
    Preset(
        "Diverges on purpose: explicit, η 1",
        "Plain steps far beyond their limit, ELU: the loss leaves the chart.",
        {**_plain(1.0), "model.activation": "elu"},
    ),
    Preset(
        "The same with implicit steps: η 1, τ 0.05",
        "The same network, batches and η; the implicit steps bear it.",
        {"model.activation": "elu"},
    ),
    Preset(
        "Digits: small ConvNet, implicit (exact)",
        "Two convolutions, each with an exact proximal step.",
        {"model.name": "small-convnet", "model.widths": (8, 16)},
    ),
    Preset("Two spirals: implicit (exact)", "Watch the boundary wind itself up.", _SPIRALS),
    Preset(
        "Two spirals: explicit",
        "The same net and batches with plain steps, η 0.05.",
        {**_SPIRALS, **_plain(0.05)},
    ),
    Preset(
        "Fashion-MNIST: implicit (exact)",
        "784-1000-300-1000-10, batch 500: η 1, τ 0.05.",
        {
            "data.name": "fashion-mnist",
            "model.widths": (1000, 300, 1000),
            "batch_size": 500,
            "budget.epochs": 5.0,
        },
    ),
    Preset("Paper: CIFAR-10 MLP, implicit (exact)", "η 1, τ 0.05, batch 500.", _PAPER_MLP),
    Preset(
        "Paper: CIFAR-10 MLP, implicit (CG 3)",
        "η 1, τ 0.05, three CG steps.",
        {**_PAPER_MLP, "direction.solver": "cg"},
    ),
    Preset(
        "Paper: CIFAR-10 MLP, explicit",
        "Nesterov 0.95, η 0.05.",
        {**_PAPER_MLP, **_plain(0.05)},
    ),
    Preset(
        "Paper: CIFAR-10 ConvNet, Adam, implicit (CG 3)",
        "Adam at η 0.001 on three CG steps, τ 1.",
        {**_PAPER_CONV, "direction.solver": "cg"},
    ),
)


def apply(preset: Preset, values: Values) -> Values:
    """Return the draft that shows `preset`, keeping seed and device."""
    return {**flatten(preset.config), **{name: values[name] for name in KEPT}}


def matching(values: Values) -> Preset | None:
    """Return the preset that a draft shows, or None for settings of one's own."""
    return next((preset for preset in PRESETS if apply(preset, values) == values), None)
