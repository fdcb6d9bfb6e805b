"""A layer's input matrix Ã as an operator: products, Grams and trace, never unfolded whole.

Matrices Θ = [W b] hold the columns of a layer's parameters that train, one row an output unit.
Tensors of the layer's output's shape have their units last here, (…, m): see `units_last`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_weight

from proxprop.core.gram import ConvGeometry, patch_gram, position_gram
from proxprop.core.rows import column_gram, row_gram


class LayerRows(ABC):
    """The rows Ã of one layer (one group of it), restricted to the columns that train.

    Attributes:
        leading: The rows as they are laid out: (N,), or (N, H_out, W_out) for patches.
        weight_columns: Number of columns of the weight; 0 if it does not train.
        bias: Whether a ones column for the bias ends Ã.
        inputs: What the rows are made of; its dtype is the working precision.
    """

    leading: tuple[int, ...]
    weight_columns: int
    bias: bool
    inputs: Tensor

    @property
    def count(self) -> int:
        """Number of rows of Ã: samples, or patches of a convolution."""
        return math.prod(self.leading)

    @property
    def columns(self) -> int:
        """Number of columns of Ã."""
        return self.weight_columns + self.bias

    @abstractmethod
    def gram(self) -> Tensor:
        """Return ``ÃᵀÃ``. Shape: (columns, columns)."""

    @abstractmethod
    def row_gram(self) -> Tensor:
        """Return ``ÃÃᵀ``; meant for few rows. Shape: (rows, rows)."""

    @abstractmethod
    def _product(self, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return ``A Wᵀ + b``. Shape: (m, weight_columns) and (m,) to (…, m)."""

    @abstractmethod
    def _weight_gradient(self, delta: Tensor) -> Tensor:
        """Return ``ΔᵀA``. Shape: (…, m) to (m, weight_columns)."""

    @abstractmethod
    def trace(self) -> float:
        """Return ``tr ÃᵀÃ = ‖Ã‖²``, an upper bound of λ_max."""

    def product(self, theta: Tensor) -> Tensor:
        """Return ``ÃΘᵀ``, by how much a step along Θ moves the output. Shape: to (…, m)."""
        if not self.weight_columns:
            return theta[:, -1].expand(*self.leading, len(theta))
        return self._product(theta[:, : self.weight_columns], theta[:, -1] if self.bias else None)

    def gradient(self, delta: Tensor) -> Tensor:
        """Return ``G = ΔᵀÃ``. Shape: (…, m) to (m, columns)."""
        delta = delta.reshape(*self.leading, -1)
        parts = [self._weight_gradient(delta)] if self.weight_columns else []
        if self.bias:
            parts.append(delta.sum(dim=tuple(range(delta.dim() - 1)))[:, None])
        return torch.cat(parts, dim=1)

    def gradient_image(
        self, delta: Tensor, beside: LayerRows | None = None, gradient: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return ``ÃGᵀ``, by how much a step along G moves the output, ``‖G‖²``, and `beside`'s.

        The square is None where G is given: who has G asks it.

        Args:
            delta: Δ. Shape: (…, m).
            beside: Rows of the same layer at another input, which G moves too.
            gradient: G where it is known already. Shape: (m, columns).
        """
        square = None
        if gradient is None:
            gradient = self.gradient(delta)
            square = gradient.square().sum()
        there = None if beside is None else beside.product(gradient)
        return self.product(gradient), square, there

    def gram_times(self, vector: Tensor) -> Tensor:
        """Return ``ÃᵀÃ v`` without forming the Gram. Shape: (columns,)."""
        return self.gradient(self.product(vector[None]))[0]


class LinearRows(LayerRows):
    """Rows of a linear layer: its input with all leading dimensions flattened."""

    def __init__(self, inputs: Tensor, *, weight: bool, bias: bool) -> None:
        matrix = inputs.reshape(-1, inputs.shape[-1])
        self.inputs = matrix if weight else matrix[:, :0]
        self.leading, self.weight_columns = self.inputs.shape[:1], self.inputs.shape[1]
        self.bias = bias

    def gram(self) -> Tensor:
        """Return ``ÃᵀÃ``. Shape: (columns, columns)."""
        return column_gram(self.inputs, self.bias)

    def row_gram(self) -> Tensor:
        """Return ``ÃÃᵀ``. Shape: (rows, rows)."""
        return row_gram(self.inputs, self.bias)

    def gradient_image(
        self, delta: Tensor, beside: LayerRows | None = None, gradient: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return what `LayerRows.gradient_image` does, without G where a small Gram is cheaper."""
        columns, units = self.weight_columns, delta.shape[-1]
        products = 2 if gradient is None else 1  # of N × columns × units, against the Gram's two
        if self.count * (columns + units) > products * columns * units:
            return super().gradient_image(delta, beside, gradient)
        # ÃGᵀ = KΔ and ‖G‖² = ⟨Δ, KΔ⟩ with K = ÃÃᵀ, which knows nothing of the columns.
        image = self.row_gram() @ delta
        there = None
        if beside is not None:
            there = (beside.inputs @ self.inputs.T + float(self.bias)) @ delta
        return image, (delta * image).sum().clamp_min(0), there

    def trace(self) -> float:
        """Return ``‖Ã‖²``."""
        return float(self.inputs.square().sum()) + self.bias * self.count

    def _product(self, weight: Tensor, bias: Tensor | None) -> Tensor:
        return F.linear(self.inputs, weight, bias)

    def _weight_gradient(self, delta: Tensor) -> Tensor:
        return delta.T @ self.inputs


class PatchRows(LayerRows):
    """Rows of a convolution: its patches. Products are convolutions, so nothing is unfolded.

    Args:
        padded: Images with the padding written into them. Shape: (N, C, H, W).
        geometry: Of the convolution, without padding and groups.
        weight: Whether the weight trains.
        bias: Whether there is a bias that trains.
    """

    def __init__(self, padded: Tensor, geometry: ConvGeometry, *, weight: bool, bias: bool) -> None:
        self.inputs, self._geometry = padded, geometry
        self.leading = (len(padded), *geometry.output_size(*padded.shape[-2:]))
        self._kernel = (padded.shape[1], *geometry.kernel_size)
        self.weight_columns = self._kernel[0] * self._kernel[1] * self._kernel[2] * weight
        self.bias = bias

    def gram(self) -> Tensor:
        """Return ``ÃᵀÃ``. Shape: (columns, columns)."""
        if not self.weight_columns:
            return self.inputs.new_full((1, 1), self.count)
        return patch_gram(self.inputs, self._geometry, bias=self.bias, dtype=self.inputs.dtype)[0]

    def row_gram(self) -> Tensor:
        """Return ``ÃÃᵀ``. Shape: (rows, rows)."""
        if not self.weight_columns:
            return self.inputs.new_ones(self.count, self.count)
        images, geometry = self.inputs, self._geometry
        return position_gram(images, geometry, bias=self.bias, dtype=images.dtype)[0]

    def trace(self) -> float:
        """Return ``‖Ã‖²``, one kernel tap at a time."""
        taps = self._geometry.tap_windows(*self.inputs.shape[-2:]) if self.weight_columns else ()
        squares = self.inputs.square()
        total = sum(float(squares[..., down, across].sum()) for down, across in taps)
        return total + self.bias * self.count

    def _product(self, weight: Tensor, bias: Tensor | None) -> Tensor:
        kernels = weight.reshape(-1, *self._kernel)
        stride, dilation = self._geometry.stride, self._geometry.dilation
        image = F.conv2d(self.inputs, kernels, bias, stride=stride, dilation=dilation)
        return image.movedim(1, -1)

    def _weight_gradient(self, delta: Tensor) -> Tensor:
        kernels: Tensor = conv2d_weight(  # type: ignore[no-untyped-call]
            self.inputs,
            [delta.shape[-1], *self._kernel],
            delta.movedim(-1, 1),
            stride=self._geometry.stride,
            dilation=self._geometry.dilation,
        )
        return kernels.flatten(1)


def layer_rows(
    layer: nn.Module, inputs: Tensor, dtype: torch.dtype = torch.float64
) -> list[LayerRows]:
    """Return the rows Ã of a layer at its input, one operator for each group.

    Args:
        layer: ``nn.Linear`` or ``nn.Conv2d`` of any options, or a subclass.
        inputs: The layer's own input. Shape: (N, …, d) or (N, C, H, W).
        dtype: Working precision; a float32 Gram loses the small eigenvalues.

    Raises:
        NotImplementedError: Another kind of layer.
        ValueError: No parameter of the layer trains.
    """
    if not isinstance(layer, nn.Linear | nn.Conv2d):
        raise NotImplementedError(f"layer must be Linear or Conv2d, got {type(layer).__name__}")
    weight = layer.weight.requires_grad
    bias = layer.bias is not None and layer.bias.requires_grad
    if not (weight or bias):
        raise ValueError("the layer must have a parameter that trains, but all are frozen")
    inputs = inputs.detach().to(dtype)
    if isinstance(layer, nn.Linear):
        return [LinearRows(inputs, weight=weight, bias=bias)]
    geometry = ConvGeometry.resolve(
        layer.kernel_size,
        layer.stride,
        layer.padding,
        layer.dilation,
        padding_mode=layer.padding_mode,
    )
    padded = geometry.pad(inputs if inputs.dim() == 4 else inputs[None])
    plain = geometry.without_padding()
    groups = padded.chunk(layer.groups, dim=1)
    return [PatchRows(group, plain, weight=weight, bias=bias) for group in groups]


def units_last(layer: nn.Module, values: Tensor) -> Tensor:
    """Return a tensor of a layer's output's shape with its units last, as a view if it can be.

    Shape: (N, …, m) to (rows, m), for a convolution (N, m, H, W) to (N, H, W, m).
    """
    if not isinstance(layer, nn.Conv2d):
        return values.reshape(-1, values.shape[-1])
    return (values if values.dim() == 4 else values[None]).movedim(1, -1)


def joined(weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Return Θ = [W b] of tensors in the shapes of a layer's weight and bias, whichever train."""
    parts = [] if weight is None else [weight.flatten(1)]
    return torch.cat(parts if bias is None else [*parts, bias[:, None]], dim=1)


def separated(
    theta: Tensor, weight: Tensor | None, bias: Tensor | None
) -> tuple[Tensor | None, Tensor | None]:
    """Return Θ's columns in the shapes of `weight` and `bias`; the inverse of `joined`."""
    width = theta.shape[1] - (bias is not None)
    return (
        None if weight is None else theta[:, :width].reshape(weight.shape),
        None if bias is None else theta[:, -1],
    )
