"""What is timed: the paper's networks, small and token-shaped ones, and who competes on them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.networks import NETWORKS
from proxprop import convert
from proxprop.models import build_model
from proxprop.spec.config import ModelConfig

# Nothing may be cached across steps: every contender sees this many batches in turn.
BATCHES = 16
IMAGE = (3, 32, 32)
CLASSES = 10


@dataclass(frozen=True)
class Case:
    """A network with its optimizer and batch size.

    Attributes:
        name: As printed.
        model: Of the catalog or of `benchmarks.networks`.
        optimizer: Name for :func:`build_optimizer`.
        batch_size: Images in a batch.
        shape: Of an image.
        widths: Hidden widths of the catalog's "mlp".
    """

    name: str
    model: str
    optimizer: str
    batch_size: int
    shape: tuple[int, int, int] = IMAGE
    widths: tuple[int, ...] = (128, 64)

    def build(self) -> nn.Module:
        """The plain network with its initial weights."""
        if self.model in NETWORKS:
            torch.manual_seed(0)
            return NETWORKS[self.model]()
        config = ModelConfig(name=self.model, widths=self.widths)
        return build_model(config, self.shape, CLASSES, seed=0)


FASHION, DIGITS = (1, 28, 28), (1, 8, 8)
SMALL, WIDE = (256, 128), (1000, 300, 1000)

CASES = (
    Case("MLP, batch 500", "paper-mlp", "nesterov", 500),
    Case("MLP, batch 2000", "paper-mlp", "nesterov", 2000),
    Case("ConvNet, batch 500", "paper-convnet", "adam", 500),
    Case("ConvNet, batch 2000", "paper-convnet", "adam", 2000),
    Case("ConvNet, batch 50", "paper-convnet", "adam", 50),
    Case("784-1000-300-1000-10, batch 500", "mlp", "nesterov", 500, FASHION, WIDE),
    Case("784-256-128-10, batch 500", "mlp", "nesterov", 500, FASHION, SMALL),
    Case("784-256-128-10, batch 100", "mlp", "nesterov", 100, FASHION, SMALL),
    Case("64-128-64-10, batch 100", "mlp", "nesterov", 100, DIGITS),
    Case("ViT, batch 64", "transformer", "adam", 64),
    Case("ResNet-18, batch 32", "resnet18", "nesterov", 32),
)

# None is plain torch, never touched by proxprop.
CONTENDERS: dict[str, dict[str, object] | None] = {
    "plain": None,
    "exact": {"solver": "exact"},
    "cg 3": {"solver": "cg", "cg_steps": 3},
    "running": {"gram": "running", "refresh": 10},
}

# Steps that a contender's cost is an average of.
CYCLES = {"running": 10}


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


def make_batches(
    batch_size: int, device: torch.device, shape: tuple[int, int, int] = IMAGE
) -> list[tuple[Tensor, Tensor]]:
    """Smooth random images (coarse noise, enlarged) with random labels."""
    generator = torch.Generator().manual_seed(0)
    batches = []
    for _ in range(BATCHES):
        coarse = torch.rand(batch_size, shape[0], 8, 8, generator=generator)
        fine = torch.rand(batch_size, *shape, generator=generator)
        images = F.interpolate(coarse, shape[1:], mode="bilinear") * 0.8 + fine * 0.2
        labels = torch.randint(CLASSES, (batch_size,), generator=generator)
        batches.append((images.to(device), labels.to(device)))
    return batches


def _nothing() -> None:
    """Stand in for a clock that is not wanted."""
