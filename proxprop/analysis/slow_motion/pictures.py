"""Small pictures of large tensors: at most 64 × 64 cells of 8 bits, extremes kept."""

from __future__ import annotations

import base64
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_CELLS = 64  # along each side
MAX_MAPS = 16
MAX_MAP_CELLS = 32
_LEVELS = 127


def picture(values: Tensor, scale: float | None = None) -> dict[str, Any]:
    """Return a tensor as a picture: a matrix, or feature maps where there are positions.

    Args:
        values: (rows, columns), or (N, C, H, W) for the first sample's feature maps.
        scale: Value shown in full colour; default the largest modulus drawn.
    """
    if values.dim() == 4:
        return _maps(values, scale)
    flat = values.reshape(-1, values.shape[-1])
    return {"kind": "matrix", "shape": list(flat.shape), **_encoded(_reduced(flat), scale)}


def largest(*tensors: Tensor) -> float:
    """Return the largest modulus in any of the pictures of `tensors`, for a common scale."""
    return max((float(_drawn(tensor).abs().max()) for tensor in tensors), default=0.0)


def _maps(values: Tensor, scale: float | None) -> dict[str, Any]:
    return {
        "kind": "maps",
        "shape": list(values.shape),
        "count": min(values.shape[1], MAX_MAPS),
        **_encoded(_drawn(values), scale),
    }


def _drawn(values: Tensor) -> Tensor:
    """Return the part of a tensor that is drawn, not yet reduced to cells where maps fit."""
    if values.dim() == 4:
        return _shrunk(values[0, :MAX_MAPS], MAX_MAP_CELLS)
    return _reduced(values.reshape(-1, values.shape[-1]))


def _reduced(matrix: Tensor) -> Tensor:
    return _shrunk(matrix[None], MAX_CELLS)[0]


def _shrunk(stack: Tensor, side: int) -> Tensor:
    """Return each block's value of largest modulus, its sign kept: a mean would hide peaks."""
    size = [min(side, length) for length in stack.shape[-2:]]
    if size == list(stack.shape[-2:]):
        return stack
    high = F.adaptive_max_pool2d(stack[None], size)[0]
    low = -F.adaptive_max_pool2d(-stack[None], size)[0]
    return torch.where(-low > high, low, high)


def _encoded(cells: Tensor, scale: float | None) -> dict[str, Any]:
    scale = float(cells.abs().max()) if scale is None else scale
    level = cells / scale * _LEVELS if scale > 0 else torch.zeros_like(cells)
    small = level.round().clamp(-_LEVELS, _LEVELS).to(torch.int8).contiguous()
    return {
        "rows": cells.shape[-2],
        "cols": cells.shape[-1],
        "scale": scale,
        "data": base64.b64encode(small.numpy().tobytes()).decode(),
    }
