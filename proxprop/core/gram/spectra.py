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

from proxprop.core.gram.waves import down_waves, half_waves, lag_inverse, real_lag_inverse

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


def line_correlation(lines: Tensor, lags: int, step: int, precision: Precision) -> Tensor:
    """Correlate every pair of channels of zero-extended lines, summed over the batch.

    ``r[e, c, c', b] = Σ_n Σ_q lines[e, n, c, q] · lines[e, n, c', q + (b - lags) · step]``.

    Args:
        lines: Of shape (E, N, C, W), each e a batch of its own.
        lags: Largest lag in steps.
        step: Pixels per step.
        precision: Types of the products and of their sum.

    Returns:
        Correlations of shape (E, C, C, 2·lags + 1).
    """
    batches, samples, channels, width = lines.shape
    period = width + lags * step
    half = period // 2 + 1
    if batches > 1 and 2 * batches * half * channels**2 > _BLOCK_ELEMENTS:
        parts = [line_correlation(one[None], lags, step, precision) for one in lines]
        return torch.cat(parts)
    count = max(1, math.ceil(2 * batches * samples * channels * half / _BLOCK_ELEMENTS))
    total = None
    for block in lines.chunk(count, dim=1):
        flat = block.to(precision.product).reshape(batches, -1, width)
        spectra = half_waves(half, width, period, like=flat) @ flat.mT
        spectra = spectra.view(batches * half, 2, -1, channels)
        total = _added(total, _channel_products(spectra), precision)
    real, imag = _hermitian(total)
    spectrum = torch.stack([real.view(batches, half, -1), imag.view(batches, half, -1)], dim=2)
    spectrum = spectrum.view(batches, 2 * half, channels**2)
    across = real_lag_inverse(lags, step, period, like=spectrum)
    found = (across @ spectrum).view(batches, -1, channels, channels)
    return found.permute(0, 2, 3, 1)


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
    total = None
    for block in _blocks(x, max(_BLOCK_ELEMENTS // per_sample, min(channels, 64))):
        plane = _plane_spectra(block.to(precision.product), period)
        total = _added(total, _channel_products(plane), precision)
    shape = (half, period[0], groups, channels, channels)
    spectrum = torch.stack([part.view(shape) for part in _hermitian(total)], dim=1)
    return _lags_from_plane(spectrum, lags, step, period)


def _plane_spectra(x: Tensor, period: tuple[int, int]) -> Tensor:
    """Return half spectra as (half · tall · groups, 2, samples, channels)."""
    samples, groups, channels, height, width = x.shape
    half = period[1] // 2 + 1
    across = half_waves(half, width, period[1], like=x) @ x.reshape(-1, width).mT
    across = across.view(half, 2, samples * groups * channels, height)
    # Rows ordered (frequency, part), so that a frequency's parts and samples lie together.
    from_real, from_imag = down_waves(period[0], height, like=x)
    plane = torch.bmm(from_real.expand(half, -1, -1), across[:, 0].mT)
    plane.baddbmm_(from_imag.expand(half, -1, -1), across[:, 1].mT)
    plane = plane.view(half * period[0], 2, samples, groups, channels)
    if groups > 1:
        plane = plane.permute(0, 3, 1, 2, 4)
    return plane.reshape(-1, 2, samples, channels)


def _channel_products(spectra: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``Σ_n Re_c Re_c' + Im_c Im_c'`` and ``Σ_n Re_c Im_c'``, one matrix per frequency."""
    both = spectra.reshape(spectra.shape[0], -1, spectra.shape[3])
    return both.mT @ both, spectra[:, 0].mT @ spectra[:, 1]


def _added(
    total: tuple[Tensor, Tensor] | None, part: tuple[Tensor, Tensor], precision: Precision
) -> tuple[Tensor, Tensor]:
    if total is None:
        return part[0].to(precision.result), part[1].to(precision.result)
    return total[0].add_(part[0]), total[1].add_(part[1])


def _hermitian(total: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
    """Return real and imaginary part of ``Σ_n conj(X_c) X_c'``, which is Hermitian in (c, c')."""
    assert total is not None
    return total[0], total[1] - total[1].mT


def _lags_from_plane(
    spectrum: Tensor, lags: tuple[int, int], step: tuple[int, int], period: tuple[int, int]
) -> Tensor:
    """Invert the transform at the wanted lags; ``spectrum`` is (half, 2, tall, groups, C, C)."""
    half = spectrum.shape[0]
    groups, channels = spectrum.shape[3:5]
    down = lag_inverse(lags[0], step[0], period[0], like=spectrum)
    columns = down @ spectrum.reshape(half, 2 * period[0], -1)
    across = real_lag_inverse(lags[1], step[1], period[1], like=spectrum)
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
    across = real_lag_inverse(lags[1], step[1], period, like=total)
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
    spectra = half_waves(half, width, period, like=x) @ rows.reshape(-1, width).mT
    spectra = spectra.view(half, 2, groups, channels, -1).transpose(0, 1)
    spectra = spectra.reshape(2, half * groups, channels, samples * (height + reach))
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
