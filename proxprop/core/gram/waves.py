"""Discrete Fourier transforms as matrices of cosines and sines.

They depend on sizes only. Building one takes a dozen small operations and a training step needs
several, so on the CPU they are kept between steps.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from proxprop.core.solvers.precision import is_traced

# A network has a few convolutions of different sizes, each with about six matrices.
_KEPT = 64


# Called with sizes and ``dtype=, device=``; and with sizes and ``like=``.
_Builder = Callable[..., Tensor]
_Matrix = Callable[..., Tensor]


def _kept(build: _Builder) -> _Matrix:
    """Keep what was built on the CPU; elsewhere a kept tensor could outlive its CUDA graph."""

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
    cos, sin = _waves(frequencies, length, period, device)
    return torch.stack([cos, -sin], dim=1).view(2 * frequencies, length).to(dtype)


@_kept
def down_waves(period: int, length: int, *, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the matrices that a complex line's real and its imaginary part are transformed by."""
    cos, sin = _waves(period, length, period, device)
    from_real, from_imag = torch.stack([cos, -sin], dim=1), torch.stack([sin, cos], dim=1)
    return torch.stack([from_real, from_imag]).view(2, 2 * period, length).to(dtype)


@_kept
def lag_inverse(
    lags: int, step: int, period: int, *, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return the matrix from a spectrum, ordered (part, frequency), to (part, lag)."""
    cos, sin = _lag_waves(lags, step, period, period, device)
    return (torch.cat([torch.cat([cos, -sin], 1), torch.cat([sin, cos], 1)]) / period).to(dtype)


@_kept
def real_lag_inverse(
    lags: int, step: int, period: int, *, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return the matrix from a real line's half spectrum, (frequency, part), to its lags."""
    cos, sin = _lag_waves(lags, step, period, period // 2 + 1, device)
    frequency = torch.arange(period // 2 + 1, device=device)
    # Every frequency but 0 and the highest of an even period stands for two.
    alone = (frequency == 0) | (2 * frequency == period)
    weights = torch.where(alone, 1.0, 2.0).to(cos.dtype) / period
    return torch.stack([cos * weights, -sin * weights], dim=2).view(2 * lags + 1, -1).to(dtype)


def _angles(rows: Tensor, columns: Tensor, period: int) -> Tensor:
    # Reduced modulo the period in integers: exact angles for any image size.
    return (torch.outer(rows, columns) % period).to(torch.float64) * (2 * math.pi / period)


def _waves(
    frequencies: int, length: int, period: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return cos and sin of ``2π f q / period`` as (frequencies, length)."""
    rows = torch.arange(frequencies, device=device)
    angles = _angles(rows, torch.arange(length, device=device), period)
    return angles.cos(), angles.sin()


def _lag_waves(
    lags: int, step: int, period: int, frequencies: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return cos and sin of ``2π f l / period``, as (2·lags + 1, frequencies)."""
    signed = torch.arange(-lags, lags + 1, device=device) * step
    angles = _angles(signed, torch.arange(frequencies, device=device), period)
    return angles.cos(), angles.sin()
