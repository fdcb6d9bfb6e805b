"""Who competes to a target loss: plain torch, proximal directions, and what else PyPI offers."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from proxprop import convert, param_groups

Optimizers = list[torch.optim.Optimizer]
Build = Callable[[nn.Module], Optimizers]


@dataclass(frozen=True)
class Entry:
    """One contender.

    Attributes:
        name: As printed.
        build: From a converted model to its optimizers.
        prox: Arguments of ``convert``; empty leaves the model plain.
        package: Optional package it needs; empty for none.
    """

    name: str
    build: Build
    prox: dict[str, Any] = field(default_factory=dict)
    package: str = ""

    def missing(self) -> str:
        """Why this contender cannot take part, or an empty string."""
        if not self.package:
            return ""
        try:
            importlib.import_module(self.package)
        except ImportError:
            return f"needs the package {self.package.replace('_', '-')}"
        return ""

    def prepare(self, model: nn.Module) -> Optimizers:
        """Convert the model in place and build what trains it."""
        if self.prox:
            convert(model, **self.prox)
        return self.build(model)


def nesterov(lr: float, explicit_lr: float | None = None) -> Build:
    """SGD with Nesterov momentum 0.95, as in the paper; explicit layers may have their own rate."""

    def build(model: nn.Module) -> Optimizers:
        groups = param_groups(model, lr, explicit_lr)
        return [torch.optim.SGD(groups, lr=lr, momentum=0.95, nesterov=True)]

    return build


def adam(lr: float) -> Build:
    """Adam with torch's defaults."""
    return lambda model: [torch.optim.Adam(model.parameters(), lr=lr)]


def muon(lr: float, adamw_lr: float) -> Build:
    """Muon on the hidden layers' matrices, AdamW on the rest, as its authors advise."""

    def build(model: nn.Module) -> Optimizers:
        layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
        hidden = [layer.weight for layer in layers[:-1]]
        chosen = {id(weight) for weight in hidden}
        rest = [p for p in model.parameters() if id(p) not in chosen]
        return [
            torch.optim.Muon(hidden, lr=lr, weight_decay=0.0),
            torch.optim.AdamW(rest, lr=adamw_lr, weight_decay=0.0),
        ]

    return build


def from_pytorch_optimizer(name: str, **options: Any) -> Build:
    """An optimizer of the package pytorch-optimizer."""

    def build(model: nn.Module) -> Optimizers:
        package = importlib.import_module("pytorch_optimizer")
        return [getattr(package, name)(model.parameters(), **options)]

    return build


EXACT = {"tau": 0.05, "solver": "exact"}
CG3 = {"tau": 0.05, "solver": "cg", "cg_steps": 3}

ENTRIES = (
    Entry("Nesterov, η .05", nesterov(0.05)),
    Entry("Adam, η .001", adam(1e-3)),
    Entry("ProxProp exact, η 1", nesterov(1.0), EXACT),
    Entry("ProxProp exact, η 10, last .05", nesterov(10.0, 0.05), EXACT),
    Entry("ProxProp CG 3, η 1", nesterov(1.0), CG3),
    Entry("ProxProp CG 3, η 10, last .05", nesterov(10.0, 0.05), CG3),
    Entry("ProxProp exact + Adam, η .001", adam(1e-3), EXACT),
    Entry("Muon .02 + AdamW .001", muon(0.02, 1e-3)),
    Entry(
        "SOAP, η .003",
        from_pytorch_optimizer("SOAP", lr=3e-3, weight_decay=0.0),
        package="pytorch_optimizer",
    ),
    Entry(
        "Shampoo (scalable), η .05",
        from_pytorch_optimizer("ScalableShampoo", lr=0.05, preconditioning_compute_steps=20),
        package="pytorch_optimizer",
    ),
)
