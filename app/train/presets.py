"""Named settings worth a click: what a lecture shows and what the paper ran."""

from __future__ import annotations

from typing import Any

from app.state.draft import Values
from proxprop.spec.config import RunConfig
from proxprop.spec.config.query import flatten

# Left as they are by a preset: they say where and which draw, not what is shown.
KEPT = ("seed", "device")

_CG = {"direction.solver": "cg"}
_ELU = {"model.activation": "elu"}
_SPIRALS = {
    "data.name": "spirals",
    "data.noise": 0.05,
    "model.widths": (64, 64),
    "batch_size": 50,
    "budget.epochs": 60.0,
}
_FASHION = {
    "data.name": "fashion-mnist",
    "model.widths": (1000, 300, 1000),
    "batch_size": 500,
    "budget.epochs": 5.0,
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


def _plain(lr: float) -> dict[str, Any]:
    return {"direction.solver": "explicit", "optimizer.lr": lr}


# Name → field → value, on top of the defaults: the digits with the paper's step, η 1, τ 0.05.
_CHANGES: dict[str, dict[str, Any]] = {
    "Digits: implicit (exact)": {},
    "Digits: explicit": _plain(0.05),
    "Digits: implicit (CG 3)": _CG,
    # Implicit layers bear a large η; the last layer, explicit, keeps a small one.
    "Digits: large η, small η of explicit layers": {
        "optimizer.lr": 10.0,
        "optimizer.explicit_lr": 0.05,
    },
    "Digits: Adam, implicit (exact)": {"optimizer.name": "adam", "optimizer.lr": 1e-3},
    "Digits: Adam, explicit": {"optimizer.name": "adam", **_plain(1e-3)},
    # Plain steps far beyond their limit; implicit ones bear the same network, batches and η.
    "Diverges on purpose: explicit, η 1": {**_plain(1.0), **_ELU},
    "The same with implicit steps: η 1, τ 0.05": _ELU,
    "Digits: small ConvNet, implicit (exact)": {
        "model.name": "small-convnet",
        "model.widths": (8, 16),
    },
    "Two spirals: implicit (exact)": _SPIRALS,
    "Two spirals: explicit": {**_SPIRALS, **_plain(0.05)},
    # Slow enough to talk, without an end: one dial is turned, and what it does is seen.
    "Two spirals, endless: turn a dial": {
        **_SPIRALS,
        "budget.epochs": None,
        "budget.endless": True,
        "pace": 10.0,
        "evaluation.every": 0.5,
    },
    "Fashion-MNIST: implicit (exact)": _FASHION,
    "Paper: CIFAR-10 MLP, implicit (exact)": _PAPER_MLP,
    "Paper: CIFAR-10 MLP, implicit (CG 3)": {**_PAPER_MLP, **_CG},
    "Paper: CIFAR-10 MLP, explicit": {**_PAPER_MLP, **_plain(0.05)},
    "Paper: CIFAR-10 ConvNet, Adam, implicit (CG 3)": {**_PAPER_CONV, **_CG},
}
PRESETS = {name: RunConfig().replace(**changes) for name, changes in _CHANGES.items()}


def apply(name: str, values: Values) -> Values:
    """Return the values of a preset, keeping seed and device."""
    return {**flatten(PRESETS[name]), **{kept: values[kept] for kept in KEPT}}


def matching(values: Values) -> str | None:
    """Return the preset that values show, or None for settings of one's own."""
    return next((name for name in PRESETS if apply(name, values) == values), None)
