"""An accelerator made believe: what would make a host wait for it, and the path it takes."""

from __future__ import annotations

import importlib
from collections import Counter
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from proxprop.core.solvers.precision import host_can_read
from proxprop.diagnostics import TroubleMonitor

# Operations whose result depends on a value: where it lies on a device, the host has to wait.
READS = (
    *("_local_scalar_dense", "item", "is_nonzero", "equal"),  # a number is read
    *("nonzero", "masked_select", "bincount", "_unique2", "unique_consecutive"),  # a shape is
)


# Methods that fetch a whole tensor; of one that lies on the host no operation tells of them.
FETCHES = {torch.Tensor.tolist: "tolist", torch.Tensor.cpu: "cpu"}


class _Fetches(TorchFunctionMode):
    def __init__(self, reads: Counter[str]) -> None:
        super().__init__()
        self._reads = reads

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in FETCHES:
            self._reads[FETCHES[func]] += 1
        return func(*args, **(kwargs or {}))


class HostReads(TorchDispatchMode):
    """Counts, by operation, what waits for a device; `copies` are of data that the host holds."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()
        self.copies = 0
        self._fetches = _Fetches(self.reads)

    def __enter__(self) -> HostReads:
        self._fetches.__enter__()
        return super().__enter__()

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        self._fetches.__exit__(*exception)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in READS or (name == "index" and any(map(_is_mask, args[1]))):
            self.reads[name] += 1
        self.copies += name == "lift_fresh"  # torch.tensor([...]), new_tensor(...)
        return func(*args, **(kwargs or {}))


def _is_mask(index: torch.Tensor | None) -> bool:
    return index is not None and index.dtype in (torch.bool, torch.uint8)


def pretend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the library take the path of an accelerator, on the CPU."""
    zeros = torch.zeros
    names = ("linear", "rows", "exact", "running", "solvers.cg", "solvers.cholesky")
    for name in names:
        module = importlib.import_module(f"proxprop.core.{name}")
        assert module.host_can_read is host_can_read
        monkeypatch.setattr(module, "host_can_read", lambda tensor: False)
    monkeypatch.setattr(TroubleMonitor, "_is_remote", staticmethod(lambda status: True))
    monkeypatch.setattr(torch, "zeros", lambda *a, pin_memory=False, **k: zeros(*a, **k))
