"""The loop that the callbacks are compared with: ten lines of PyTorch."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from proxprop import convert, param_groups

LR, EXPLICIT_LR, TAU = 2.0, 0.05, 0.1


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))


def samples() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(40, 6, generator=generator)
    return inputs, (inputs[:, :3] + 0.1).argmax(1)


def losses(batches: Iterable[tuple[Tensor, Tensor]], halve_every: int = 0) -> list[float]:
    """Return every batch's loss before its step."""
    model = network()
    convert(model, tau=TAU)
    optimizer = torch.optim.SGD(param_groups(model, LR, EXPLICIT_LR), lr=LR, momentum=0.5)
    found = []
    for step, (inputs, labels) in enumerate(batches, 1):
        loss = nn.functional.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
        if halve_every and step % halve_every == 0:
            for group in optimizer.param_groups:
                group["lr"] /= 2
    return found
