"""A layer's input matrix Ã as an operator: products, Grams and trace, never unfolded whole."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_weight

# Patches are unfolded at most this many values at a time (32 MiB in float64).
CHUNK_VALUES = 1 << 22


class LayerRows(ABC):
    """The rows Ã of one layer (one group of it), restricted to the columns that train.

    Attributes:
        count: Number of rows: samples, or patches of a convolution.
        columns: Number of columns, the bias' included.
    """

    count: int
    weight_columns: int
    bias: bool

    @property
    def columns(self) -> int:
        """Number of columns of Ã."""
        return self.weight_columns + self.bias

    @abstractmethod
    def chunks(self) -> Iterator[Tensor]:
        """Yield the rows without the bias' column, a bounded number at a time."""

    @abstractmethod
    def _times(self, vector: Tensor) -> Tensor:
        """Return ``A v`` for the weight's part. Shape: (d,) to (rows,)."""

    @abstractmethod
    def _transposed_times(self, vector: Tensor) -> Tensor:
        """Return ``Aᵀ u`` for the weight's part. Shape: (rows,) to (d,)."""

    def gram_times(self, vector: Tensor) -> Tensor:
        """Return ``ÃᵀÃ v`` without forming the Gram. Shape: (columns,)."""
        image = vector.new_zeros(self.count)
        if self.weight_columns:
            image = image + self._times(vector[: self.weight_columns])
        if self.bias:
            image = image + vector[-1]
        parts = [self._transposed_times(image)] if self.weight_columns else []
        if self.bias:
            parts.append(image.sum()[None])
        return torch.cat(parts)

    def dense(self) -> Tensor:
        """Return Ã itself; meant for few rows. Shape: (rows, columns)."""
        return torch.cat([self._with_bias(chunk) for chunk in self.chunks()])

    def gram(self) -> Tensor:
        """Return ``ÃᵀÃ``, summed up chunk by chunk. Shape: (columns, columns)."""
        total: Tensor | None = None
        for chunk in self.chunks():
            rows = self._with_bias(chunk)
            total = rows.T @ rows if total is None else total.addmm_(rows.T, rows)
        assert total is not None
        return total

    def gradient(self, grad_output: Tensor) -> Tensor:
        """Return ``G = ΔᵀÃ``, summed up chunk by chunk. Shape: (rows, m) to (m, columns)."""
        total = grad_output.new_zeros(grad_output.shape[1], self.columns)
        start = 0
        for chunk in self.chunks():
            part = grad_output[start : start + len(chunk)]
            total.addmm_(part.T, self._with_bias(chunk))
            start += len(chunk)
        return total

    def trace(self) -> float:
        """Return ``tr ÃᵀÃ = ‖Ã‖²``, an upper bound of λ_max."""
        return sum(float(chunk.square().sum()) for chunk in self.chunks()) + self.bias * self.count

    def _with_bias(self, chunk: Tensor) -> Tensor:
        return torch.cat([chunk, chunk.new_ones(len(chunk), 1)], dim=1) if self.bias else chunk


class LinearRows(LayerRows):
    """Rows of a linear layer: its input with all leading dimensions flattened."""

    def __init__(self, inputs: Tensor, *, weight: bool, bias: bool) -> None:
        self.matrix = inputs.reshape(-1, inputs.shape[-1])
        if not weight:
            self.matrix = self.matrix[:, :0]
        self.count, self.weight_columns = self.matrix.shape
        self.bias = bias

    def chunks(self) -> Iterator[Tensor]:
        """Yield the matrix: it is there already."""
        yield self.matrix

    def _times(self, vector: Tensor) -> Tensor:
        return self.matrix @ vector

    def _transposed_times(self, vector: Tensor) -> Tensor:
        return self.matrix.T @ vector


class PatchRows(LayerRows):
    """Rows of a convolution: its patches. Products are convolutions, so nothing is unfolded."""

    def __init__(self, padded: Tensor, conv: nn.Conv2d, *, weight: bool, bias: bool) -> None:
        self.inputs = padded
        self.kernel_size = (conv.kernel_size[0], conv.kernel_size[1])
        self.stride = (conv.stride[0], conv.stride[1])
        self.dilation = (conv.dilation[0], conv.dilation[1])
        self.positions = tuple(
            (size - dilation * (kernel - 1) - 1) // stride + 1
            for size, dilation, kernel, stride in zip(
                padded.shape[-2:], self.dilation, self.kernel_size, self.stride
            )
        )
        self.count = len(padded) * self.positions[0] * self.positions[1]
        full = padded.shape[1] * self.kernel_size[0] * self.kernel_size[1]
        self.weight_columns = full if weight else 0
        self.bias = bias

    def chunks(self) -> Iterator[Tensor]:
        """Yield the patches of some images at a time."""
        per_image = max(1, self.weight_columns * self.positions[0] * self.positions[1])
        for images in torch.split(self.inputs, max(1, CHUNK_VALUES // per_image)):
            patches = F.unfold(images, self.kernel_size, self.dilation, 0, self.stride)
            rows = patches.transpose(1, 2).reshape(-1, patches.shape[1])
            yield rows if self.weight_columns else rows[:, :0]

    def _times(self, vector: Tensor) -> Tensor:
        kernel = vector.reshape(1, self.inputs.shape[1], *self.kernel_size)
        image = F.conv2d(self.inputs, kernel, stride=self.stride, dilation=self.dilation)
        return image.reshape(-1)

    def _transposed_times(self, vector: Tensor) -> Tensor:
        shape = [1, self.inputs.shape[1], *self.kernel_size]
        image = vector.reshape(len(self.inputs), 1, *self.positions)
        kernel: Tensor = conv2d_weight(  # type: ignore[no-untyped-call]
            self.inputs, shape, image, stride=self.stride, dilation=self.dilation
        )
        return kernel.reshape(-1)


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
    padded = _padded(layer, inputs)
    groups = padded.chunk(layer.groups, dim=1)
    return [PatchRows(group, layer, weight=weight, bias=bias) for group in groups]


def _padded(conv: nn.Conv2d, inputs: Tensor) -> Tensor:
    if inputs.dim() == 3:
        inputs = inputs[None]
    # torch keeps the explicit amounts of every padding option, "same" included, in F.pad's order.
    amounts = list(conv._reversed_padding_repeated_twice)
    if not any(amounts):
        return inputs
    mode = "constant" if conv.padding_mode == "zeros" else conv.padding_mode
    return F.pad(inputs, amounts, mode=mode)
