"""The patch Gram of a strided convolution, as one of stride 1.

The pixels that a tap reads are ``stride`` apart: they lie in one phase of the image. With the
phases as channels (space to depth) the stride is 1 and there are ``ceil(kernel / stride)`` taps.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from proxprop.core.gram.correlation import correlation_gram, correlation_gram_flops
from proxprop.core.gram.geometry import ConvGeometry
from proxprop.core.gram.spectra import Precision


def phase_gram(x: Tensor, geometry: ConvGeometry, precision: Precision) -> Tensor:
    """Compute the patch Gram of a strided convolution without dilation.

    Args:
        x: Images of shape (N, C, H, W), zero outside.
        geometry: With any stride and zero padding, dilation 1.
        precision: Types of the products and of their sum.

    Returns:
        Gram of shape (groups, d, d).
    """
    (k_h, k_w), (s_h, s_w) = geometry.kernel_size, geometry.stride
    taps = _phase_kernel(geometry)
    rows, columns = geometry.output_size(x.shape[2], x.shape[3])
    tall, wide = rows + taps[0] - 1, columns + taps[1] - 1
    left, _, top, _ = geometry.padding
    # Negative amounts crop pixels that no patch reads, or only taps dropped below.
    x = F.pad(x, (left, wide * s_w - left - x.shape[3], top, tall * s_h - top - x.shape[2]))
    samples, channels, groups = x.shape[0], x.shape[1] // geometry.groups, geometry.groups
    phases = x.reshape(samples, groups, channels, tall, s_h, wide, s_w)
    phases = phases.permute(0, 1, 2, 4, 6, 3, 5).reshape(samples, groups, -1, tall, wide)
    gram = correlation_gram(phases, taps, (1, 1), (0, 0, 0, 0), precision)
    order = (
        0,
        3,
        1,
        4,
        2,
    )  # (c, phase_h, phase_w, tap_h, tap_w) -> (c, tap and phase of each axis)
    gram = gram.view(groups, *2 * (channels, s_h, s_w, *taps))
    gram = gram.permute(0, *(1 + i for i in order), *(6 + i for i in order))
    gram = gram.reshape(groups, *2 * (channels, taps[0] * s_h, taps[1] * s_w))
    gram = gram[:, :, :k_h, :k_w, :, :k_h, :k_w]
    return gram.reshape(groups, channels * k_h * k_w, channels * k_h * k_w)


def phase_gram_flops(
    samples: int, channels: int, geometry: ConvGeometry, rows: int, columns: int
) -> int:
    """Multiply-adds of :func:`phase_gram` for one group with so many output rows and columns."""
    kernel = _phase_kernel(geometry)
    return correlation_gram_flops(
        samples,
        channels * geometry.stride[0] * geometry.stride[1],
        (rows + kernel[0] - 1, columns + kernel[1] - 1),
        kernel,
        (1, 1),
        (0, 0, 0, 0),
    )


def _phase_kernel(geometry: ConvGeometry) -> tuple[int, int]:
    """Taps per phase of a strided kernel."""
    return (
        -(-geometry.kernel_size[0] // geometry.stride[0]),
        -(-geometry.kernel_size[1] // geometry.stride[1]),
    )
