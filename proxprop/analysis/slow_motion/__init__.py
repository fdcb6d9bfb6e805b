"""One training step in slow motion: Algorithms 1 and 2 side by side, as JSON for a player.

`trace` carries both algorithms out literally (`proxprop.penalty`, float64) from one state and
writes every stage down as a frame: equation, numbers, energies, small pictures of the variables and
words. A frame says all there is to show, so that a player may go to any frame in any order.
`TraceRequest` describes what to trace and loads without torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

from proxprop.analysis.slow_motion.request import TraceRequest

if TYPE_CHECKING:
    from proxprop.analysis.slow_motion.build import TraceError, trace

__all__ = ["TraceError", "TraceRequest", "trace"]

_LAZY = {"trace": "build", "TraceError": "build"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'proxprop.analysis.slow_motion' has no attribute {name!r}")
    return getattr(importlib.import_module(f"proxprop.analysis.slow_motion.{_LAZY[name]}"), name)
