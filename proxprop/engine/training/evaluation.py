"""Losses and accuracies over whole sets, in pieces short enough to obey controls in between."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from proxprop.data.dataset import Split
from proxprop.spec.catalog.models import LayerRow

# A piece of this many multiply-adds takes well under 0.1 s on two slow cores.
_PIECE_FLOPS = 1e9
_MOST_SAMPLES = 4096


def piece_size(rows: list[LayerRow]) -> int:
    """Return how many samples to evaluate at once.

    It depends on the model alone, never on measured time, so that sums round the same way each
    time.
    """
    return max(1, min(_MOST_SAMPLES, int(_PIECE_FLOPS / max(1, forward_flops(rows)))))


def forward_flops(rows: list[LayerRow]) -> int:
    """Return the multiply-adds of one sample's forward pass through these layers."""
    return sum(
        row.fan_in * prod(row.shape) * (row.kernel**2 if row.kind == "conv" else 1)
        for row in rows
        if row.kind in ("linear", "conv")
    )


class SetEvaluation:
    """Mean loss, accuracy and confusion of a model over one split, piece by piece.

    Args:
        model: Maps prepared samples to class scores.
        split: Samples to evaluate on; at least one.
        prepare: From stored samples to what the model sees.
        size: Samples per piece.
        autocast: Opens the precision the model runs in.
    """

    def __init__(
        self,
        model: nn.Module,
        split: Split,
        prepare: Callable[[Tensor], Tensor],
        size: int,
        autocast: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._model = model
        self._split = split
        self._prepare = prepare
        self._size = size
        self._autocast = autocast
        self._at = 0
        self._loss = torch.zeros((), dtype=torch.float64, device=split.targets.device)
        self._confusion: Tensor | None = None

    @property
    def done(self) -> bool:
        """Whether the whole split has been seen."""
        return self._at >= len(self._split)

    @torch.no_grad()
    def advance(self) -> None:
        """Evaluate the next piece."""
        piece = slice(self._at, self._at + self._size)
        self._at += self._size
        targets = self._split.targets[piece]
        with self._autocast():
            scores = self._model(self._prepare(self._split.inputs[piece]))
            self._loss += F.cross_entropy(scores, targets, reduction="sum").double()
        classes = scores.shape[1]
        pairs = torch.bincount(targets * classes + scores.argmax(1), minlength=classes**2)
        self._confusion = pairs if self._confusion is None else self._confusion + pairs

    @property
    def loss(self) -> float:
        """Mean cross-entropy over the split."""
        return float(self._loss) / len(self._split)

    @property
    def accuracy(self) -> float:
        """Fraction of samples whose largest score is the right one."""
        return float(self.confusion.diagonal().sum()) / len(self._split)

    @property
    def confusion(self) -> Tensor:
        """Counts, classes × classes: row = true class, column = predicted class."""
        assert self._confusion is not None, "advance() first"
        classes = round(self._confusion.numel() ** 0.5)
        return self._confusion.view(classes, classes)
