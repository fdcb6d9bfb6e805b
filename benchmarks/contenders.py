"""Who competes to a target loss: plain torch, proximal directions, and what else PyPI offers.

K-FAC is missing: no K-FAC optimizer for torch is kept up on PyPI (its packages there are for
TensorFlow and JAX, or have had no release for years).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from proxprop import convert, param_groups

Optimizers = list[torch.optim.Optimizer]
Build = Callable[[nn.Module, float], Optimizers]


@dataclass(frozen=True)
class Entry:
    """One contender.

    Attributes:
        name: As printed.
        rates: Step sizes η that its search tries; as many for everybody.
        build: From a converted model and η to its optimizers.
        fixed: Its other settings, in words.
        prox: Arguments of ``convert``; empty leaves the model plain.
        package: Optional package it needs; empty for none.
        install: Command that installs the package.
    """

    name: str
    rates: tuple[float, ...]
    build: Build
    fixed: str = ""
    prox: dict[str, Any] = field(default_factory=dict)
    package: str = ""
    install: str = ""

    def missing(self) -> str:
        """How to install what this contender needs, or an empty string if nothing is missing."""
        if not self.package:
            return ""
        try:
            importlib.import_module(self.package)
        except ImportError:
            return self.install
        return ""

    def prepare(self, model: nn.Module, rate: float) -> Optimizers:
        """Convert the model in place and build what trains it."""
        if self.prox:
            convert(model, **self.prox)
        return self.build(model, rate)


def nesterov(model: nn.Module, rate: float) -> Optimizers:
    """SGD with Nesterov momentum 0.95, as in the paper."""
    return [torch.optim.SGD(model.parameters(), lr=rate, momentum=0.95, nesterov=True)]


def nesterov_with_explicit_rate(explicit_lr: float) -> Build:
    """The same with a rate of its own for explicit layers."""

    def build(model: nn.Module, rate: float) -> Optimizers:
        groups = param_groups(model, rate, explicit_lr)
        return [torch.optim.SGD(groups, lr=rate, momentum=0.95, nesterov=True)]

    return build


def adam(model: nn.Module, rate: float) -> Optimizers:
    """Adam with torch's defaults."""
    return [torch.optim.Adam(model.parameters(), lr=rate)]


def muon(partner_lr: float) -> Build:
    """Muon on the hidden layers' matrices, AdamW on the rest, as its authors advise."""

    def build(model: nn.Module, rate: float) -> Optimizers:
        layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
        hidden = [layer.weight for layer in layers[:-1]]
        chosen = {id(weight) for weight in hidden}
        rest = [p for p in model.parameters() if id(p) not in chosen]
        return [
            torch.optim.Muon(hidden, lr=rate, weight_decay=0.0),
            torch.optim.AdamW(rest, lr=partner_lr, weight_decay=0.0),
        ]

    return build


def from_pytorch_optimizer(name: str, **options: Any) -> Build:
    """An optimizer of the package pytorch-optimizer."""

    def build(model: nn.Module, rate: float) -> Optimizers:
        package = importlib.import_module("pytorch_optimizer")
        return [getattr(package, name)(model.parameters(), lr=rate, **options)]

    return build


EXACT = {"tau": 0.05, "solver": "exact"}
CG3 = {"tau": 0.05, "solver": "cg", "cg_steps": 3}
EXTRA = {"package": "pytorch_optimizer", "install": "pip install 'proxprop[soap]'"}
MOMENTUM = "Nesterov 0.95"
SMALL_LAST = f"{MOMENTUM}, τ .05, last layer η .05"

# The first is what the others' cost per step is compared with.
ENTRIES = (
    Entry("SGD", (0.01, 0.03, 0.1, 0.3, 1.0), nesterov, MOMENTUM),
    Entry("Adam", (3e-4, 1e-3, 3e-3, 1e-2, 3e-2), adam),
    Entry(
        "ProxProp exact, one η (paper)",
        (0.3, 1.0, 3.0, 10.0, 30.0),
        nesterov,
        f"{MOMENTUM}, τ .05",
        EXACT,
    ),
    Entry(
        "ProxProp exact",
        (3.0, 10.0, 30.0, 100.0, 300.0),
        nesterov_with_explicit_rate(0.05),
        SMALL_LAST,
        EXACT,
    ),
    Entry(
        "ProxProp CG 3",
        (3.0, 10.0, 30.0, 100.0, 300.0),
        nesterov_with_explicit_rate(0.05),
        SMALL_LAST,
        CG3,
    ),
    Entry("ProxProp exact + Adam", (3e-4, 1e-3, 3e-3, 1e-2, 3e-2), adam, "τ .05", EXACT),
    Entry("Muon + AdamW", (0.003, 0.01, 0.03, 0.1, 0.3), muon(1e-3), "AdamW η .001"),
    Entry(
        "SOAP",
        (3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
        from_pytorch_optimizer("SOAP", weight_decay=0.0),
        "bases renewed every 10 steps",
        **EXTRA,
    ),
    Entry(
        "Shampoo",
        (0.01, 0.03, 0.1, 0.3, 1.0),
        from_pytorch_optimizer("ScalableShampoo", preconditioning_compute_steps=20),
        "roots renewed every 20 steps, grafted on SGD",
        **EXTRA,
    ),
)
