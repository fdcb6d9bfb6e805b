"""Which pixels a 2-D convolution reads."""

from __future__ import annotations

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

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the number of positions, vertically and horizontally."""
        left, right, top, bottom = self.padding
        rows = output_length(
            height + top + bottom, self.kernel_size[0], self.stride[0], self.dilation[0]
        )
        columns = output_length(
            width + left + right, self.kernel_size[1], self.stride[1], self.dilation[1]
        )
        return rows, columns

    def tap_windows(self, height: int, width: int) -> Iterator[tuple[slice, slice]]:
        """Yield, for each tap, the pixels of a padded image that it reads over all positions."""
        rows, columns = self.without_padding().output_size(height, width)
        for vertical in _tap_slices(self.kernel_size[0], self.stride[0], self.dilation[0], rows):
            for horizontal in _tap_slices(
                self.kernel_size[1], self.stride[1], self.dilation[1], columns
            ):
                yield vertical, horizontal


def output_length(size: int, kernel: int, stride: int, dilation: int) -> int:
    """Return the number of positions along one axis of a padded image."""
    return (size - (kernel - 1) * dilation - 1) // stride + 1


def _tap_slices(kernel: int, stride: int, dilation: int, positions: int) -> Iterator[slice]:
    """Yield, for each tap of one axis, the pixels that it reads over all positions."""
    for tap in range(kernel):
        start = tap * dilation
        yield slice(start, start + (positions - 1) * stride + 1, stride)
