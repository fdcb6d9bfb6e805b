"""The convolutions that every Gram and every direction is checked on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

# Kernel 1–7 and rectangular, stride 1–3, every kind and mode of padding, dilation 1–3, groups.
GEOMETRIES: dict[str, dict[str, Any]] = {
    "1x1": {"kernel_size": 1},
    "1x1 padded": {"kernel_size": 1, "padding": 1},
    "1x1 strided": {"kernel_size": 1, "stride": 2},
    "2": {"kernel_size": 2},
    "2 same": {"kernel_size": 2, "padding": "same"},
    "3": {"kernel_size": 3},
    "3 padded": {"kernel_size": 3, "padding": 1},
    "3 padded past its reach": {"kernel_size": 3, "padding": 4},
    "3x1": {"kernel_size": (3, 1), "padding": (1, 0)},
    "2x5": {"kernel_size": (2, 5), "padding": (1, 3)},
    "4 valid": {"kernel_size": 4, "padding": "valid"},
    "4x3 same, dilated": {"kernel_size": (4, 3), "padding": "same", "dilation": (1, 3)},
    "5 padded": {"kernel_size": 5, "padding": 2},
    "5 dilated": {"kernel_size": (3, 5), "padding": 3, "dilation": 2},
    "6 padded": {"kernel_size": 6, "padding": 4},
    "7 padded": {"kernel_size": 7, "padding": 3},
    "7 strided": {"kernel_size": 7, "padding": 3, "stride": 2},
    "3 stride 2": {"kernel_size": 3, "padding": 1, "stride": 2},
    "3 stride 3x1": {"kernel_size": 3, "padding": 1, "stride": (3, 1)},
    "2 stride 3": {"kernel_size": 2, "stride": 3},
    "3 dilation 3": {"kernel_size": 3, "padding": 3, "dilation": 3},
    "3 strided and dilated": {"kernel_size": 3, "padding": 2, "stride": 2, "dilation": (2, 1)},
    "3 groups": {"kernel_size": 3, "padding": 1, "groups": 2},
    "3 strided groups": {"kernel_size": 3, "stride": 2, "groups": 2},
    "depthwise": {"kernel_size": 3, "padding": 1, "groups": 4},
    "reflect": {"kernel_size": 3, "padding": (1, 2), "padding_mode": "reflect"},
    "replicate": {"kernel_size": 5, "padding": 2, "padding_mode": "replicate"},
    "circular": {"kernel_size": (3, 4), "padding": "same", "padding_mode": "circular"},
    "reflect strided": {
        "kernel_size": 3,
        "padding": 1,
        "stride": 2,
        "padding_mode": "reflect",
        "groups": 2,
    },
}

# Odd and even sizes; kernels larger than the unpadded image; a single sample.
SIZES = [(1, 9, 7), (3, 8, 11), (20, 7, 7)]


def convolution(geometry: dict[str, Any], bias: bool = True) -> nn.Conv2d:
    """A float64 convolution of 4 channels, with two units per group and channel."""
    torch.manual_seed(0)
    return nn.Conv2d(4, 8, bias=bias, dtype=torch.float64, **geometry)


def images(samples: int, height: int, width: int, channels: int = 4) -> Tensor:
    """Random images with a mean, as activations have."""
    generator = torch.Generator().manual_seed(samples)
    noise = torch.randn(samples, channels, height, width, generator=generator, dtype=torch.float64)
    return noise + 0.5
