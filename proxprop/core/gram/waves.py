"""The Fourier transforms of lines as matrices, and the way back from a spectrum to a few lags."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from proxprop.core.solvers.precision import is_traced

# Transform matrices kept: a network has a few convolutions of different sizes, each with about six.
_KEPT = 64


def _kept(build: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Keep the transform matrices built on the CPU: a step takes several, of a dozen operations.

    They depend on sizes only. Elsewhere a kept tensor could outlive its CUDA graph. What is
    defined with sizes and ``dtype=, device=`` is called with sizes and ``like=``.
    """

    @functools.lru_cache(maxsize=_KEPT)
    def remembered(*sizes: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        # A tensor of inference mode could not be used in training later.
        with torch.inference_mode(False), torch.no_grad():
            return build(*sizes, dtype=dtype, device=device)

    @functools.wraps(build)
    def matrix(*sizes: int, like: Tensor) -> Tensor:
        # Traced code and tensor subclasses (fake tensors) must not leave tensors of theirs here.
        keep = not is_traced(like) and type(like) is Tensor and like.device.type == "cpu"
        if keep:
            return remembered(*sizes, dtype=like.dtype, device=like.device)
        return build(*sizes, dtype=like.dtype, device=like.device)

    return matrix


@_kept
def half_waves(
    frequencies: int, length: int, period: int, *, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return the matrix from a real line to its half spectrum, rows ordered (frequency, part)."""
    cos, sin = _waves(torch.arange(frequencies, device=device), length, period)
    return torch.stack([cos, -sin], dim=1).view(2 * frequencies, length).to(dtype)


@_kept
def down_waves(period: int, length: int, *, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the matrices that a complex line's real and its imaginary part are transformed by."""
    cos, sin = _waves(torch.arange(period, device=device), length, period)
    from_real, from_imag = torch.stack([cos, -sin], dim=1), torch.stack([sin, cos], dim=1)
    return torch.stack([from_real, from_imag]).view(2, 2 * period, length).to(dtype)


@_kept
def lag_inverse(
    lags: int, step: int, period: int, *, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return the matrix from a spectrum, ordered (part, frequency), to (part, lag)."""
    cos, sin = _waves(torch.arange(-lags, lags + 1, device=device) * step, period, period)
    return (torch.cat([torch.cat([cos, -sin], 1), torch.cat([sin, cos], 1)]) / period).to(dtype)


@_kept
def real_lag_inverse(
    lags: int, step: int, period: int, *, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return the matrix from a real line's half spectrum, (frequency, part), to its lags."""
    half = period // 2 + 1
    cos, sin = _waves(torch.arange(-lags, lags + 1, device=device) * step, half, period)
    frequency = torch.arange(half, device=device)
    # Every frequency but 0 and the highest of an even period stands for two.
    alone = (frequency == 0) | (2 * frequency == period)
    weights = torch.where(alone, 1.0, 2.0).to(cos.dtype) / period
    return torch.stack([cos * weights, -sin * weights], dim=2).view(2 * lags + 1, -1).to(dtype)


def _waves(rows: Tensor, columns: int, period: int) -> tuple[Tensor, Tensor]:
    """Return cos and sin of ``2π r c / period`` as (rows, columns)."""
    products = torch.outer(rows, torch.arange(columns, device=rows.device))
    # Reduced modulo the period in integers: exact angles for any image size.
    angles = (products % period).to(torch.float64) * (2 * math.pi / period)
    return angles.cos(), angles.sin()
