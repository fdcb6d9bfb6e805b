"""Builds the models a config can name: exactly the rows of the catalog's layer table."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import nn

from proxprop.spec.catalog.models import LayerRow
from proxprop.spec.config import ModelConfig

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "elu": nn.ELU,
    "softplus": nn.Softplus,
    "identity": nn.Identity,
}


def build_model(
    config: ModelConfig,
    shape: tuple[int, ...],
    classes: int,
    seed: int,
    dtype: torch.dtype = torch.float32,
) -> nn.Sequential:
    """Return the model of `config` with initial weights that depend on seed and model only.

    Weights are drawn on the CPU in float32 from a private generator, then converted: the same
    numbers on every device and in every precision, and torch's global generator stays untouched.

    Args:
        config: Which network.
        shape: Shape of one sample, (d,) or (C, H, W).
        classes: Width of the last layer, ≥ 1.
        seed: Seed of the initial weights.
        dtype: Type of the parameters; default float32.

    Returns:
        Modules in order, named as in `proxprop.spec.catalog.models.layer_table`; the activation of
        the n-th hidden layer is a module of its own, "act<n>".

    Raises:
        ValueError: If the model does not fit samples of `shape`.
    """
    rows = config.layers(shape, classes)
    generator = torch.Generator().manual_seed(seed)
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for row in rows:
        module = _module(row, config.bias)
        if isinstance(module, nn.Linear | nn.Conv2d):
            _initialise(module, config.init, row.activation, generator)
        modules[row.name] = module
        if row.activation != "identity":
            index = sum(name.startswith("act") for name in modules) + 1
            modules[f"act{index}"] = _ACTIVATIONS[row.activation]()
    return nn.Sequential(modules).to(dtype)


def weight_layers(model: nn.Module) -> dict[str, nn.Linear | nn.Conv2d]:
    """Return the linear and convolutional layers of `model` by name, first to last."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    }


def _module(row: LayerRow, bias: bool) -> nn.Module:
    if row.kind == "flatten":
        return nn.Flatten()
    if row.kind == "pool":
        return nn.MaxPool2d(row.kernel)
    # On "meta" first: torch's own initialisation would draw from the global generator.
    meta = torch.device("meta")
    layer: nn.Module
    if row.kind == "linear":
        layer = nn.Linear(row.fan_in, row.shape[0], bias=bias, device=meta)
    else:
        layer = nn.Conv2d(
            row.fan_in, row.shape[0], row.kernel, padding=row.kernel // 2, bias=bias, device=meta
        )
    return layer.to_empty(device="cpu")


def _initialise(
    layer: nn.Linear | nn.Conv2d, init: str, activation: str, generator: torch.Generator
) -> None:
    if init == "kaiming":
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
    elif init == "xavier":
        nn.init.xavier_uniform_(layer.weight, generator=generator)
    elif init == "orthogonal":
        gain = 2**0.5 if activation in ("relu", "gelu", "elu", "softplus") else 1.0
        nn.init.orthogonal_(layer.weight, gain, generator=generator)
    else:
        # torch's default: U(±1/√fan_in) for weights and biases alike.
        nn.init.kaiming_uniform_(layer.weight, a=5**0.5, generator=generator)
    if layer.bias is None:
        return
    if init == "default":
        bound = layer.weight[0].numel() ** -0.5
        nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    else:
        nn.init.zeros_(layer.bias)
