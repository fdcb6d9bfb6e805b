"""The patch Gram of a stride-1 convolution without a single patch.

``S = R - rows - columns + corners``: ``R`` sums over every patch position in the plane, so it
depends on the lag between two taps only; ``rows``, ``columns`` and ``corners`` are the patches that
touch the image but are no position of the convolution, which are few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from proxprop.core.gram.spectra import (
    Precision,
    autocorrelation,
    correlation_flops,
    line_correlation,
)

ENDS = (False, True)


@dataclass(frozen=True)
class _Axis:
    """One axis of the convolution: image size, kernel taps, their spacing, zero padding."""

    size: int
    kernel: int
    dilation: int
    leading: int
    trailing: int

    @property
    def reach(self) -> int:
        return (self.kernel - 1) * self.dilation

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


def correlation_gram(
    x: Tensor,
    kernel_size: tuple[int, int],
    dilation: tuple[int, int],
    padding: tuple[int, int, int, int],
    precision: Precision,
    margin: int = 0,
) -> Tensor:
    """Compute ``Σ_n Σ_p patch(n, p) patch(n, p)ᵀ`` over the positions of a stride-1 convolution.

    Args:
        x: Images of shape (N, groups, C, H, W), zero outside.
        kernel_size: Taps, vertically and horizontally.
        dilation: Pixels between taps.
        padding: Zero padding as (left, right, top, bottom).
        precision: Types of the products and of their sum.
        margin: Last rows and columns to leave for the caller to fill.

    Returns:
        Gram of shape (groups, d + margin, d + margin) with ``d = C · k_h · k_w``, ordered as a
        flattened weight.
    """
    left, right, top, bottom = padding
    vertical = _Axis(x.shape[3], kernel_size[0], dilation[0], top, bottom)
    horizontal = _Axis(x.shape[4], kernel_size[1], dilation[1], left, right)
    lags = (kernel_size[0] - 1, kernel_size[1] - 1)
    lagged = autocorrelation(x, lags, dilation, precision).contiguous()
    border = _border(x.transpose(0, 1), vertical, horizontal, precision)
    # Rows and columns are subtracted while the other axis is still one dimension of lags.
    rows = torch.stack(_shifts(lagged, 3, kernel_size[0]), dim=2)  # (g, c, i, c', i', lag)
    _subtract_lines(rows, border.rows, vertical)
    groups, channels = x.shape[1:3]
    size = channels * kernel_size[0] * kernel_size[1]
    gram = lagged.new_empty(groups, size + margin, size + margin)
    taps = gram[:, :size, :size].view(groups, *2 * (channels, *kernel_size))
    for j, shifted in enumerate(_shifts(rows, 5, kernel_size[1])):
        taps[:, :, :, j] = shifted
    if border.columns is not None:
        columns = lagged.new_zeros(
            groups, channels, kernel_size[1], channels, kernel_size[1], lagged.shape[3]
        )
        _subtract_lines(columns, border.columns, horizontal)
        columns = columns.mT.contiguous()  # (g, c, j, c', lag, j')
        for i, shifted in enumerate(_shifts(columns, 4, kernel_size[0])):
            taps[:, :, i] += shifted
        if border.rows is not None:
            _add_corners(taps, border.lines, vertical, horizontal, precision)
    return gram


def correlation_gram_flops(
    samples: int,
    channels: int,
    size: tuple[int, int],
    kernel_size: tuple[int, int],
    dilation: tuple[int, int],
    padding: tuple[int, int, int, int],
) -> int:
    """Multiply-adds of :func:`correlation_gram` for one group."""
    left, right, top, bottom = padding
    vertical = _Axis(size[0], kernel_size[0], dilation[0], top, bottom)
    horizontal = _Axis(size[1], kernel_size[1], dilation[1], left, right)
    lags = (kernel_size[0] - 1, kernel_size[1] - 1)
    total = correlation_flops(samples, channels, size, lags, dilation)
    for _ in ENDS:
        for across, along in ((vertical, horizontal), (horizontal, vertical)):
            lines = channels * across.depth
            total += correlation_flops(
                samples, lines, (1, along.size), (0, along.kernel - 1), (1, along.dilation)
            )
    total += 4 * samples * (channels * vertical.depth * horizontal.depth) ** 2
    return total


def _shifts(lagged: Tensor, dim: int, kernel: int) -> list[Tensor]:
    """Cut out, for each tap i, the lags ``j - i`` of all taps j: views along ``dim``."""
    return [lagged.narrow(dim, kernel - 1 - tap, kernel) for tap in range(kernel)]


class _Border(NamedTuple):
    """The lines at the image's borders that patches without a position read.

    Attributes:
        lines: Rows at the top and at the bottom, (2, g, N, C, depth, W).
        rows: Their autocorrelations (2, g, C, depth, C, depth, lag), None if there are none.
        columns: Those of the columns at the left and at the right.
    """

    lines: Tensor
    rows: Tensor | None
    columns: Tensor | None


def _border(x: Tensor, vertical: _Axis, horizontal: _Axis, precision: Precision) -> _Border:
    """Copy and correlate the lines at the borders of images (g, N, C, H, W)."""
    rows, columns = vertical.edges(x, 3), horizontal.edges(x.mT, 3)
    if vertical == horizontal:  # many operations on little data: all four at once
        lines = torch.stack(rows + columns)
        both = _line_correlations(lines, vertical, precision)
        if both is None:
            return _Border(lines, None, None)
        return _Border(lines[:2], both[:2], both[2:])
    lines = torch.stack(rows)
    return _Border(
        lines,
        _line_correlations(lines, horizontal, precision),
        _line_correlations(torch.stack(columns), vertical, precision),
    )


def _line_correlations(lines: Tensor, along: _Axis, precision: Precision) -> Tensor | None:
    ends, groups, samples, channels, depth, size = lines.shape
    if depth == 0:
        return None
    flat = lines.reshape(ends * groups, samples, channels * depth, size)
    found = line_correlation(flat, along.kernel - 1, along.dilation, precision)
    return found.reshape(ends, groups, channels, depth, channels, depth, -1)


def _subtract_lines(taps: Tensor, correlations: Tensor | None, across: _Axis) -> None:
    """Take away the patches in rows that are no output row, over all columns of the plane.

    Args:
        taps: (g, c, i, c', j, lag along the rows), changed in place.
        correlations: Of the rows at both ends, (2, g, C, depth, C, depth, lag).
        across: The axis that the patches stick out of.
    """
    if correlations is None:
        return
    for trailing, lagged in zip(ENDS, correlations, strict=True):
        for tap, pixel in across.overhang(trailing):
            taps[:, :, tap, :, tap] -= lagged[:, :, pixel, :, pixel]


def _add_corners(
    taps: Tensor, lines: Tensor, vertical: _Axis, horizontal: _Axis, precision: Precision
) -> None:
    """Put back the patches that are in no output row and in no output column: subtracted twice.

    Args:
        taps: (g, c, i, j, c', i', j'), changed in place.
        lines: Rows at the top and at the bottom, (2, g, N, C, depth, W).
        vertical: The axis that rows stick out of.
        horizontal: The axis that columns stick out of.
        precision: Types of the arithmetic.
    """
    groups, samples, channels = lines.shape[1:4]
    pixels = torch.stack(horizontal.edges(lines, 5), dim=1).to(precision.result)
    flat = pixels.view(4 * groups, samples, -1)
    shape = (2, 2, groups, *2 * (channels, vertical.depth, horizontal.depth))
    products = (flat.mT @ flat).view(shape)
    # From pixels to taps one axis after the other, which takes fewer steps.
    strips = products.new_zeros(2, groups, *2 * (channels, vertical.depth, horizontal.kernel))
    for right, corner in zip(ENDS, products.unbind(1), strict=True):
        for j, column in horizontal.overhang(right):
            strips[:, :, :, :, j, :, :, j] += corner[:, :, :, :, column, :, :, column]
    for bottom, strip in zip(ENDS, strips, strict=True):
        for i, row in vertical.overhang(bottom):
            taps[:, :, i, :, :, i] += strip[:, :, row, :, :, row]
