"""Gradient accumulation adds up the micro-batches' own directions, as documented."""

import pytest
import torch
import torch.nn.functional as F

from tests.reference import relative_error

from .models import MODELS, SETTINGS, data, directions


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", MODELS)
def test_accumulates_the_sum_of_directions(kind, settings):
    build, shape = MODELS[kind]
    model = build(**settings)
    batches = [data(*shape, seed=seed) for seed in (1, 2, 3)]
    alone = [directions(model, *batch) for batch in batches]
    model.zero_grad()
    for inputs, labels in batches:
        F.cross_entropy(model(inputs), labels).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, sum(each[name] for each in alone))


def test_the_sum_is_not_the_direction_of_the_joined_batch():
    build, shape = MODELS["mlp"]
    model = build()
    first, second = data(*shape, seed=1), data(*shape, seed=2)
    joined = directions(model, *(torch.cat(parts) for parts in zip(first, second, strict=True)))
    total = {
        name: (direction + directions(model, *second)[name]) / 2
        for name, direction in directions(model, *first).items()
    }
    assert relative_error(total["0.weight"], joined["0.weight"]) > 0.1
    # Explicit layers are linear in the batch, so for them the mean is the joined batch's gradient.
    torch.testing.assert_close(total["4.weight"], joined["4.weight"])
