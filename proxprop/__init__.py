"""Proximal Backpropagation for PyTorch: implicit instead of explicit gradient steps.

Frerix, Möllenhoff, Moeller, Cremers: "Proximal Backpropagation", ICLR 2018, arXiv 1706.04638.

Attributes load lazily, so that importing the package, its configs or its run store does not
import torch (the dashboard's web server never does).
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_LAZY = {
    "ProxPropLinear": "layers",
    "ProxPropConv2d": "layers",
    "convert": "conversion",
    "revert": "conversion",
    "set_prox": "conversion",
    "param_groups": "conversion",
}

__all__ = [
    # layers
    "ProxPropLinear",
    "ProxPropConv2d",
    # conversion of whole models
    "convert",
    "revert",
    "set_prox",
    "param_groups",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'proxprop' has no attribute {name!r}")
    return getattr(importlib.import_module(f"proxprop.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
