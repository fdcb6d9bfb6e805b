"""The order in which samples are seen: the same on every machine and device."""

from __future__ import annotations

import torch
from torch import Tensor

from proxprop.data.source import keyed_permutation


def epoch_permutation(seed: int, epoch: int, n: int) -> Tensor:
    """Return the order of the `n` training samples in one epoch, as int64 on the CPU.

    Args:
        seed: The run's seed, 0 ≤ seed < 2³².
        epoch: Passes done before this one, ≥ 0.
        n: Number of samples, ≥ 0.
    """
    return torch.from_numpy(keyed_permutation(n, seed, epoch))
