"""Whole-set measures in pieces equal those in one."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F

from proxprop.data.dataset import Split
from proxprop.engine.training.session import SetEvaluation, piece_size
from proxprop.spec.catalog.models import layer_table


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_pieces_add_up(size):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(50, 4, dtype=torch.float64, generator=generator)
    targets = torch.randint(3, (50,), generator=generator)
    model = torch.nn.Linear(4, 3, dtype=torch.float64)
    evaluation = SetEvaluation(model, Split(inputs, targets), lambda x: x, size, nullcontext)
    pieces = 0
    while not evaluation.done:
        evaluation.advance()
        pieces += 1
    assert pieces == -(-50 // size)
    scores = model(inputs)
    assert evaluation.loss == pytest.approx(F.cross_entropy(scores, targets).item(), rel=1e-12)
    counts = torch.zeros(3, 3, dtype=torch.long)
    for truth, guess in zip(targets, scores.argmax(1)):
        counts[truth, guess] += 1
    assert torch.equal(evaluation.confusion, counts)
    assert evaluation.accuracy == pytest.approx(counts.diagonal().sum().item() / 50)


def test_larger_models_get_smaller_pieces():
    def size(name, shape):
        return piece_size(layer_table(name, (16, 8), "relu", shape, 10))

    assert size("mlp", (2,)) == 4096
    paper = size("paper-mlp", (3, 32, 32))
    weights = 3072 * 4000 + 4000 * 1000 + 1000 * 4000 + 4000 * 10
    assert paper == int(1e9 / weights)
    convolutions = 3 * 16 * 25 * 32**2 + 16 * 20 * 25 * 16**2 + 20 * 20 * 25 * 8**2
    last = 20 * 8 * 8 * 10
    assert size("paper-convnet", (3, 32, 32)) == int(1e9 / (convolutions + last))
