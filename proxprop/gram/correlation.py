"""The patch Gram of a stride-1 convolution without a single patch.

``S = R - rows - columns + corners``: ``R`` sums over every patch position in the plane, so it
depends on the lag between two taps only; ``rows``, ``columns`` and ``corners`` are the patches that
touch the image but are no position of the convolution, which are few.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from proxprop.gram.spectra import Precision, autocorrelation, correlation_flops

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

    def depth(self, trailing: bool) -> int:
        """How many pixels at that end are read by patches that are no position."""
        padding = self.trailing if trailing else self.leading
        return max(0, min(self.size, self.reach - padding))

    def edge(self, x: Tensor, dim: int, trailing: bool) -> Tensor:
        """Cut those pixels out."""
        depth = self.depth(trailing)
        return x.narrow(dim, x.shape[dim] - depth if trailing else 0, depth)

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
                low, high = self.depth(trailing) - 1 - high, self.depth(trailing) - 1 - low
            pairs.append((slice(first, end), slice(low, high + 1, self.dilation)))
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
        x: Images of shape (N, groups, C, H, W), zero outside.
        kernel_size: Taps, vertically and horizontally.
        dilation: Pixels between taps.
        padding: Zero padding as (left, right, top, bottom).
        precision: Types of the products and of their sum.

    Returns:
        Gram of shape (groups, d, d) with ``d = C · k_h · k_w``, ordered as a flattened weight.
    """
    left, right, top, bottom = padding
    vertical = _Axis(x.shape[3], kernel_size[0], dilation[0], top, bottom)
    horizontal = _Axis(x.shape[4], kernel_size[1], dilation[1], left, right)
    lags = (kernel_size[0] - 1, kernel_size[1] - 1)
    lagged = autocorrelation(x, lags, dilation, precision)
    # Rows and columns are subtracted while the other axis is still one dimension of lags.
    rows = _tap_pairs(lagged.mT).permute(0, 1, 4, 2, 5, 3).contiguous()
    _subtract_lines(rows, x, vertical, horizontal, precision)
    # (g, c, i_h, c', j_h, i_w, j_w) -> (g, c, i_h, i_w, c', j_h, j_w)
    gram = _tap_pairs(rows).permute(0, 1, 2, 5, 3, 4, 6).contiguous()
    columns = lagged.new_zeros(
        *lagged.shape[:2], kernel_size[1], x.shape[2], kernel_size[1], lagged.shape[3]
    )
    if _subtract_lines(columns, x.mT, horizontal, vertical, precision):
        gram += _tap_pairs(columns).permute(0, 1, 5, 2, 3, 6, 4)
    _add_corners(gram, x, vertical, horizontal, precision)
    taps = x.shape[2] * kernel_size[0] * kernel_size[1]
    return gram.view(x.shape[1], taps, taps)


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
    for end in ENDS:
        for across, along in ((vertical, horizontal), (horizontal, vertical)):
            lines = channels * across.depth(end)
            total += correlation_flops(
                samples, lines, (1, along.size), (0, along.kernel - 1), (1, along.dilation)
            )
        for other in ENDS:
            pixels = vertical.depth(end) * horizontal.depth(other)
            total += samples * (channels * pixels) ** 2
    return total


def _tap_pairs(lagged: Tensor) -> Tensor:
    """Turn a last dimension of signed lags ``j - i`` into two: (..., i, j)."""
    kernel = (lagged.shape[-1] + 1) // 2
    return lagged.unfold(-1, kernel, 1).flip(-2)


def _subtract_lines(
    taps: Tensor, x: Tensor, across: _Axis, along: _Axis, precision: Precision
) -> bool:
    """Take away the patches in rows that are no output row, over all columns of the plane.

    Args:
        taps: (g, c, i, c', j, lag along), changed in place.
        x: (N, g, C, across, along).
        across: The axis that the patches stick out of.
        along: The other axis.
        precision: Types of the arithmetic.

    Returns:
        Whether there are any.
    """
    for trailing in ENDS:
        depth = across.depth(trailing)
        if depth == 0:
            continue
        edge = across.edge(x, 3, trailing)
        samples, groups, channels, _, width = edge.shape
        lines = edge.reshape(samples, groups, channels * depth, 1, width)
        lagged = autocorrelation(lines, (0, along.kernel - 1), (1, along.dilation), precision)
        lagged = lagged.view(groups, channels, depth, channels, depth, -1)
        for tap, pixel in across.overhang(trailing):
            taps[:, :, tap, :, tap] -= lagged[:, :, pixel, :, pixel]
    return any(across.depth(trailing) for trailing in ENDS)


def _add_corners(
    gram: Tensor, x: Tensor, vertical: _Axis, horizontal: _Axis, precision: Precision
) -> None:
    """Put back the patches that are in no output row and in no output column: subtracted twice."""
    for bottom in ENDS:
        for right in ENDS:
            tall, wide = vertical.depth(bottom), horizontal.depth(right)
            if tall == 0 or wide == 0:
                continue
            pixels = horizontal.edge(vertical.edge(x, 3, bottom), 4, right)
            # Samples last: copies of a few pixels are slow where these are the inner loop.
            flat = pixels.permute(1, 2, 3, 4, 0).to(precision.result).contiguous().flatten(1, 3)
            products = (flat @ flat.mT).view(x.shape[1], *2 * (x.shape[2], tall, wide))
            for i, row in vertical.overhang(bottom):
                for j, column in horizontal.overhang(right):
                    gram[:, :, i, j, :, i, j] += products[:, :, row, column, :, row, column]
