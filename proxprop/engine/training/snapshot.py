"""Nested state as a flat dict of tensors and plain JSON, and back, bit for bit."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

_TENSOR = "$tensor"
_NUMBER = "$number"


def flatten(tree: Any, prefix: str, tensors: dict[str, Tensor], device: torch.device) -> Any:
    """Put a copy of every tensor in `tree` into `tensors`; return the JSON-able rest.

    Args:
        tree: Nested dicts with text keys, lists, tensors, numbers, text, booleans and None.
        prefix: Start of the tensors' names.
        tensors: Receives name → tensor on the CPU, contiguous and sharing no memory.
        device: Where the run computes; some optimizers keep counters elsewhere, on the CPU.
    """
    if isinstance(tree, Tensor):
        # clone after cpu(): on the CPU that call returns the tensor itself
        tensors[prefix] = tree.detach().cpu().clone(memory_format=torch.contiguous_format)
        entry: dict[str, Any] = {_TENSOR: prefix}
        if tree.device.type != device.type:
            entry["host"] = True
        if _by_columns(tree):
            entry["by_columns"] = True
        return entry
    if isinstance(tree, dict):
        return {
            key: flatten(value, f"{prefix}/{key}", tensors, device) for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [flatten(value, f"{prefix}/{i}", tensors, device) for i, value in enumerate(tree)]
    if isinstance(tree, float) and not math.isfinite(tree):
        return {_NUMBER: repr(tree)}  # JSON has no NaN or infinity
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    raise TypeError(f"{prefix} is a {type(tree).__name__}, which a snapshot cannot hold")


def unflatten(rest: Any, tensors: dict[str, Tensor], device: torch.device) -> Any:
    """Return the tree that `flatten` took apart, its tensors copied to `device`.

    Raises:
        ValueError: If a tensor is missing.
    """
    if isinstance(rest, dict):
        if _TENSOR in rest:
            name = rest[_TENSOR]
            if name not in tensors:
                raise ValueError(f"snapshot lacks the tensor {name!r}; it is damaged")
            tensor = tensors[name].to("cpu" if rest.get("host") else device, copy=True)
            return tensor.t().contiguous().t() if rest.get("by_columns") else tensor
        if _NUMBER in rest:
            return float(rest[_NUMBER])
        return {key: unflatten(value, tensors, device) for key, value in rest.items()}
    if isinstance(rest, list):
        return [unflatten(value, tensors, device) for value in rest]
    return rest


def _by_columns(tensor: Tensor) -> bool:
    """Return whether a matrix lies in memory column after column, as eigenvectors do.

    Products round differently for it, so a resumed run needs the same layout.
    """
    return tensor.ndim == 2 and not tensor.is_contiguous() and tensor.t().is_contiguous()
