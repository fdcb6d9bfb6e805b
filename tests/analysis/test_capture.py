"""What is captured of layers, against autograd."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from proxprop import convert
from proxprop.analysis.capture import LayerCapture, backpropagate, layer_calls
from proxprop.models import weight_layers

from .cases import mlp


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(9, 6, dtype=torch.float64), torch.arange(9) % 3


def test_an_in_place_activation_changes_nothing_of_what_is_captured() -> None:
    x, y = batch()
    plain, in_place = mlp(6, 5, 3, activation=nn.ReLU), mlp(6, 5, 3, activation=nn.ReLU)
    in_place[1] = nn.ReLU(inplace=True)
    expected = backpropagate(plain, F.cross_entropy, x, y)
    found = backpropagate(in_place, F.cross_entropy, x, y)
    assert list(found.requests) == ["0", "2"]
    for name, (received, delta) in expected.requests.items():
        assert torch.equal(found.requests[name][0], received)
        assert torch.equal(found.requests[name][1], delta)
    for name, gradient in expected.gradients.items():
        assert torch.equal(found.gradients[name], gradient)


def test_a_proximal_model_is_captured_as_the_plain_one_and_stays_as_it_was() -> None:
    (x, y), model = batch(), mlp(6, 5, 3)
    expected = backpropagate(model, F.cross_entropy, x, y)
    convert(model, tau=0.3)
    found = backpropagate(model, F.cross_entropy, x, y)
    for name, gradient in expected.gradients.items():
        torch.testing.assert_close(found.gradients[name], gradient, rtol=1e-12, atol=1e-14)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_every_call_of_a_shared_layer_is_kept_with_its_own_request() -> None:
    x, y = batch()
    shared = nn.Linear(6, 6).double()
    model = nn.Sequential(shared, nn.Tanh(), shared)
    capture = LayerCapture(weight_layers(model))
    F.cross_entropy(model(x), y).backward()
    capture.close()
    first, second = capture.calls["0"]
    assert torch.equal(first.input, x)
    assert torch.equal(second.input, torch.tanh(shared(x)).detach())
    assert first.delta is not None
    assert second.delta is not None
    gradient = first.delta.T @ first.input + second.delta.T @ second.input
    torch.testing.assert_close(shared.weight.grad, gradient)
    # It has no one input and request, so that no single problem is its own.
    assert backpropagate(model, F.cross_entropy, x, y).requests == {}


def test_no_hook_stays_behind_where_a_pass_fails() -> None:
    model = mlp(6, 5, 3)
    with pytest.raises(RuntimeError):
        layer_calls(model, torch.zeros(2, 7, dtype=torch.float64))
    assert not any(module._forward_hooks for module in model.modules())
