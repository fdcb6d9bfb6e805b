"""The models a config can name, as tables of layers: no torch, so a form can show them at once.

`proxprop.models` builds exactly these layers, in this order.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

LayerKind = Literal["flatten", "linear", "conv", "pool"]
ACTIVATIONS = ("relu", "tanh", "sigmoid", "gelu", "elu", "softplus", "identity")
INITS = ("default", "kaiming", "xavier", "orthogonal")


@dataclass(frozen=True)
class ModelSpec:
    """One model family a config can name; `widths` is free only where `widths_free` is True."""

    name: str
    label: str
    widths: tuple[int, ...]
    widths_free: bool
    needs_image: bool
    about: str


_SPECS = (
    ModelSpec(
        "mlp", "Multilayer perceptron", (128, 64), widths_free=True, needs_image=False,
        about="Fully connected layers of the widths you choose.",
    ),
    ModelSpec(
        "paper-mlp", "The paper's MLP", (4000, 1000, 4000), widths_free=False, needs_image=False,
        about="4000-1000-4000 hidden units, as in Frerix et al. 2018.",
    ),
    ModelSpec(
        "paper-convnet", "The paper's ConvNet", (16, 20, 20), widths_free=False, needs_image=True,
        about="Three 5×5 convolutions with 16, 20, 20 channels, two poolings, one linear layer.",
    ),
    ModelSpec(
        "small-convnet", "Small ConvNet", (8, 16), widths_free=True, needs_image=True,
        about="3×3 convolutions of the widths you choose, each with a pooling, one linear layer.",
    ),
)  # fmt: skip

MODELS: dict[str, ModelSpec] = {spec.name: spec for spec in _SPECS}


@dataclass(frozen=True)
class LayerRow:
    """One row of a model's layer table.

    Attributes:
        name: Module name, also the prefix of its entries in a state dict.
        kind: "flatten", "linear", "conv" or "pool".
        shape: Output shape of one sample.
        parameters: Number of trainable numbers.
        activation: Element-wise function after it; "identity" for none.
        fan_in: Inputs of a linear layer, or input channels of a convolution.
        kernel: Kernel size of a convolution or pooling; 0 otherwise.
    """

    name: str
    kind: LayerKind
    shape: tuple[int, ...]
    parameters: int = 0
    activation: str = "identity"
    fan_in: int = 0
    kernel: int = 0


def layer_table(
    name: str,
    widths: tuple[int, ...],
    activation: str,
    input_shape: tuple[int, ...],
    classes: int,
    bias: bool = True,
) -> list[LayerRow]:
    """Return the layers of model `name`, first to last, for samples of `input_shape`.

    Args:
        name: Key of `MODELS`.
        widths: Hidden widths (or channels); ignored where the model fixes its own.
        activation: One of `ACTIVATIONS`, after every hidden layer.
        input_shape: Shape of one sample, (d,) or (C, H, W).
        classes: Number of classes, the width of the last layer.
        bias: Whether layers have a bias.

    Raises:
        ValueError: If the model needs images of a larger size than `input_shape`.
    """
    spec = MODELS[name]
    widths = widths if spec.widths_free else spec.widths
    rows: list[LayerRow] = []
    shape = input_shape
    if spec.needs_image:
        if len(shape) != 3:
            raise ValueError(
                f"model {name} needs images (C, H, W), got samples of shape {shape}; "
                "choose an image data set or the model 'mlp'"
            )
        kernel, poolings = (5, 2) if name == "paper-convnet" else (3, len(widths))
        rows = _convolutions(widths, activation, shape, bias, kernel, poolings)
        widths, shape = (), rows[-1].shape
    fan_in = prod(shape)
    if len(shape) > 1:
        rows.append(LayerRow("flatten", "flatten", (fan_in,)))
    activations = [activation] * len(widths) + ["identity"]
    for number, (width, after) in enumerate(zip((*widths, classes), activations), start=1):
        parameters = width * (fan_in + bias)
        rows.append(LayerRow(f"linear{number}", "linear", (width,), parameters, after, fan_in))
        fan_in = width
    return rows


def _convolutions(
    widths: tuple[int, ...],
    activation: str,
    shape: tuple[int, ...],
    bias: bool,
    kernel: int,
    poolings: int,
) -> list[LayerRow]:
    channels, height, width = shape
    rows: list[LayerRow] = []
    for number, out in enumerate(widths, start=1):
        parameters = out * (channels * kernel**2 + bias)
        after = (out, height, width)
        rows.append(
            LayerRow(f"conv{number}", "conv", after, parameters, activation, channels, kernel)
        )
        channels = out
        if number <= poolings:
            height, width = height // 2, width // 2
            if min(height, width) < 1:
                raise ValueError(
                    f"model.widths has {len(widths)} convolutions with a 2×2 pooling each, too "
                    f"many for {shape[1]}×{shape[2]} images; use fewer"
                )
            rows.append(LayerRow(f"pool{number}", "pool", (out, height, width), kernel=2))
    return rows
