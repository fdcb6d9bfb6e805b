"""Grams of a convolution's patches: the routes to them, and the counts that choose.

- *correlation*: stride 1, without a single patch (:mod:`proxprop.core.gram.correlation`).
- *phases*: any stride, as a convolution of stride 1. The pixels that a tap reads are ``stride``
  apart: they lie in one phase of the image. With the phases as channels (space to depth) the stride
  is 1 and there are ``ceil(kernel / stride)`` taps.
- *unfold*: a bounded piece of the batch at a time, right for any geometry.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from proxprop.core.gram.correlation import Precision, correlation_gram, correlation_gram_flops
from proxprop.core.gram.geometry import ConvGeometry
from proxprop.core.solvers.precision import compute_dtype, gram_dtype

# Up to this many columns float64 sums and solves cost a few per cent of a training step. Products
# in float32 are good enough for them: rounding in a Fourier product stays in its own frequency
# (error of the direction of the paper's first layer, CIFAR-10, tau=1: 3e-5; float32 all through:
# 1e-1, with Fourier products or without).
_DOUBLE_COLUMNS = 1024

# Samples added up in float32 before their sum is added up in the Gram's type.
_SUMMED_SAMPLES = 32

# Elements of the patches unfolded at a time: 8 MB in float32.
_CHUNK_ELEMENTS = 1 << 21


def patch_gram(
    x: Tensor, geometry: ConvGeometry, *, bias: bool, dtype: torch.dtype | None = None
) -> Tensor:
    """Compute ``ÃᵀÃ`` of a convolution: ``Σ_n Σ_p patch(n, p) patch(n, p)ᵀ`` over its positions.

    No route unfolds the whole batch. Beside a few arrays of the result's size and at most one
    padded copy of ``x``, the memory in use is a few blocks of 2¹⁹ elements, a quarter of ``x`` or
    one image's spectra, whichever is most; unfolding holds ``max(2²¹, groups · d · W_out)``.

    Args:
        x: Input of shape (N, C, H, W), any strides.
        geometry: Of the convolution.
        bias: Whether a ones column ends ``Ã``; empty patches count in it too.
        dtype: Type to compute in and to return; default: at least float32, float64 where that is
            cheap and needed.

    Returns:
        Gram of shape (groups, d, d), ``d = C/groups · k_h · k_w``, plus one with ``bias``; rows
        and columns are ordered as ``weight[0].flatten()``.
    """
    precision = Precision(dtype, dtype) if dtype else default_precision(x, geometry)
    if geometry.padding_mode != "zeros":
        x, geometry = geometry.pad(x), geometry.without_padding()
    margin = int(bias)
    route = gram_route(x.shape, geometry)
    if route == "correlation":
        gram = correlation_gram(geometry.grouped(x), geometry, precision, margin)
    else:
        gram = (phase_gram if route == "phases" else unfold_gram)(x, geometry, precision)
        gram = F.pad(gram, (0, margin, 0, margin))
    if bias:
        _fill_ones_column(gram, x, geometry)
    return gram


def default_precision(x: Tensor, geometry: ConvGeometry) -> Precision:
    """Products in at least float32, what follows them in float64 where that is cheap."""
    single = gram_dtype(x[:0].to(compute_dtype(x)))
    # Metal has no float64.
    double = geometry.columns(x.shape[1]) <= _DOUBLE_COLUMNS and x.device.type != "mps"
    return Precision(single, torch.float64 if double else single)


def position_gram(
    x: Tensor, geometry: ConvGeometry, *, bias: bool, dtype: torch.dtype | None = None
) -> Tensor:
    """Compute ``K = ÃÃᵀ`` over the positions of a batch, one kernel tap at a time.

    Args:
        x: Input of shape (N, C, H, W).
        geometry: Of the convolution.
        bias: Whether a ones column ends ``Ã``.
        dtype: Type to compute in; default: at least float32.

    Returns:
        Gram of shape (groups, N·H_out·W_out, N·H_out·W_out). The memory beside it is one padded
        copy of ``x`` and one tap's pixels.
    """
    x = geometry.pad(x.to(dtype or gram_dtype(x[:0].to(compute_dtype(x)))))
    grouped = geometry.grouped(x)
    gram = None
    for vertical, horizontal in geometry.tap_windows(x.shape[2], x.shape[3]):
        pixels = grouped[..., vertical, horizontal].permute(1, 0, 3, 4, 2)
        pixels = pixels.reshape(geometry.groups, -1, grouped.shape[2])
        gram = pixels @ pixels.mT if gram is None else torch.baddbmm(gram, pixels, pixels.mT)
    assert gram is not None
    return gram.add_(1.0) if bias else gram


def choose_system(shape: Sequence[int], geometry: ConvGeometry, units: int, cg_steps: int) -> str:
    """Choose the cheaper of the two systems of a layer: "primal" or "dual"."""
    costs = system_costs(shape, geometry, units, cg_steps)
    return "dual" if costs["dual"] < costs["primal"] else "primal"


def system_costs(
    shape: Sequence[int], geometry: ConvGeometry, units: int, cg_steps: int
) -> dict[str, float]:
    """Multiply-adds of the two systems of a layer, Gram and solve.

    Args:
        shape: Of the input, (N, C, H, W).
        geometry: Of the convolution.
        units: Output channels of the whole layer.
        cg_steps: CG steps, or 0 for a factorisation.

    Returns:
        Of ``"primal"`` (d × d) and of ``"dual"`` (positions²).
    """
    rows, columns = geometry.output_size(shape[2], shape[3])
    positions = shape[0] * rows * columns
    taps = geometry.columns(shape[1])
    per_group = units // geometry.groups

    def solve(size: int) -> float:
        if cg_steps:
            return float(cg_steps) * size**2 * per_group
        return size**3 / 3 + 2.0 * size**2 * per_group

    primal = min(gram_costs(shape, geometry).values()) + geometry.groups * solve(taps)
    dual = geometry.groups * (float(positions) ** 2 * taps + solve(positions))
    return {"primal": primal, "dual": dual}


def gram_route(shape: Sequence[int], geometry: ConvGeometry) -> str:
    """Name the cheapest way to the patch Gram: "correlation", "phases" or "unfold"."""
    costs = gram_costs(shape, geometry)
    cheapest = min(costs.values())  # torch 2.9 and 2.10 do not compile min(key=...)
    return next(route for route, cost in costs.items() if cost == cheapest)


def gram_costs(shape: Sequence[int], geometry: ConvGeometry) -> dict[str, float]:
    """Multiply-adds of each route to the patch Gram that can compute this geometry."""
    samples, channels, *size = shape
    groups, channels = geometry.groups, channels // geometry.groups
    rows, columns = geometry.output_size(*size)
    taps = channels * geometry.kernel_size[0] * geometry.kernel_size[1]
    costs = {"unfold": float(groups * samples * rows * columns * taps**2)}
    if geometry.stride == (1, 1):
        costs["correlation"] = groups * correlation_gram_flops((samples, channels, *size), geometry)
    elif geometry.dilation == (1, 1):
        phases = _phase_geometry(geometry)
        channels *= geometry.stride[0] * geometry.stride[1]
        tall, wide = rows + phases.kernel_size[0] - 1, columns + phases.kernel_size[1] - 1
        costs["phases"] = groups * correlation_gram_flops((samples, channels, tall, wide), phases)
    return costs


def _fill_ones_column(gram: Tensor, x: Tensor, geometry: ConvGeometry) -> None:
    """Fill in the patches' sums and the number of positions, which the sum image determines."""
    size = geometry.output_size(x.shape[2], x.shape[3])
    # Short sums in the input's type, then a sum of sums: one pass, and no copy in float64.
    partial = [block.sum(0, keepdim=True) for block in torch.split(x, _SUMMED_SAMPLES)]
    image = geometry.pad(torch.cat(partial).to(gram.dtype).sum(0, keepdim=True))[0]
    # One axis after the other: windows of all positions, one for each tap.
    for axis, positions in enumerate(size):
        span = (positions - 1) * geometry.stride[axis] + 1
        windows = image.unfold(1 + axis, span, geometry.dilation[axis])
        windows = windows.narrow(1 + axis, 0, geometry.kernel_size[axis])
        image = windows[..., :: geometry.stride[axis]].sum(-1)
    sums = image.reshape(gram.shape[0], -1)
    gram[:, -1, :-1] = sums
    gram[:, :-1, -1] = sums
    gram[:, -1, -1].fill_(x.shape[0] * size[0] * size[1])


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
    on_phases = _phase_geometry(geometry)
    taps = on_phases.kernel_size
    rows, columns = geometry.output_size(x.shape[2], x.shape[3])
    tall, wide = rows + taps[0] - 1, columns + taps[1] - 1
    left, _, top, _ = geometry.padding
    # Negative amounts crop pixels that no patch reads, or only taps dropped below.
    x = F.pad(x, (left, wide * s_w - left - x.shape[3], top, tall * s_h - top - x.shape[2]))
    samples, channels, groups = x.shape[0], x.shape[1] // geometry.groups, geometry.groups
    phases = x.reshape(samples, groups, channels, tall, s_h, wide, s_w)
    phases = phases.permute(0, 1, 2, 4, 6, 3, 5).reshape(samples, groups, -1, tall, wide)
    gram = correlation_gram(phases, on_phases, precision)
    # Both sides from (c, phase_h, phase_w, tap_h, tap_w) to (c, tap and phase of each axis).
    gram = gram.view(groups, *2 * (channels, s_h, s_w, *taps))
    gram = gram.permute(0, 1, 4, 2, 5, 3, 6, 9, 7, 10, 8)
    gram = gram.reshape(groups, *2 * (channels, taps[0] * s_h, taps[1] * s_w))
    gram = gram[:, :, :k_h, :k_w, :, :k_h, :k_w]
    return gram.reshape(groups, channels * k_h * k_w, channels * k_h * k_w)


