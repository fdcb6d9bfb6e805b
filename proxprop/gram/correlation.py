"""The patch Gram of a stride-1 convolution without a single patch.

``S = R - rows - columns + corners``: ``R`` sums over every patch position in the plane, so it
depends on the lag between two taps only; ``rows``, ``columns`` and ``corners`` are the patches that
touch the image but are no position of the convolution, which are few.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from proxprop.gram.spectra import Precision, autocorrelation, correlation_flops


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

    def depth(self, *, trailing: bool) -> int:
        """How many pixels from that edge are read by patches that are no position."""
        padding = self.trailing if trailing else self.leading
        return max(0, min(self.size, self.reach - padding))

    def overhang(self, *, trailing: bool) -> list[tuple[slice, slice]]:
        """Return, for each such patch offset, which taps read which pixels (counted from the edge).

        On the trailing side both taps and pixels are counted backwards.
        """
        padding = self.trailing if trailing else self.leading
        pairs = []
        for offset in range(padding + 1, self.reach + 1):
            first = -(-offset // self.dilation)
            end = min(self.kernel, (self.size - 1 + offset) // self.dilation + 1)
            if end > first:
                pixel = first * self.dilation - offset
                stop = (end - 1) * self.dilation - offset + 1
                pairs.append((slice(first, end), slice(pixel, stop, self.dilation)))
        return pairs


def correlation_gram(
    x: Tensor,
    kernel_size: tuple[int, int],
    dilation: tuple[int, int],
    padding: tuple[int, int, int, int],
    precision: Precision,
) -> Tensor:
    """Compute ``Σ_n Σ_p patch(n, p) patch(n, p)ᵀ`` over the positions of a stride-1 convolution.

    Args:
        x: images of shape (N, groups, C, H, W), zero outside.
        kernel_size: taps, vertically and horizontally.
        dilation: pixels between taps.
        padding: zero padding as (left, right, top, bottom).
        precision: types of the products and of their sum.

    Returns:
        Gram of shape (groups, d, d) with ``d = C · k_h · k_w``, ordered as a flattened weight.
    """
    left, right, top, bottom = padding
    vertical = _Axis(x.shape[3], kernel_size[0], dilation[0], top, bottom)
    horizontal = _Axis(x.shape[4], kernel_size[1], dilation[1], left, right)
    lags = (kernel_size[0] - 1, kernel_size[1] - 1)
    lagged = autocorrelation(x, lags, dilation, precision)
    gram = _tap_pairs(_tap_pairs(lagged, 3), 3)
    # (g, c, c', i_h, j_h, i_w, j_w) -> (g, c, i_h, i_w, c', j_h, j_w)
    gram = gram.permute(0, 1, 3, 5, 2, 4, 6)
    for rows in _rows(x, vertical, horizontal, precision):
        gram = gram - rows
    for columns in _rows(x.mT, horizontal, vertical, precision):
        gram = gram - columns.permute(0, 1, 3, 2, 4, 6, 5)
    for corner in _corners(x, vertical, horizontal, precision):
        gram = gram + corner
    taps = x.shape[2] * kernel_size[0] * kernel_size[1]
    return gram.reshape(x.shape[1], taps, taps)


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
    for end in (False, True):
        for across, along in ((vertical, horizontal), (horizontal, vertical)):
            lines = channels * across.depth(trailing=end)
            total += correlation_flops(
                samples, lines, (1, along.size), (0, along.kernel - 1), (1, along.dilation)
            )
        for other in (False, True):
            pixels = vertical.depth(trailing=end) * horizontal.depth(trailing=other)
            total += samples * (channels * pixels) ** 2
    return total


def _tap_pairs(lagged: Tensor, dim: int) -> Tensor:
    """Turn a dimension of signed lags ``j - i`` into two trailing dimensions ``(i, j)``."""
    kernel = (lagged.shape[dim] + 1) // 2
    position = dim % lagged.dim()
    return lagged.unfold(position, kernel, 1).flip(position).movedim(position, -2)


def _rows(x: Tensor, across: _Axis, along: _Axis, precision: Precision) -> list[Tensor]:
    """Sum the patches in rows that are no output row, over all columns of the plane.

    Each result (one per end that has such rows) is (g, c, i_h, i_w, c', j_h, j_w).
    """
    found = []
    for trailing in (False, True):
        depth = across.depth(trailing=trailing)
        if depth == 0:
            continue
        edge = x[..., -depth:, :].flip(-2) if trailing else x[..., :depth, :]
        samples, groups, channels, _, width = edge.shape
        lines = edge.reshape(samples, groups, channels * depth, 1, width)
        lagged = autocorrelation(lines, (0, along.kernel - 1), (1, along.dilation), precision)
        lagged = lagged.view(groups, channels, depth, channels, depth, -1)
        taps = lagged.new_zeros(
            groups, channels, across.kernel, channels, across.kernel, lagged.shape[-1]
        )
        for tap, pixel in across.overhang(trailing=trailing):
            taps[:, :, tap, :, tap] += lagged[:, :, pixel, :, pixel]
        if trailing:
            taps = taps.flip(2, 4)
        found.append(_tap_pairs(taps, -1).permute(0, 1, 2, 5, 3, 4, 6))
    return found


def _corners(x: Tensor, vertical: _Axis, horizontal: _Axis, precision: Precision) -> list[Tensor]:
    """Sum the patches that are in no output row and in no output column, for each corner."""
    found = []
    for bottom in (False, True):
        for right in (False, True):
            tall, wide = vertical.depth(trailing=bottom), horizontal.depth(trailing=right)
            if tall == 0 or wide == 0:
                continue
            pixels = x[..., -tall:, :].flip(-2) if bottom else x[..., :tall, :]
            pixels = pixels[..., -wide:].flip(-1) if right else pixels[..., :wide]
            taps = _corner_taps(
                pixels.to(precision.result),
                vertical.overhang(trailing=bottom),
                horizontal.overhang(trailing=right),
                (vertical.kernel, horizontal.kernel),
            )
            turned = [2, 5] * bottom + [3, 6] * right
            found.append(taps.flip(turned) if turned else taps)
    return found


def _corner_taps(
    pixels: Tensor,
    vertical: list[tuple[slice, slice]],
    horizontal: list[tuple[slice, slice]],
    kernel_size: tuple[int, int],
) -> Tensor:
    samples, groups, channels, tall, wide = pixels.shape
    flat = pixels.transpose(0, 1).reshape(groups, samples, -1)
    gram = (flat.mT @ flat).view(groups, channels, tall, wide, channels, tall, wide)
    taps = gram.new_zeros(groups, channels, *kernel_size, channels, *kernel_size)
    for i, row in vertical:
        for j, column in horizontal:
            taps[:, :, i, j, :, i, j] += gram[:, :, row, column, :, row, column]
    return taps
