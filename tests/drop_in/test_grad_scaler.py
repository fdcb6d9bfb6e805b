"""GradScaler: the loss's scale passes through linearly and an overflow skips the step."""

import pytest
import torch
import torch.nn.functional as F

from .models import MODELS, SETTINGS, data, directions


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", MODELS)
def test_unscaled_directions_are_those_without_scaler(kind, settings):
    build, shape = MODELS[kind]
    model = build(torch.float32, **settings)
    inputs, labels = data(*shape, dtype=torch.float32)
    expected = directions(model, inputs, labels)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    model.zero_grad()
    scaler.scale(F.cross_entropy(model(inputs), labels)).backward()
    scaler.unscale_(optimizer)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-4, atol=1e-7)


def check_that_an_overflow_skips_the_step(model, shape):
    inputs, labels = data(*shape, dtype=torch.float32)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**126)
    before = [parameter.clone() for parameter in model.parameters()]
    scaler.scale(F.cross_entropy(model(inputs), labels) * 1e6).backward()
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 2.0**125
    for parameter, kept in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter, kept)


@pytest.mark.parametrize("settings", SETTINGS)
def test_overflow_skips_the_step_and_lowers_the_scale(settings):
    build, shape = MODELS["mlp"]
    check_that_an_overflow_skips_the_step(build(torch.float32, **settings), shape)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", MODELS)
def test_overflow_in_a_direction_alone_skips_the_step(kind, settings):
    # No plain layer is left to notice it: the direction itself must say so.
    build, shape = MODELS[kind]
    check_that_an_overflow_skips_the_step(build(torch.float32, skip_last=False, **settings), shape)
