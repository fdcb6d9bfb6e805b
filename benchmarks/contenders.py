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
    return [torch.optim.SGD(model.parameters(), lr=rate, momentum=0.95, nesterov=True, fused=True)]


def nesterov_with_explicit_rate(explicit_lr: float) -> Build:
    """The same with a rate of its own for explicit layers."""

    def build(model: nn.Module, rate: float) -> Optimizers:
        groups = param_groups(model, rate, explicit_lr)
        return [torch.optim.SGD(groups, lr=rate, momentum=0.95, nesterov=True, fused=True)]

    return build


def adam(model: nn.Module, rate: float) -> Optimizers:
    """Adam with torch's defaults."""
    return [torch.optim.Adam(model.parameters(), lr=rate, fused=True)]


class MatrixMuon(torch.optim.Muon):
    """Muon on weights of any shape, read as one matrix row per output, as its authors do."""

    def __init__(self, weights: list[nn.Parameter], lr: float) -> None:
        self._weights = weights
        self._rows = [nn.Parameter(weight.detach().flatten(1)) for weight in weights]
        super().__init__(self._rows, lr=lr, weight_decay=0.0)

    def zero_grad(self, set_to_none: bool = True) -> None:
        for weight in self._weights:
            if set_to_none or weight.grad is None:
                weight.grad = None
            else:
                weight.grad.zero_()

    def step(self, closure: Any = None) -> Any:
        for rows, weight in zip(self._rows, self._weights):
            rows.grad = None if weight.grad is None else weight.grad.flatten(1)
        return super().step(closure)


def muon(model: nn.Module, rate: float) -> Optimizers:
    """Muon on the hidden layers' weights, AdamW at a tenth of its η on the rest."""
    layers = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    hidden = [layer.weight for layer in layers[:-1]]
    chosen = {id(weight) for weight in hidden}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    return [
        MatrixMuon(hidden, rate),
        torch.optim.AdamW(rest, lr=rate / 10, weight_decay=0.0, fused=True),
    ]


def from_pytorch_optimizer(name: str, **options: Any) -> Build:
    """An optimizer of the package pytorch-optimizer."""

    def build(model: nn.Module, rate: float) -> Optimizers:
        package = importlib.import_module("pytorch_optimizer")
        return [getattr(package, name)(model.parameters(), lr=rate, **options)]

    return build


TAU = 0.05
EXACT: dict[str, Any] = {"tau": TAU}
RUNNING: dict[str, Any] = {"tau": TAU, "gram": "running"}
EXTRA = {"package": "pytorch_optimizer", "install": "pip install 'proxprop[soap]'"}
MOMENTUM = "Nesterov 0.95"
SMALL_LAST = f"{MOMENTUM}, τ .05, last layer η .05"

# Five step sizes each, a factor of about three apart and centred where one begins: Nesterov at .1,
# whatever has Adam's step at 3e-3 (SOAP's default), Muon at its usual .02, implicit steps at 10.
_SGD = (0.01, 0.03, 0.1, 0.3, 1.0)
_ADAM = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
_IMPLICIT = (1.0, 3.0, 10.0, 30.0, 100.0)

# The first is what the others' cost per step is compared with.
ENTRIES = (
    Entry("Nesterov", _SGD, nesterov, "momentum 0.95"),
    Entry("Adam", _ADAM, adam),
    Entry("Muon + AdamW", (0.002, 0.006, 0.02, 0.06, 0.2), muon, "AdamW at a tenth of η"),
    Entry(
        "SOAP",
        _ADAM,
        from_pytorch_optimizer("SOAP", weight_decay=0.0),
        "bases renewed every 10 steps",
        **EXTRA,
    ),
    Entry("Exact", _IMPLICIT, nesterov_with_explicit_rate(0.05), SMALL_LAST, EXACT),
    Entry("Exact + Adam", _ADAM, adam, "τ .05", EXACT),
    Entry("Running", _IMPLICIT, nesterov_with_explicit_rate(0.05), SMALL_LAST, RUNNING),
    Entry("Running + Adam", _ADAM, adam, "τ .05", RUNNING),
)
