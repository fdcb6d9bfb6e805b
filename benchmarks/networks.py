"""Networks that are timed beside the catalog's: a small vision transformer and ResNet-18."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = 10


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, tokens, width), the same."""
        samples, tokens, width = x.shape
        parts = self.qkv(self.norm1(x)).view(samples, tokens, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        x = x + self.proj(mixed.transpose(1, 2).reshape(x.shape))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Transformer(nn.Module):
    """4 blocks of width 128 on the 64 patches of a 32 × 32 image and a class token."""

    def __init__(self, width: int = 128, depth: int = 4, heads: int = 4) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, width, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(0.02 * torch.randn(1, 65, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, 32, 32) to scores (N, 10)."""
        patches = self.patch(images).flatten(2).mT
        x = torch.cat([self.token.expand(len(images), -1, -1), patches], 1) + self.position
        scores: Tensor = self.head(self.norm(self.blocks(x))[:, 0])
        return scores


def resnet18() -> nn.Module:
    """Torchvision's ResNet-18 with the stem that is usual for CIFAR: 3 × 3, no pooling."""
    from torchvision.models import resnet18 as build  # only where it is asked for

    model: nn.Module = build(num_classes=CLASSES)
    model.add_module("conv1", nn.Conv2d(3, 64, 3, padding=1, bias=False))
    model.add_module("maxpool", nn.Identity())
    return model


NETWORKS: dict[str, Callable[[], nn.Module]] = {"transformer": Transformer, "resnet18": resnet18}
