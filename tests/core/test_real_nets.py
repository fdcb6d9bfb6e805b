"""float32 on real images: the exact direction of small nets' and tokens' layers against float64."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from proxprop import convert
from proxprop.conversion import iter_prox_layers
from proxprop.core.linear import linear_direction
from proxprop.models import build_model
from proxprop.settings import SolveSpec
from proxprop.spec.config import ModelConfig
from tests.reference import augmented, relative_error

FASHION = Path(__file__).parents[3] / "shared" / "data" / "FashionMNIST" / "raw"
STEPS = 20
TAUS = (0.05, 1.0, 10.0, 100.0, 1e4)

pytestmark = pytest.mark.slow

Problem = tuple[str, Tensor, Tensor]


def fashion_batch(count: int) -> tuple[Tensor, Tensor]:
    files = [FASHION / f"train-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")]
    if not all(file.exists() for file in files):
        pytest.skip(f"needs Fashion-MNIST in {FASHION}")
    images, labels = (np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8) for file in files)
    pixels = images[16 : 16 + count * 784].reshape(count, 1, 28, 28)
    return torch.tensor(pixels) / 255, torch.tensor(labels[8 : 8 + count]).long()


class Tokens(nn.Module):
    """Image patches through one pre-norm transformer block: rows that sum to zero, and GELU's."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.patch = nn.Linear(48, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.head = nn.Linear(width, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patch(F.unfold(images, 4, stride=4).mT)
        query, key, value = self.qkv(self.norm1(x)).chunk(3, -1)
        x = x + self.proj(F.scaled_dot_product_attention(query, key, value))
        x = x + self.fc2(F.gelu(self.fc1(self.norm2(x))))
        pooled: Tensor = self.head(x.mean(1))
        return pooled


def problems(model: nn.Module, inputs: Tensor, labels: Tensor) -> list[Problem]:
    """(name, rows, Δ) of each hidden layer, fresh and after some training."""
    torch.manual_seed(0)
    convert(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    found: list[Problem] = []
    for step in range(STEPS + 1):
        for name, layer in iter_prox_layers(model):
            layer.observer = None
            if step in (0, STEPS):
                layer.observer = lambda record, about=f"{name}, step {step}": found.append(
                    (about, record.input, record.grad_output)
                )
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    return found


def mlp(widths: tuple[int, ...]) -> nn.Module:
    return build_model(ModelConfig(name="mlp", widths=widths), (1, 28, 28), 10, seed=0)


def cases(cifar: tuple[Tensor, Tensor]) -> dict[str, list[Problem]]:
    images, labels = fashion_batch(500)
    torch.manual_seed(0)
    tokens = Tokens()
    return {
        "small": problems(mlp((256, 128)), images, labels),
        "small, batch 100": problems(mlp((256, 128)), images[:100], labels[:100]),
        "wide": problems(mlp((1000, 300, 1000)), images, labels),
        "tokens": problems(tokens, (cifar[0][:40] - 0.45) / 0.25, cifar[1][:40]),
    }


def test_directions_of_real_images_are_within_two_per_mille(
    cifar_batch: tuple[Tensor, Tensor],
) -> None:
    errors: dict[tuple[str, str, float], float] = {}
    for net, found in cases(cifar_batch).items():
        for name, rows, delta in found:
            delta = delta[:, :: max(1, delta.shape[1] // 64)]
            columns = augmented(rows, True, True)
            # Ã = UΣVᵀ, so D = Δᵀ U Σ/(Σ² + 1/τ) Vᵀ: no Gram, no product of squares.
            left, singular, right = torch.linalg.svd(columns, full_matrices=False)
            for tau in TAUS:
                spec = SolveSpec(tau, "exact", 1, 0.0)
                direction = linear_direction(rows, delta, spec, True, True)
                assert direction.weight is not None
                assert direction.bias is not None
                joined = torch.cat([direction.weight, direction.bias[:, None]], dim=1)
                filtered = delta.double().T @ left * (singular / (singular.square() + 1 / tau))
                errors[net, name, tau] = relative_error(joined, filtered @ right)
    assert len(errors) == (2 * 2 + 2 * 2 + 2 * 3 + 2 * 5) * len(TAUS)
    assert max(errors.values()) < 2e-3, {key: e for key, e in errors.items() if e >= 2e-3}
