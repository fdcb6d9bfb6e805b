"""One large image is unfolded a strip of rows at a time: the memory does not grow with it."""

from __future__ import annotations

import torch

from proxprop.core.gram import ConvGeometry
from proxprop.core.gram.correlation import Precision
from proxprop.core.gram.patches import unfold_gram


def test_a_large_image_is_unfolded_in_strips() -> None:
    x = torch.rand(1, 3, 256, 256)
    single = Precision(torch.float32, torch.float32)
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as record:
        unfold_gram(x, ConvGeometry((7, 7)), single)
    events = [e for e in record.profiler.kineto_results.events() if e.name() == "[memory]"]
    alive = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        alive += event.nbytes()
        peak = max(peak, alive)
    patches = 147 * 250 * 250 * 4
    assert 0 < peak < 2 * 2**21 * 4 < patches / 2
