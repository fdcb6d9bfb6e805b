"""Real inputs and small nets the spectrum tests share."""

import gzip
import os
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from proxprop.analysis.capture import layer_calls


@cache
def digits() -> tuple[Tensor, Tensor]:
    data = load_digits()
    return torch.tensor(data.data / 16.0, dtype=torch.float64), torch.tensor(data.target)


def fashion_mnist(count: int) -> Tensor:
    """The first images, (count, 784) in [0, 1]; skips where the files are not at hand."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    root = Path(os.environ.get("PROXPROP_DATA", beside))
    path = root / "FashionMNIST" / "raw" / "train-images-idx3-ubyte.gz"
    if not path.exists():
        pytest.skip(f"Fashion-MNIST not found at {path}; set PROXPROP_DATA to its folder")
    with gzip.open(path) as file:
        pixels = np.frombuffer(file.read(16 + 784 * count), dtype=np.uint8, offset=16)
    return torch.tensor(pixels.reshape(count, 784) / 255.0, dtype=torch.float64)


def mlp(*widths: int, activation: type[nn.Module] = nn.Tanh, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for d_in, d_out in pairwise(widths):
        layers += [nn.Linear(d_in, d_out), activation()]
    return nn.Sequential(*layers[:-1]).double()


def with_ones(rows: Tensor) -> Tensor:
    return torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)


def layer_inputs(model: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    """Return what each Linear and Conv2d layer of a model receives, by qualified name.

    A layer used several times keeps the rows of all its uses, which its Gram adds up.
    """
    modules = dict(model.named_modules())

    def pooled(name: str, parts: list[Tensor]) -> Tensor:
        if isinstance(modules[name], nn.Linear):
            parts = [part.flatten(0, -2) for part in parts]
        return torch.cat(parts)

    return {name: pooled(name, parts) for name, parts in layer_calls(model, inputs).items()}
