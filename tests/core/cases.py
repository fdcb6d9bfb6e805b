"""Layers and batches that the numeric tests share."""

from __future__ import annotations

import torch
from torch import Tensor

from proxprop import ProxPropLinear
from tests.reference import augmented


def make_layer(d_in: int, d_out: int, bias: bool = True, dtype=torch.float64, **prox):
    torch.manual_seed(d_in * 1000 + d_out)
    return ProxPropLinear(d_in, d_out, bias, dtype=dtype, **prox)


def backward(layer: ProxPropLinear, input: Tensor, grad_output: Tensor) -> Tensor:
    """Run the layer back and return its direction, the bias's column last."""
    layer.zero_grad()
    layer(input).backward(grad_output)
    return direction_of(layer)


def direction_of(layer: ProxPropLinear) -> Tensor:
    parts = []
    if layer.weight.grad is not None:
        parts.append(layer.weight.grad)
    if layer.bias is not None and layer.bias.grad is not None:
        parts.append(layer.bias.grad[:, None])
    return torch.cat(parts, dim=1)


def columns_of(layer: ProxPropLinear, input: Tensor) -> Tensor:
    """Ã of a layer for an input of any leading shape."""
    trains_bias = layer.bias is not None and layer.bias.requires_grad
    rows = input.detach().reshape(-1, input.shape[-1])
    return augmented(rows, layer.weight.requires_grad, trains_bias)


def batch(shape: tuple[int, ...], d_out: int, seed: int = 0, dtype=torch.float64):
    """An input and a gradient at the output, both standard normal."""
    generator = torch.Generator().manual_seed(seed)
    input = torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)
    out = (*shape[:-1], d_out)
    return input, torch.randn(*out, generator=generator, dtype=torch.float64).to(dtype)
