"""Sequential nets and batches the penalty tests share."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Case:
    model: nn.Sequential
    inputs: Tensor
    target: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]

    def objective(self) -> Tensor:
        return self.loss(self.model(self.inputs), self.target)


def mlp(activation: type[nn.Module] = nn.Tanh, *, bias: bool = True, samples: int = 12) -> Case:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(7, 9, bias=bias),
        activation(),
        nn.Linear(9, 8, bias=bias),
        activation(),
        nn.Linear(8, 6, bias=bias),
        activation(),
        nn.Linear(6, 4, bias=bias),
    ).double()
    inputs = torch.randn(samples, 7, dtype=torch.float64)
    return Case(model, inputs, torch.arange(samples) % 4, F.cross_entropy)


def convnet(activation: type[nn.Module] = nn.ReLU) -> Case:
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), activation(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(4, 5, 3, stride=2, padding=(1, 2)), activation()),
        nn.Flatten(),
        nn.Linear(5 * 2 * 3, 6),
        activation(),
        nn.Linear(6, 3),
    ).double()
    # More samples than CG steps: a converged system is at the mercy of each solver's stopping.
    inputs = torch.randn(9, 2, 8, 8, dtype=torch.float64)
    return Case(model, inputs, torch.randn(9, 3, dtype=torch.float64), F.mse_loss)


def padded_convnet() -> Case:
    torch.manual_seed(2)
    model = nn.Sequential(
        nn.Conv2d(2, 3, (2, 3), padding="same", dilation=(1, 2), padding_mode="circular"),
        nn.ReLU(inplace=True),
        nn.Conv2d(3, 3, 2, padding="valid", bias=False),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(3 * 2 * 2, 4),
        nn.LogSoftmax(dim=1),
    ).double()
    inputs = torch.randn(4, 2, 5, 5, dtype=torch.float64)
    return Case(model, inputs, torch.arange(4), F.nll_loss)


def sequence_mlp() -> Case:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(3, 5), nn.SiLU(), nn.Linear(5, 2)).double()
    inputs = torch.randn(4, 6, 3, dtype=torch.float64)
    return Case(model, inputs, torch.randn(4, 6, 2, dtype=torch.float64), F.mse_loss)


CASES: dict[str, Callable[[], Case]] = {
    "mlp-tanh": mlp,
    "mlp-relu": lambda: mlp(nn.ReLU),
    "mlp-gelu": lambda: mlp(nn.GELU),
    "mlp-sigmoid-no-bias": lambda: mlp(nn.Sigmoid, bias=False),
    "mlp-one-sample": lambda: mlp(nn.ELU, samples=1),
    "convnet-relu": convnet,
    "convnet-tanh": lambda: convnet(nn.Tanh),
    "convnet-padded-inplace": padded_convnet,
    "mlp-sequence": sequence_mlp,
}
