"""An exact step needs hardly more memory than a plain one: factors and inverses lie in the Gram."""

from __future__ import annotations

import pytest
import torch

from benchmarks.cases import CASES, CONTENDERS, Case, Contender, make_batches
from benchmarks.memory import peak_bytes

# Those of 2000 images take seconds a step, and no more memory beside the plain one's than these.
NETWORKS = [
    pytest.param(
        case,
        id=case.name,
        marks=[pytest.mark.slow] if case.model in ("resnet18", "paper-mlp") else [],
    )
    for case in CASES
    if case.batch_size < 2000
]


@pytest.mark.parametrize("case", NETWORKS)
def test_an_exact_step_takes_a_tenth_more_memory_at_most(case: Case) -> None:
    device = torch.device("cpu")
    images, labels = make_batches(case.batch_size, device, case.shape)[0]
    peaks = {}
    for name in ("plain", "exact"):
        contender = Contender(case, CONTENDERS[name], device)
        contender.step(images, labels)
        peaks[name] = peak_bytes(contender, images, labels)
    assert peaks["exact"] <= 1.10 * peaks["plain"]