def _phase_geometry(geometry: ConvGeometry) -> ConvGeometry:
    """The stride-1 convolution of a strided kernel's phases."""
    taps = [-(-kernel // stride) for kernel, stride in zip(geometry.kernel_size, geometry.stride)]
    return ConvGeometry((taps[0], taps[1]))


def unfold_gram(x: Tensor, geometry: ConvGeometry, precision: Precision) -> Tensor:
    """Sum ``patch patchᵀ`` over bounded pieces of the batch.

    The patches in memory never exceed ``max(2²¹, groups · d · W_out)`` elements.

    Args:
        x: Images of shape (N, C, H, W).
        geometry: Of the convolution.
        precision: Types of the products and of their sum.

    Returns:
        Gram of shape (groups, d, d).
    """
    # Products of smooth patches lose digits that Fourier products keep.
    product = precision.product if geometry.kernel_size == (1, 1) else precision.result
    rows, columns = geometry.output_size(x.shape[2], x.shape[3])
    groups, taps = geometry.groups, geometry.columns(x.shape[1])
    # A view, (N, groups, C, H_out, W_out, k_h, k_w).
    patches = geometry.grouped(geometry.pad(x))
    for axis in (0, 1):
        span = (geometry.kernel_size[axis] - 1) * geometry.dilation[axis] + 1
        patches = patches.unfold(3 + axis, span, geometry.stride[axis])
        patches = patches[..., :: geometry.dilation[axis]]
    fitting_rows = max(1, _CHUNK_ELEMENTS // (groups * taps * columns))
    gram: Tensor | None = None
    for piece in torch.split(patches, max(1, fitting_rows // rows), dim=0):
        for strip in torch.split(piece, min(rows, fitting_rows), dim=3):
            flat = strip.permute(1, 2, 5, 6, 0, 3, 4).to(product)
            flat = flat.reshape(groups, taps, -1)
            part = (flat @ flat.mT).to(precision.result)
            gram = part if gram is None else gram + part
    assert gram is not None
    return gram
