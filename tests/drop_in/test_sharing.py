"""Weight sharing: each use solves its own system and the directions add up."""

import pytest
import torch
from torch import nn

from proxprop import ProxPropLinear, convert
from tests.reference import augmented, exact_direction, relative_error


@pytest.mark.parametrize("shared", ["module", "parameter"])
def test_directions_of_the_uses_add_up(shared):
    torch.manual_seed(0)
    first = ProxPropLinear(5, 5, tau=0.4, dtype=torch.float64)
    second = first
    if shared == "parameter":
        second = ProxPropLinear(5, 5, tau=2.0, dtype=torch.float64)
        second.weight, second.bias = first.weight, first.bias
    inputs = torch.randn(4, 5, dtype=torch.float64)
    below = first(inputs)
    hidden = below.tanh()
    output = second(hidden)
    for tensor in (below, output):
        tensor.retain_grad()
    output.square().mean().backward()
    expected = exact_direction(augmented(inputs, True, True), below.grad, first.tau)
    expected = expected + exact_direction(
        augmented(hidden.detach(), True, True), output.grad, second.tau
    )
    actual = torch.cat([first.weight.grad, first.bias.grad[:, None]], dim=1)
    assert relative_error(actual, expected) < 1e-9


def test_converted_shared_modules_train():
    torch.manual_seed(0)
    shared = nn.Linear(5, 5)
    model = nn.Sequential(shared, nn.Tanh(), shared, nn.Tanh(), nn.Linear(5, 2))
    convert(model, tau=1.0)
    inputs = torch.randn(30, 5)
    labels = (inputs[:, 0] > 0).long()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert model[0].weight is model[2].weight
    assert losses[-1] < 0.5 * losses[0]
