"""The patch Gram of a stride-1 convolution without a single patch.

``S = R - rows - columns + corners``: ``R`` sums over every patch position in the plane, so it
depends on the lag between two taps only; ``rows``, ``columns`` and ``corners`` are the patches that
touch the image but are no position of the convolution, which are few.

``R`` and the lines' part of the rest are autocorrelations at the few lags a kernel can see. At
image sizes up to a few hundred pixels a Fourier transform written as a matrix product is faster
than an FFT call, because its result can be laid out so that the channel products that follow need
no further copy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from proxprop.core.gram.geometry import ConvGeometry
from proxprop.core.gram.waves import down_waves, half_waves, lag_inverse, real_lag_inverse

ENDS = (False, True)

# Elements of a block's spectrum: 2 MB in float32, a CPU core's second-level cache.
_BLOCK_ELEMENTS = 1 << 19

# Lags put in their places at a time, with a few arrays of their size beside the Gram; in at most so
# many goes, each of which is a dozen operations.
_ASSEMBLED_LAGS = 1 << 14
_ASSEMBLIES = 8


class Precision(NamedTuple):
    """Types of a Gram's arithmetic.

    Attributes:
        product: Of the transforms and products over the batch.
        result: Of everything after them, and of the Gram.
    """

    product: torch.dtype
    result: torch.dtype


@dataclass(frozen=True)
class _Axis:
    """One axis of the convolution: image size, kernel taps, their spacing, zero padding."""

    size: int
    kernel: int
    dilation: int
    leading: int = 0
    trailing: int = 0

    @property
    def lags(self) -> int:
        """The largest distance between two taps, in steps of the dilation."""
        return self.kernel - 1

    @property
    def reach(self) -> int:
        """The same in pixels."""
        return self.lags * self.dilation

    @property
    def period(self) -> int:
        """Of a circular correlation with room for the largest lag: it equals the linear one."""
        return self.size + self.reach

    @property
    def half(self) -> int:
        """Frequencies of a real line's spectrum."""
        return self.period // 2 + 1

    @property
    def depth(self) -> int:
        """How many pixels at each end are read by patches that are no position."""
        return max(0, min(self.size, self.reach - min(self.leading, self.trailing)))

    def edges(self, x: Tensor, dim: int) -> list[Tensor]:
        """Cut those pixels out, at the leading and at the trailing end."""
        last = x.shape[dim] - self.depth
        return [x.narrow(dim, start, self.depth) for start in (0, last)]

    def overhang(self, trailing: bool) -> list[tuple[slice, slice]]:
        """Return, for each offset of such patches, which taps read which pixels of the edge."""
        padding = self.trailing if trailing else self.leading
        pairs = []
        for offset in range(padding + 1, self.reach + 1):
            first = -(-offset // self.dilation)
            end = min(self.kernel, (self.size - 1 + offset) // self.dilation + 1)
            if end <= first:
                continue
            low, high = first * self.dilation - offset, (end - 1) * self.dilation - offset
            if trailing:  # the mirror image: taps and pixels counted from the far end
                first, end = self.kernel - end, self.kernel - first
                low, high = self.depth - 1 - high, self.depth - 1 - low
            pairs.append((slice(first, end), slice(low, high + 1, self.dilation)))
        return pairs


def _axes(geometry: ConvGeometry, height: int, width: int) -> tuple[_Axis, _Axis]:
    left, right, top, bottom = geometry.padding
    (k_h, k_w), (d_h, d_w) = geometry.kernel_size, geometry.dilation
    return _Axis(height, k_h, d_h, top, bottom), _Axis(width, k_w, d_w, left, right)


def correlation_gram(
    x: Tensor, geometry: ConvGeometry, precision: Precision, margin: int = 0
) -> Tensor:
    """Compute ``Σ_n Σ_p patch(n, p) patch(n, p)ᵀ`` over the positions of a stride-1 convolution.

    Args:
        x: Images of shape (N, groups, C, H, W), zero outside.
        geometry: Kernel, dilation and zero padding of the convolution.
        precision: Types of the products and of their sum.
        margin: Last rows and columns to leave for the caller to fill.

    Returns:
        Gram of shape (groups, d + margin, d + margin) with ``d = C · k_h · k_w``, ordered as a
        flattened weight.
    """
    vertical, horizontal = _axes(geometry, x.shape[3], x.shape[4])
    lagged = autocorrelation(x, vertical, horizontal, precision)
    images = x.transpose(0, 1)
    row_lags, column_lags = _border_correlations(images, vertical, horizontal, precision)
    groups, channels = x.shape[1:3]
    size = channels * vertical.kernel * horizontal.kernel
    gram = lagged.new_empty(groups, size + margin, size + margin)
    taps = gram[:, :size, :size].view(groups, *2 * (channels, vertical.kernel, horizontal.kernel))
    # The lags lie in the end of the Gram itself: a channel's are read before they are written over,
    # since it has as many taps or more.
    kept = gram.view(groups, -1)[:, -lagged[0].numel() :].view(lagged.shape)
    lagged = kept.copy_(lagged)
    for block in _channel_blocks(lagged):
        _fill_rows(taps[:, block], lagged[:, block], row_lags[:, :, block], vertical)
        _fill_columns(taps[:, block], column_lags[:, :, block], horizontal, lagged.shape[3])
    del row_lags, column_lags
    if vertical.depth and horizontal.depth:
        _add_corners(taps, images, vertical, horizontal, precision)
    return gram


def _channel_blocks(lagged: Tensor) -> Iterator[slice]:
    """Blocks of channels whose lags are few enough for arrays of their shape beside the Gram."""
    groups, channels = lagged.shape[:2]
    few = _ASSEMBLED_LAGS // (groups * lagged[0, 0].numel())
    count = max(few, -(-channels // _ASSEMBLIES))
    return (slice(start, start + count) for start in range(0, channels, count))


def _fill_rows(taps: Tensor, lagged: Tensor, row_lags: Tensor, vertical: _Axis) -> None:
    """Write the patches of all positions in the plane but those in rows that are no output row.

    Args:
        taps: (g, c, i, j, c', i', j'), written.
        lagged: Correlations of the images, (g, c, c', vertical lag, horizontal lag).
        row_lags: Correlations of the rows at both ends, (2, g, c, depth, c', depth, lag).
        vertical: The axis that the rows stick out of.
    """
    # Subtracted while the other axis is still one dimension of lags.
    rows = torch.stack(_shifts(lagged, 3, vertical.kernel), dim=2)  # (g, c, i, c', i', lag)
    _subtract_lines(rows, row_lags, vertical)
    for j, shifted in enumerate(_shifts(rows, 5, taps.shape[3])):
        taps[:, :, :, j] = shifted


def _fill_columns(taps: Tensor, column_lags: Tensor, horizontal: _Axis, lags: int) -> None:
    """Take away the patches in columns that are no output column.

    Args:
        taps: (g, c, i, j, c', i', j'), changed in place.
        column_lags: Correlations of the columns at both ends, (2, g, c, depth, c', depth, lag).
        horizontal: The axis that the columns stick out of.
        lags: How many vertical lags there are.
    """
    if not horizontal.depth:
        return
    groups, channels, kernel, _, others = taps.shape[:5]
    shape = groups, channels, horizontal.kernel, others, lags, horizontal.kernel
    columns = taps.new_zeros(shape)  # (g, c, j, c', lag, j')
    _subtract_lines(columns.mT, column_lags, horizontal)
    for i, shifted in enumerate(_shifts(columns, 4, kernel)):
        taps[:, :, i] += shifted


def correlation_gram_flops(shape: Sequence[int], geometry: ConvGeometry) -> int:
    """Multiply-adds of :func:`correlation_gram` for one group's images (N, C, H, W)."""
    samples, channels, height, width = shape
    vertical, horizontal = _axes(geometry, height, width)
    total = correlation_flops(samples, channels, vertical, horizontal)
    for across, along in ((vertical, horizontal), (horizontal, vertical)):
        line = correlation_flops(samples, channels * across.depth, _Axis(1, 1, 1), along)
        total += len(ENDS) * line
    return total + 4 * samples * (channels * vertical.depth * horizontal.depth) ** 2


def _shifts(lagged: Tensor, dim: int, kernel: int) -> list[Tensor]:
    """Cut out, for each tap i, the lags ``j - i`` of all taps j: views along ``dim``."""
    return [lagged.narrow(dim, kernel - 1 - tap, kernel) for tap in range(kernel)]


def _border_correlations(
    x: Tensor, vertical: _Axis, horizontal: _Axis, precision: Precision
) -> tuple[Tensor, Tensor]:
    """Correlate the lines that patches without a position read.

    Args:
        x: Images of shape (g, N, C, H, W).
        vertical: The axis that rows stick out of.
        horizontal: The axis that columns stick out of.
        precision: Types of the arithmetic.

    Returns:
        Autocorrelations of the rows at the top and at the bottom, (2, g, C, depth, C, depth, lag);
        those of the columns at the left and at the right.
    """
    rows, columns = vertical.edges(x, 3), horizontal.edges(x.mT, 3)
    if vertical == horizontal:  # many operations on little data: all four at once
        both = _line_correlations(torch.stack(rows + columns), vertical, precision)
        return both[:2], both[2:]
    return (
        _line_correlations(torch.stack(rows), horizontal, precision),
        _line_correlations(torch.stack(columns), vertical, precision),
    )


def _line_correlations(lines: Tensor, along: _Axis, precision: Precision) -> Tensor:
    ends, groups, samples, channels, depth, size = lines.shape
    if depth == 0:
        return lines.new_empty(ends, groups, channels, 0, channels, 0, 1)
    flat = lines.reshape(ends * groups, samples, channels * depth, size)
    lagged = line_correlation(flat, along, precision)
    return lagged.reshape(ends, groups, channels, depth, channels, depth, -1)


def _subtract_lines(taps: Tensor, correlations: Tensor, across: _Axis) -> None:
    """Take away the patches in rows that are no output row, over all columns of the plane.

    Args:
        taps: (g, c, i, c', j, lag along the rows), changed in place.
        correlations: Of the rows at both ends, (2, g, C, depth, C, depth, lag).
        across: The axis that the patches stick out of.
    """
    for trailing, lagged in zip(ENDS, correlations, strict=True):
        for tap, pixel in across.overhang(trailing):
            taps[:, :, tap, :, tap] -= lagged[:, :, pixel, :, pixel]


def _add_corners(
    taps: Tensor, x: Tensor, vertical: _Axis, horizontal: _Axis, precision: Precision
) -> None:
    """Put back the patches that are in no output row and in no output column: subtracted twice.

    Args:
        taps: (g, c, i, j, c', i', j'), changed in place.
        x: Images of shape (g, N, C, H, W).
        vertical: The axis that rows stick out of.
        horizontal: The axis that columns stick out of.
        precision: Types of the arithmetic.
    """
    groups, samples, channels = x.shape[:3]
    ends = [end for rows in vertical.edges(x, 3) for end in horizontal.edges(rows, 4)]
    pixels = torch.stack(ends).to(precision.result)
    flat = pixels.view(4 * groups, samples, -1)
    shape = (2, 2, groups, *2 * (channels, vertical.depth, horizontal.depth))
    products = (flat.mT @ flat).view(shape)
    # From pixels to taps one axis after the other, which takes fewer steps.
    for bottom, corners in zip(ENDS, products, strict=True):
        strip = corners.new_zeros(groups, *2 * (channels, vertical.depth, horizontal.kernel))
        for right, corner in zip(ENDS, corners, strict=True):
            for j, column in horizontal.overhang(right):
                strip[:, :, :, j, :, :, j] += corner[:, :, :, column, :, :, column]
        for i, row in vertical.overhang(bottom):
            taps[:, :, i, :, :, i] += strip[:, :, row, :, :, row]


def autocorrelation(x: Tensor, vertical: _Axis, horizontal: _Axis, precision: Precision) -> Tensor:
    """Correlate every pair of channels of zero-extended images, summed over the batch.

    ``r[g, c, c', a, b] = Σ_n Σ_{q ∈ ℤ²} x[n, g, c, q] · x[n, g, c', q + (a', b')]`` with the lags
    ``a' = (a - lags_h) · dilation_h`` and ``b' = (b - lags_w) · dilation_w``.

    Args:
        x: Images of shape (N, groups, C, H, W).
        vertical: Height, lags and dilation.
        horizontal: Width, lags and dilation.
        precision: Types of the products and of their sum.

    Returns:
        Correlations of shape (groups, C, C, 2·lags_h + 1, 2·lags_w + 1).
    """
    fits = _plane_fits(x.shape[0], x.shape[2], vertical, horizontal)
    return (_by_plane if fits else _by_rows)(x, vertical, horizontal, precision)


def _plane_fits(samples: int, channels: int, vertical: _Axis, horizontal: _Axis) -> bool:
    """Whether the plane's spectra are no more memory than the images themselves.

    They hold C² numbers per frequency: not so for large images with many channels.
    """
    spectra = 2 * vertical.period * horizontal.half * channels
    return spectra <= max(samples * vertical.size * horizontal.size // 4, 4096)


def correlation_flops(samples: int, channels: int, vertical: _Axis, horizontal: _Axis) -> int:
    """Multiply-adds of :func:`autocorrelation` for one group."""
    tall, half = vertical.period, horizontal.half
    across = 2 * samples * channels * vertical.size * horizontal.size * half
    if _plane_fits(samples, channels, vertical, horizontal):
        down = 4 * samples * channels * vertical.size * tall * half
        return across + down + 3 * samples * channels**2 * tall * half
    return across + 4 * samples * channels**2 * vertical.kernel * tall * half


def line_correlation(lines: Tensor, along: _Axis, precision: Precision) -> Tensor:
    """Correlate every pair of channels of zero-extended lines, summed over the batch.

    ``r[e, c, c', b] = Σ_n Σ_q lines[e, n, c, q] · lines[e, n, c', q + (b - lags) · dilation]``.

    Args:
        lines: Of shape (E, N, C, W), each e a batch of its own.
        along: Width, lags and dilation.
        precision: Types of the products and of their sum.

    Returns:
        Correlations of shape (E, C, C, 2·lags + 1).
    """
    batches, _, channels, _ = lines.shape
    if batches > 1 and 2 * batches * along.half * channels**2 > _BLOCK_ELEMENTS:
        return torch.cat([line_correlation(each[None], along, precision) for each in lines])
    spectrum = _line_spectrum(lines, along, precision)
    across = real_lag_inverse(along.lags, along.dilation, along.period, like=spectrum)
    lagged = (across @ spectrum).view(batches, -1, channels, channels)
    return lagged.permute(0, 2, 3, 1)


def _line_spectrum(lines: Tensor, along: _Axis, precision: Precision) -> Tensor:
    """Return cross-spectra of every pair of channels, (E, (frequency, part), C²)."""
    batches, samples, channels, width = lines.shape
    half = along.half
    count = max(1, math.ceil(2 * batches * samples * channels * half / _BLOCK_ELEMENTS))
    total = None
    for block in lines.chunk(count, dim=1):
        flat = block.to(precision.product).reshape(batches, -1, width)
        spectra = half_waves(half, width, along.period, like=flat) @ flat.mT
        spectra = spectra.view(batches * half, 2, -1, channels)
        total = _added(total, _channel_products(spectra), precision)
    parts = [part.view(batches, half, -1) for part in _hermitian(total)]
    return torch.stack(parts, dim=2).view(batches, 2 * half, channels**2)


def _by_plane(x: Tensor, vertical: _Axis, horizontal: _Axis, precision: Precision) -> Tensor:
    """Transform along both axes; one channel product per frequency and block of samples."""
    groups, channels = x.shape[1:3]
    half, tall = horizontal.half, vertical.period
    per_sample = 2 * groups * channels * tall * half
    total = None
    for block in _blocks(x, max(_BLOCK_ELEMENTS // per_sample, min(channels, 64))):
        plane = _plane_spectra(block.to(precision.product), vertical, horizontal)
        total = _added(total, _channel_products(plane), precision)
    parts = [part.view(half, tall, groups, channels, channels) for part in _hermitian(total)]
    spectrum = torch.stack(parts, dim=1)
    down = lag_inverse(vertical.lags, vertical.dilation, tall, like=spectrum)
    columns = down @ spectrum.reshape(half, 2 * tall, -1)
    across = real_lag_inverse(
        horizontal.lags, horizontal.dilation, horizontal.period, like=spectrum
    )
    lagged = across @ columns.reshape(2 * half, -1)
    lagged = lagged.view(2 * horizontal.lags + 1, -1, groups, channels, channels)
    return lagged.permute(2, 3, 4, 1, 0)


def _plane_spectra(x: Tensor, vertical: _Axis, horizontal: _Axis) -> Tensor:
    """Return half spectra as (half · tall · groups, 2, samples, channels)."""
    samples, groups, channels, height, width = x.shape
    half, tall = horizontal.half, vertical.period
    across = half_waves(half, width, horizontal.period, like=x) @ x.reshape(-1, width).mT
    across = across.view(half, 2, samples * groups * channels, height)
    # Rows ordered (frequency, part), so that a frequency's parts and samples lie together.
    from_real, from_imag = down_waves(tall, height, like=x)
    plane = torch.bmm(from_real.expand(half, -1, -1), across[:, 0].mT)
    plane.baddbmm_(from_imag.expand(half, -1, -1), across[:, 1].mT)
    plane = plane.view(half * tall, 2, samples, groups, channels)
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


def _by_rows(x: Tensor, vertical: _Axis, horizontal: _Axis, precision: Precision) -> Tensor:
    """Transform along the width only and take each vertical lag as an offset between rows."""
    groups, channels = x.shape[1:3]
    half, lags = horizontal.half, vertical.lags
    per_sample = 2 * groups * channels * vertical.period * half
    total = None
    for block in _blocks(x, max(_BLOCK_ELEMENTS // per_sample, 1)):
        part = _row_products(block.to(precision.product), vertical, horizontal)
        part = part.to(precision.result)
        total = part if total is None else total + part
    assert total is not None
    across = real_lag_inverse(horizontal.lags, horizontal.dilation, horizontal.period, like=total)
    # (lags_h + 1, half, 2, groups, C, C) -> (lags_h + 1, 2·lags_w + 1, groups, C, C)
    lagged = across @ total.transpose(1, 2).reshape(lags + 1, 2 * half, -1)
    lagged = lagged.view(lags + 1, -1, groups, channels, channels)
    # r_{cc'}(-l) = r_{c'c}(l) gives the lags upwards.
    upwards = lagged[1:].mT.flip(0, 1)
    return torch.cat([upwards, lagged]).permute(2, 3, 4, 0, 1)


def _row_products(x: Tensor, vertical: _Axis, horizontal: _Axis) -> Tensor:
    """Return cross-spectra of rows ``lag · dilation`` apart: (lags + 1, 2, half, groups, C, C)."""
    samples, groups, channels, _, width = x.shape
    half = horizontal.half
    # Zero rows between images make a vertical lag one offset into the flattened rows.
    rows = F.pad(x.permute(1, 2, 0, 3, 4), (0, 0, 0, vertical.reach))
    spectra = half_waves(half, width, horizontal.period, like=x) @ rows.reshape(-1, width).mT
    spectra = spectra.view(half, 2, groups, channels, -1).transpose(0, 1)
    spectra = spectra.reshape(2, half * groups, channels, samples * vertical.period)
    products = []
    for offset in range(0, vertical.reach + 1, vertical.dilation):
        real, imag = spectra[..., : spectra.shape[-1] - offset]
        real_below, imag_below = spectra[..., offset:].mT
        products.append(torch.baddbmm(real @ real_below, imag, imag_below))
        products.append(torch.baddbmm(real @ imag_below, imag, real_below, alpha=-1))
    return torch.stack(products).view(-1, 2, half, groups, channels, channels)


def _blocks(x: Tensor, samples: int) -> Iterator[Tensor]:
    """Split the batch into near-equal blocks of at most about ``samples``."""
    count = max(1, math.ceil(x.shape[0] / samples))
    yield from x.chunk(count)
