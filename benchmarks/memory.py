"""Peak memory of a training step: the CUDA allocator's statistics, or the profiler's record."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from benchmarks.cases import Contender


def peak_bytes(contender: Contender, images: Tensor, labels: Tensor) -> int:
    """Most bytes alive at once in one step: what lives between steps, the batch, and the rest."""
    held = contender.state_bytes() + sum(
        tensor.numel() * tensor.element_size() for tensor in (images, labels)
    )
    contender.optimizer.zero_grad()
    if images.device.type == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        contender.step(images, labels)
        torch.cuda.synchronize()
        return held + torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        contender.step(images, labels)
    alive = peak = 0
    events = [
        event for event in record.profiler.kineto_results.events() if event.name() == "[memory]"
    ]
    if not events:
        raise RuntimeError("the profiler recorded no allocation; is this torch built with kineto?")
    for event in sorted(events, key=lambda event: event.start_ns()):
        alive += event.nbytes()
        peak = max(peak, alive)
    return held + peak
