"""What is timed: the paper's networks at three batch sizes, and who competes on them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from proxprop import convert
from proxprop.models import build_model
from proxprop.spec.config import ModelConfig

# Nothing may be cached across steps: every contender sees this many batches in turn.
BATCHES = 16
IMAGE = (3, 32, 32)
CLASSES = 10


@dataclass(frozen=True)
class Case:
    """A network with its optimizer and batch size."""

    name: str
    model: str
    optimizer: str
    batch_size: int

    def build(self) -> nn.Module:
        """The plain network with its initial weights."""
        return build_model(ModelConfig(name=self.model), IMAGE, CLASSES, seed=0)


CASES = (
    Case("MLP, batch 500", "paper-mlp", "nesterov", 500),
    Case("ConvNet, batch 500", "paper-convnet", "adam", 500),
    Case("MLP, batch 50", "paper-mlp", "nesterov", 50),
    Case("ConvNet, batch 50", "paper-convnet", "adam", 50),
    Case("MLP, batch 2000", "paper-mlp", "nesterov", 2000),
    Case("ConvNet, batch 2000", "paper-convnet", "adam", 2000),
)

# None is plain torch, never touched by proxprop.
CONTENDERS: dict[str, dict[str, object] | None] = {
    "plain": None,
    "explicit": {"solver": "explicit"},
    "exact": {"solver": "exact"},
    "cg 1": {"solver": "cg", "cg_steps": 1},
    "cg 3": {"solver": "cg", "cg_steps": 3},
    "cg 10": {"solver": "cg", "cg_steps": 10},
}


class Contender:
    """One network in training: plain torch, or with one kind of direction.

    Attributes:
        model: The network.
        optimizer: Of the case, on this network's parameters.
    """

    def __init__(self, case: Case, settings: dict[str, object] | None, device: torch.device):
        self.model = case.build().to(device)
        if settings is not None:
            convert(self.model, tau=0.05, **settings)  # type: ignore[arg-type]
        self.optimizer = build_optimizer(case.optimizer, self.model, device)
        self.loss = torch.zeros((), device=device)

    def step(
        self, images: Tensor, labels: Tensor, mark: Callable[[], None] | None = None
    ) -> Tensor:
        """Take one training step; ``mark`` is called before each phase and at the end."""
        mark = mark or _nothing
        self.optimizer.zero_grad()
        mark()
        loss = F.cross_entropy(self.model(images), labels)
        mark()
        loss.backward()
        mark()
        self.optimizer.step()
        mark()
        self.loss = loss.detach()
        return self.loss

    def state_bytes(self) -> int:
        """Bytes that live between steps: parameters, buffers and optimizer state."""
        held = [*self.model.parameters(), *self.model.buffers()]
        for state in self.optimizer.state.values():
            held += [value for value in state.values() if isinstance(value, Tensor)]
        return sum(tensor.numel() * tensor.element_size() for tensor in held)

    def twin(self) -> Contender:
        """An independent copy, for measurements that must not disturb this one."""
        return copy.deepcopy(self)


def build_optimizer(name: str, model: nn.Module, device: torch.device) -> torch.optim.Optimizer:
    """The optimizers of the paper's two experiments; capturable in a CUDA graph."""
    if name == "adam":
        return torch.optim.Adam(model.parameters(), lr=1e-3, capturable=device.type == "cuda")
    # A small rate: the same for all, so that every contender stays finite and does the same work.
    return torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.95, nesterov=True)


def make_batches(batch_size: int, device: torch.device) -> list[tuple[Tensor, Tensor]]:
    """Smooth random images (coarse noise, enlarged) with random labels."""
    generator = torch.Generator().manual_seed(0)
    batches = []
    for _ in range(BATCHES):
        coarse = torch.rand(batch_size, 3, 8, 8, generator=generator)
        fine = torch.rand(batch_size, *IMAGE, generator=generator)
        images = F.interpolate(coarse, IMAGE[1:], mode="bilinear") * 0.8 + fine * 0.2
        labels = torch.randint(CLASSES, (batch_size,), generator=generator)
        batches.append((images.to(device), labels.to(device)))
    return batches


def _nothing() -> None:
    """Stand in for a clock that is not wanted."""
