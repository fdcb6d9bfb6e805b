"""Grams of a convolution's patches: the geometry, the routes, and the count that chooses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from proxprop.core.gram.correlation import correlation_gram, correlation_gram_flops
from proxprop.core.gram.geometry import ConvGeometry
from proxprop.core.gram.phases import phase_gram, phase_gram_flops
from proxprop.core.gram.spectra import Precision
from proxprop.core.gram.unfold import unfold_gram
from proxprop.core.solvers.precision import compute_dtype, gram_dtype

# Up to this many columns float64 sums and solves cost a few per cent of a training step. Products
# in float32 are good enough for them: rounding in a Fourier product stays in its own frequency
# (error of the direction of the paper's first layer, CIFAR-10, tau=1: 3e-5; float32 all through:
# 1e-1, with Fourier products or without).
_DOUBLE_COLUMNS = 1024

# Samples added up in float32 before their sum is added up in the Gram's type.
_SUMMED_SAMPLES = 32


class SystemChoice(NamedTuple):
    """The cheaper system of a layer: ``"primal"`` (d × d) or ``"dual"`` (positions²)."""

    route: str
    multiply_adds: float


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
    gram = _ROUTES[gram_route(x.shape, geometry)](x, geometry, precision, int(bias))
    if bias:
        _fill_ones_column(gram, x, geometry)
    return gram


def default_precision(x: Tensor, geometry: ConvGeometry) -> Precision:
    """Products in at least float32, what follows them in float64 where that is cheap."""
    single = gram_dtype(x[:0].to(compute_dtype(x)))
    columns = x.shape[1] // geometry.groups * geometry.kernel_size[0] * geometry.kernel_size[1]
    double = columns <= _DOUBLE_COLUMNS and x.device.type != "mps"  # which has no float64
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
    geometry = geometry.without_padding()
    samples, channels, height, width = x.shape
    groups = geometry.groups
    grouped = x.reshape(samples, groups, channels // groups, height, width)
    gram = None
    for vertical, horizontal in geometry.tap_windows(height, width):
        pixels = grouped[..., vertical, horizontal].permute(1, 0, 3, 4, 2)
        pixels = pixels.reshape(groups, -1, channels // groups)
        gram = pixels @ pixels.mT if gram is None else torch.baddbmm(gram, pixels, pixels.mT)
    assert gram is not None
    return gram + 1.0 if bias else gram


def choose_system(
    shape: Sequence[int], geometry: ConvGeometry, units: int, cg_steps: int
) -> SystemChoice:
    """Choose the cheaper of the primal and the dual system by their multiply-adds.

    Args:
        shape: Of the input, (N, C, H, W).
        geometry: Of the convolution.
        units: Output channels of the whole layer.
        cg_steps: CG steps, or 0 for a factorisation.
    """
    samples, channels, height, width = shape
    rows, columns = geometry.output_size(height, width)
    positions = samples * rows * columns
    taps = channels // geometry.groups * geometry.kernel_size[0] * geometry.kernel_size[1]
    per_group = units // geometry.groups

    def solve(size: int) -> float:
        if cg_steps:
            return float(cg_steps) * size**2 * per_group
        return size**3 / 3 + 2.0 * size**2 * per_group

    primal = min(gram_costs(shape, geometry).values()) + geometry.groups * solve(taps)
    dual = geometry.groups * (float(positions) ** 2 * taps + solve(positions))
    return SystemChoice("dual", dual) if dual < primal else SystemChoice("primal", primal)


def gram_route(shape: Sequence[int], geometry: ConvGeometry) -> str:
    """Name the cheapest way to the patch Gram: "correlation", "phases" or "unfold"."""
    costs = gram_costs(shape, geometry)
    return min(costs, key=lambda route: costs[route])


def gram_costs(shape: Sequence[int], geometry: ConvGeometry) -> dict[str, float]:
    """Multiply-adds of each route to the patch Gram that can compute this geometry."""
    samples, channels, height, width = shape
    channels //= geometry.groups
    rows, columns = geometry.output_size(height, width)
    taps = channels * geometry.kernel_size[0] * geometry.kernel_size[1]
    costs = {"unfold": float(geometry.groups * samples * rows * columns * taps**2)}
    if geometry.stride == (1, 1):
        costs["correlation"] = geometry.groups * correlation_gram_flops(
            samples,
            channels,
            (height, width),
            geometry.kernel_size,
            geometry.dilation,
            geometry.padding,
        )
    elif geometry.dilation == (1, 1):
        costs["phases"] = geometry.groups * phase_gram_flops(
            samples, channels, geometry, rows, columns
        )
    return costs


def _by_correlation(x: Tensor, geometry: ConvGeometry, precision: Precision, margin: int) -> Tensor:
    samples, channels, height, width = x.shape
    grouped = x.reshape(samples, geometry.groups, channels // geometry.groups, height, width)
    return correlation_gram(
        grouped, geometry.kernel_size, geometry.dilation, geometry.padding, precision, margin
    )


def _by_phases(x: Tensor, geometry: ConvGeometry, precision: Precision, margin: int) -> Tensor:
    return F.pad(phase_gram(x, geometry, precision), (0, margin, 0, margin))


def _by_unfolding(x: Tensor, geometry: ConvGeometry, precision: Precision, margin: int) -> Tensor:
    x, geometry = geometry.pad(x), geometry.without_padding()
    samples, channels, height, width = x.shape
    grouped = x.reshape(samples, geometry.groups, channels // geometry.groups, height, width)
    if geometry.kernel_size != (1, 1):
        # Products of smooth patches lose digits that Fourier products keep.
        precision = Precision(precision.result, precision.result)
    gram = unfold_gram(grouped, geometry.kernel_size, geometry.stride, geometry.dilation, precision)
    return F.pad(gram, (0, margin, 0, margin))


_ROUTES = {
    "correlation": _by_correlation,
    "phases": _by_phases,
    "unfold": _by_unfolding,
}


def _fill_ones_column(gram: Tensor, x: Tensor, geometry: ConvGeometry) -> None:
    """Fill in the patches' sums and the number of positions, which the sum image determines."""
    rows, columns = geometry.output_size(x.shape[2], x.shape[3])
    # Short sums in the input's type, then a sum of sums: one pass, and no copy in float64.
    partial = [block.sum(0, keepdim=True) for block in torch.split(x, _SUMMED_SAMPLES)]
    image = geometry.pad(torch.cat(partial).to(gram.dtype).sum(0, keepdim=True))[0]
    # One axis after the other: windows of all positions, one for each tap.
    for axis, positions in enumerate((rows, columns)):
        span = (positions - 1) * geometry.stride[axis] + 1
        windows = image.unfold(1 + axis, span, geometry.dilation[axis])
        windows = windows.narrow(1 + axis, 0, geometry.kernel_size[axis])
        image = windows[..., :: geometry.stride[axis]].sum(-1)
    sums = image.reshape(gram.shape[0], -1)
    gram[:, -1, :-1] = sums
    gram[:, :-1, -1] = sums
    gram[:, -1, -1] = x.shape[0] * rows * columns
