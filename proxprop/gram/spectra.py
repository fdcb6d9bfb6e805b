"""Autocorrelations of a batch of images at the few lags a kernel can see, by discrete Fourier sums.

At image sizes up to a few hundred pixels a Fourier transform written as a matrix product is faster
than an FFT call, because its result can be laid out so that the channel products that follow need
no further copy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

# Elements of a block's spectrum: 2 MB in float32, a CPU core's second-level cache.
_BLOCK_ELEMENTS = 1 << 19


class Precision(NamedTuple):
    """Types of a Gram's arithmetic.

    Attributes:
        product: Of the transforms and products over the batch.
        result: Of everything after them, and of the Gram.
    """

    product: torch.dtype
    result: torch.dtype


def autocorrelation(
    x: Tensor, lags: tuple[int, int], step: tuple[int, int], precision: Precision
) -> Tensor:
    """Correlate every pair of channels of zero-extended images, summed over the batch.

    ``r[g, c, c', a, b] = Σ_n Σ_{q ∈ ℤ²} x[n, g, c, q] · x[n, g, c', q + (a', b')]`` with the lags
    ``a' = (a - lags_h) · step_h`` and ``b' = (b - lags_w) · step_w``.

    Args:
        x: images of shape (N, groups, C, H, W).
        lags: largest lag in steps, vertically and horizontally.
        step: pixels per step (the dilation of a convolution).
        precision: types of the products and of their sum.

    Returns:
        Correlations of shape (groups, C, C, 2·lags_h + 1, 2·lags_w + 1).
    """
    height, width = x.shape[-2:]
    # Circular correlation equals the linear one if the period leaves room for the largest lag.
    period = (height + lags[0] * step[0], width + lags[1] * step[1])
    frequencies = period[0] * (period[1] // 2 + 1)
    channels = x.shape[2]
    # The plane's spectra hold C² numbers per frequency: for large images with many channels that
    # would be more memory than the images themselves.
    if 2 * frequencies * channels <= max(x.shape[0] * height * width // 4, 4096):
        return _by_plane(x, lags, step, period, precision)
    return _by_rows(x, lags, step, period[1], precision)


def correlation_flops(
    samples: int, channels: int, size: tuple[int, int], lags: tuple[int, int], step: tuple[int, int]
) -> int:
    """Multiply-adds of :func:`autocorrelation` for one group, by its cheaper-in-memory rule."""
    height, width = size
    tall, half = height + lags[0] * step[0], (width + lags[1] * step[1]) // 2 + 1
    across = 2 * samples * channels * height * width * half
    if 2 * tall * half * channels <= max(samples * height * width // 4, 4096):
        down = 4 * samples * channels * height * tall * half
        return across + down + 3 * samples * channels**2 * tall * half
    return across + 4 * samples * channels**2 * (lags[0] + 1) * (height + lags[0] * step[0]) * half


def _by_plane(
    x: Tensor,
    lags: tuple[int, int],
    step: tuple[int, int],
    period: tuple[int, int],
    precision: Precision,
) -> Tensor:
    """Transform along both axes; one channel product per frequency and block of samples."""
    groups, channels = x.shape[1:3]
    half = period[1] // 2 + 1
    per_sample = 2 * groups * channels * period[0] * half
    real = imag = None
    for block in _blocks(x, max(_BLOCK_ELEMENTS // per_sample, min(channels, 64))):
        parts = _plane_products(block.to(precision.product), period)
        part_real, part_imag = (part.to(precision.result) for part in parts)
        real = part_real if real is None else real + part_real
        imag = part_imag if imag is None else imag + part_imag
    assert real is not None
    assert imag is not None
    # conj(X_c) X_c' is Hermitian in (c, c'); `imag` so far holds Re_c · Im_c' only.
    imag = imag - imag.mT
    shape = (half, period[0], groups, channels, channels)
    spectrum = torch.stack([real.reshape(shape), imag.reshape(shape)], dim=1)
    return _lags_from_plane(spectrum, lags, step, period)


def _plane_products(x: Tensor, period: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return ``Σ_n Re_c Re_c' + Im_c Im_c'`` and ``Σ_n Re_c Im_c'``, one matrix per frequency."""
    samples, groups, channels, height, width = x.shape
    half = period[1] // 2 + 1
    cos, sin = _waves(half, width, period[1], x)
    across = torch.cat([cos, -sin]) @ x.reshape(-1, width).mT
    real, imag = across.view(2, half, samples * groups * channels, height)
    if height == 1 and period[0] == 1:
        plane = torch.stack([real, imag], 1)
    else:
        # Rows ordered (frequency, part), so that a frequency's parts and samples lie together.
        cos, sin = _waves(period[0], height, period[0], x)
        from_real = torch.stack([cos, -sin], 1).view(2 * period[0], height)
        from_imag = torch.stack([sin, cos], 1).view(2 * period[0], height)
        plane = torch.bmm(from_real.expand(half, -1, -1), real.mT)
        plane.baddbmm_(from_imag.expand(half, -1, -1), imag.mT)
    plane = plane.view(half * period[0], 2, samples, groups, channels)
    if groups > 1:
        plane = plane.permute(0, 3, 1, 2, 4).reshape(-1, 2, samples, channels)
    else:
        plane = plane.view(-1, 2, samples, channels)
    both = plane.reshape(-1, 2 * samples, channels)
    return both.mT @ both, plane[:, 0].mT @ plane[:, 1]


