"""Small models and data that the citizenship tests share."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from proxprop import convert

SETTINGS = [{"solver": "exact"}, {"solver": "cg", "cg_steps": 2}]


def mlp(dtype: torch.dtype = torch.float64, seed: int = 0, **prox) -> nn.Sequential:
    """A network of two proximal layers and a plain last one."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 7), nn.Tanh(), nn.Linear(7, 3)
    ).to(dtype)
    convert(model, **{"tau": 0.5, **prox})
    return model


def convnet(dtype: torch.dtype = torch.float64, seed: int = 0, **prox) -> nn.Sequential:
    """A proximal convolution and linear layer, and a plain last layer, for 6 × 6 images."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 7),
        nn.Tanh(),
        nn.Linear(7, 3),
    ).to(dtype)
    convert(model, **{"tau": 0.5, **prox})
    return model


def data(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Inputs and class labels."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)
    return inputs, torch.randint(0, 3, shape[:1], generator=generator)


MODELS = {"mlp": (mlp, (10, 6)), "convnet": (convnet, (10, 2, 6, 6))}


def directions(model: nn.Module, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """What one backward pass leaves in ``.grad``."""
    model.zero_grad()
    F.cross_entropy(model(inputs), labels).backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
