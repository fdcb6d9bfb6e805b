"""The patch Gram by unfolding a bounded piece of the batch at a time: right for any geometry."""

from __future__ import annotations

import torch
from torch import Tensor

from proxprop.core.gram.geometry import output_length
from proxprop.core.gram.spectra import Precision

# Elements of the patches unfolded at a time: 8 MB in float32.
_CHUNK_ELEMENTS = 1 << 21


def unfold_gram(
    x: Tensor,
    kernel_size: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    precision: Precision,
) -> Tensor:
    """Sum ``patch patchᵀ`` over bounded pieces of the batch.

    The patches in memory never exceed ``max(2²¹, groups · d · W_out)`` elements.

    Args:
        x: Padded images of shape (N, groups, C, H, W).
        kernel_size: Taps, vertically and horizontally.
        stride: Pixels between patches.
        dilation: Pixels between taps.
        precision: Types of the products and of their sum.

    Returns:
        Gram of shape (groups, d, d).
    """
    groups, channels, height, width = x.shape[1:]
    rows = output_length(height, kernel_size[0], stride[0], dilation[0])
    columns = output_length(width, kernel_size[1], stride[1], dilation[1])
    taps = channels * kernel_size[0] * kernel_size[1]
    patches = _patch_view(x, kernel_size, stride, dilation)
    row_elements = groups * taps * columns
    fitting_rows = max(1, _CHUNK_ELEMENTS // row_elements)
    step = max(1, fitting_rows // rows)
    gram: Tensor | None = None
    for piece in torch.split(patches, step, dim=0):
        for strip in torch.split(piece, min(rows, fitting_rows), dim=3):
            flat = strip.permute(1, 2, 5, 6, 0, 3, 4).to(precision.product)
            flat = flat.reshape(groups, taps, -1)
            part = (flat @ flat.mT).to(precision.result)
            gram = part if gram is None else gram + part
    if gram is None:
        return x.new_zeros(groups, taps, taps, dtype=precision.result)
    return gram


def _patch_view(
    x: Tensor, kernel_size: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> Tensor:
    """View images as (N, groups, C, H_out, W_out, k_h, k_w) without a copy."""
    for axis, kernel, pace, gap in zip((3, 4), kernel_size, stride, dilation, strict=True):
        x = x.unfold(axis, (kernel - 1) * gap + 1, pace)[..., ::gap]
    return x
