"""The joined batch of several processes: what each of them gathers to take its whole step."""

from __future__ import annotations

import torch
from torch import Tensor

from proxprop.core.solvers.precision import compute_dtype


def joined_batch(input: Tensor, grad_output: Tensor) -> tuple[Tensor, Tensor]:
    """Every process's samples and Δ, in the order of their ranks.

    Each process differentiates a loss of its own, of which data-parallel training takes the mean:
    the Δ that belongs to it is each one's over their number.

    Args:
        input: This process's, (N, ...); processes may have different N, but all have to ask.
        grad_output: Δ of its own loss, (N, ...).
    """
    # Late: a single process needs nothing of it.
    import torch.distributed as dist

    if not (dist.is_available() and dist.is_initialized()):
        return input, grad_output
    dtype, processes = compute_dtype(input, grad_output), dist.get_world_size()
    counts = input.new_zeros(processes, dtype=torch.int64)
    counts[dist.get_rank()] = len(input)
    dist.all_reduce(counts)
    sizes = counts.tolist()  # the shapes of what comes; on an accelerator the one wait of a layer

    def gathered(tensor: Tensor) -> Tensor:
        padded = tensor.new_zeros(max(sizes), *tensor.shape[1:], dtype=dtype)
        padded[: len(tensor)] = tensor
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes)])

    return gathered(input), gathered(grad_output) / processes
