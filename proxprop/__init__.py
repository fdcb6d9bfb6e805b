"""Proximal Backpropagation for PyTorch: implicit instead of explicit gradient steps.

Frerix, Möllenhoff, Moeller, Cremers: "Proximal Backpropagation", ICLR 2018, arXiv 1706.04638.

Attributes load lazily, so that importing the package, its configs or its run store does not
import torch (the dashboard's web server never does).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from proxprop.conversion import ConversionReport, convert, revert, set_prox
    from proxprop.diagnostics import (
        LastLayerWarning,
        NeverSolvedWarning,
        NonFiniteWarning,
        NothingConvertedWarning,
        ProxPropWarning,
        SolveFallbackWarning,
        SolveRecord,
    )
    from proxprop.groups import param_groups
    from proxprop.layers import ProxPropConv2d, ProxPropLinear

__version__ = "0.2.0"

__all__ = [
    # layers
    "ProxPropLinear",
    "ProxPropConv2d",
    # conversion of whole models
    "convert",
    "revert",
    "set_prox",
    "param_groups",
    "ConversionReport",
    # what a solve says
    "SolveRecord",
    "ProxPropWarning",
    "SolveFallbackWarning",
    "NonFiniteWarning",
    "NeverSolvedWarning",
    "LastLayerWarning",
    "NothingConvertedWarning",
]

_HOMES = {
    "layers": ("ProxPropLinear", "ProxPropConv2d"),
    "conversion": ("convert", "revert", "set_prox", "ConversionReport"),
    "groups": ("param_groups",),
}
_LAZY = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'proxprop' has no attribute {name!r}")
    home = _LAZY.get(name, "diagnostics")
    return getattr(importlib.import_module(f"proxprop.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