def _lags_from_plane(
    spectrum: Tensor, lags: tuple[int, int], step: tuple[int, int], period: tuple[int, int]
) -> Tensor:
    """Invert the transform at the wanted lags; ``spectrum`` is (half, 2, tall, groups, C, C)."""
    half = spectrum.shape[0]
    groups, channels = spectrum.shape[3:5]
    cos, sin = _lag_waves(lags[0], step[0], period[0], period[0], spectrum)
    # Real and imaginary parts of r̂ e^{iθ}, stacked.
    down = torch.cat([torch.cat([cos, -sin], 1), torch.cat([sin, cos], 1)]) / period[0]
    columns = down @ spectrum.reshape(half, 2 * period[0], -1)
    across = _real_inverse(lags[1], step[1], period[1], spectrum)
    out = across @ columns.reshape(2 * half, -1)
    out = out.view(2 * lags[1] + 1, 2 * lags[0] + 1, groups, channels, channels)
    return out.permute(2, 3, 4, 1, 0)


def _by_rows(
    x: Tensor, lags: tuple[int, int], step: tuple[int, int], period: int, precision: Precision
) -> Tensor:
    """Transform along the width only and take each vertical lag as an offset between rows."""
    groups, channels, height = x.shape[1:4]
    half = period // 2 + 1
    reach = lags[0] * step[0]
    per_sample = 2 * groups * channels * (height + reach) * half
    total = None
    for block in _blocks(x, max(_BLOCK_ELEMENTS // per_sample, 1)):
        part = _row_products(block.to(precision.product), lags[0], step[0], period)
        part = part.to(precision.result)
        total = part if total is None else total + part
    assert total is not None
    across = _real_inverse(lags[1], step[1], period, total)
    # (lags_h + 1, half, 2, groups, C, C) -> (lags_h + 1, 2·lags_w + 1, groups, C, C)
    out = across @ total.transpose(1, 2).reshape(lags[0] + 1, 2 * half, -1)
    out = out.view(lags[0] + 1, -1, groups, channels, channels)
    # r_{cc'}(-l) = r_{c'c}(l) gives the lags upwards.
    upwards = out[1:].mT.flip(0, 1)
    return torch.cat([upwards, out]).permute(2, 3, 4, 0, 1)


def _row_products(x: Tensor, lags: int, step: int, period: int) -> Tensor:
    """Return cross-spectra of rows ``lag · step`` apart: (lags + 1, 2, half, groups, C, C)."""
    samples, groups, channels, height, width = x.shape
    half = period // 2 + 1
    reach = lags * step
    # Zero rows between images make a vertical lag one offset into the flattened rows.
    rows = torch.nn.functional.pad(x.permute(1, 2, 0, 3, 4), (0, 0, 0, reach))
    cos, sin = _waves(half, width, period, x)
    spectra = torch.cat([cos, -sin]) @ rows.reshape(-1, width).mT
    spectra = spectra.view(2, half * groups, channels, samples * (height + reach))
    products = []
    for lag in range(lags + 1):
        real, imag = spectra[..., : spectra.shape[-1] - lag * step]
        real_below, imag_below = spectra[..., lag * step :].mT
        products.append(torch.baddbmm(real @ real_below, imag, imag_below))
        products.append(torch.baddbmm(real @ imag_below, imag, real_below, alpha=-1))
    return torch.stack(products).view(lags + 1, 2, half, groups, channels, channels)


def _blocks(x: Tensor, samples: int) -> Iterator[Tensor]:
    """Split the batch into near-equal blocks of at most about ``samples``."""
    count = max(1, math.ceil(x.shape[0] / samples))
    yield from x.chunk(count)


def _angles(rows: Tensor, columns: Tensor, period: int) -> Tensor:
    # Reduced modulo the period in integers: exact angles for any image size.
    return (torch.outer(rows, columns) % period).to(torch.float64) * (2 * math.pi / period)


def _waves(frequencies: int, length: int, period: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return cos and sin of ``2π f q / period`` as (frequencies, length)."""
    angles = _angles(
        torch.arange(frequencies, device=like.device),
        torch.arange(length, device=like.device),
        period,
    )
    return angles.cos().to(like.dtype), angles.sin().to(like.dtype)


def _lag_waves(
    lags: int, step: int, period: int, frequencies: int, like: Tensor
) -> tuple[Tensor, Tensor]:
    """Return cos and sin of ``2π f l / period``, as (2·lags + 1, frequencies)."""
    signed = torch.arange(-lags, lags + 1, device=like.device) * step
    angles = _angles(signed, torch.arange(frequencies, device=like.device), period)
    return angles.cos().to(like.dtype), angles.sin().to(like.dtype)


def _real_inverse(lags: int, step: int, period: int, like: Tensor) -> Tensor:
    """Return the matrix from a real signal's half spectrum, (frequency, part), to its lags."""
    cos, sin = _lag_waves(lags, step, period, period // 2 + 1, like)
    frequency = torch.arange(period // 2 + 1, device=like.device)
    # Every frequency but 0 and the highest of an even period stands for two.
    alone = (frequency == 0) | (2 * frequency == period)
    weights = torch.where(alone, 1.0, 2.0).to(like.dtype) / period
    return torch.stack([cos * weights, -sin * weights], dim=2).view(2 * lags + 1, -1)
