"""Which pixels a 2-D convolution reads."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


@dataclass(frozen=True)
class ConvGeometry:
    """Which pixels a 2-D convolution's patches read.

    Attributes:
        kernel_size: (k_h, k_w), each ≥ 1.
        stride: Pixels between patches, vertically and horizontally.
        padding: Explicit amounts (left, right, top, bottom), the order of ``F.pad``.
        padding_mode: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        dilation: Pixels between taps, vertically and horizontally.
        groups: Independent slices of the channels.
    """

    kernel_size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    padding_mode: str = "zeros"
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @classmethod
    def resolve(
        cls,
        kernel_size: Sequence[int],
        stride: Sequence[int],
        padding: str | Sequence[int],
        dilation: Sequence[int],
        groups: int = 1,
        padding_mode: str = "zeros",
    ) -> ConvGeometry:
        """Build a geometry from ``nn.Conv2d``'s attributes; padding may be "same" or "valid"."""
        if padding_mode not in PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {', '.join(PADDING_MODES)}, got {padding_mode!r}"
            )
        if padding == "same":
            # Torch puts the odd pixel after the image.
            total = [d * (k - 1) for k, d in zip(kernel_size, dilation)]
            top, left = total[0] // 2, total[1] // 2
            amounts = (left, total[1] - left, top, total[0] - top)
        elif isinstance(padding, str):
            amounts = (0, 0, 0, 0)
        else:
            amounts = (padding[1], padding[1], padding[0], padding[0])
        return cls(
            (kernel_size[0], kernel_size[1]),
            (stride[0], stride[1]),
            amounts,
            padding_mode,
            (dilation[0], dilation[1]),
            groups,
        )

    @property
    def needs_explicit_padding(self) -> bool:
        """Whether the padding is more than equal zeros on opposite sides."""
        left, right, top, bottom = self.padding
        return left != right or top != bottom or (self.padding_mode != "zeros" and self.padded)

    @property
    def padded(self) -> bool:
        """Whether there is any padding."""
        return any(self.padding)

    def pad(self, x: Tensor) -> Tensor:
        """Write the padding into the image."""
        if not self.padded:
            return x
        mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
        return F.pad(x, self.padding, mode=mode)

    def without_padding(self) -> ConvGeometry:
        """Return the same convolution on an image that is padded already."""
        return replace(self, padding=(0, 0, 0, 0), padding_mode="zeros")

    def columns(self, channels: int) -> int:
        """Return d, the pixels that one patch of one group reads in so many channels of input."""
        return channels // self.groups * self.kernel_size[0] * self.kernel_size[1]

    def grouped(self, x: Tensor) -> Tensor:
        """View images (N, C, H, W) as (N, groups, C/groups, H, W)."""
        return x.reshape(x.shape[0], self.groups, -1, *x.shape[2:])

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the number of positions, vertically and horizontally."""
        left, right, top, bottom = self.padding
        lengths = height + top + bottom, width + left + right
        rows, columns = (
            (length - (kernel - 1) * dilation - 1) // stride + 1
            for length, kernel, stride, dilation in zip(
                lengths, self.kernel_size, self.stride, self.dilation
            )
        )
        return rows, columns

    def tap_windows(self, height: int, width: int) -> Iterator[tuple[slice, slice]]:
        """Yield, for each tap, the pixels of a padded image that it reads over all positions."""
        size = self.without_padding().output_size(height, width)
        vertical, horizontal = (
            [
                slice(tap * dilation, tap * dilation + (positions - 1) * stride + 1, stride)
                for tap in range(kernel)
            ]
            for positions, kernel, stride, dilation in zip(
                size, self.kernel_size, self.stride, self.dilation
            )
        )
        yield from itertools.product(vertical, horizontal)
