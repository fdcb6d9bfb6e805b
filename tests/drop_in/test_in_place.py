"""What follows a layer may change its output in place, as it may after torch's own layers."""

import copy

import pytest
import torch
from torch import nn

from proxprop import ProxPropConv2d, ProxPropLinear


@pytest.mark.parametrize("gram", ["batch", "running"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5), (2, 2, 3, 5), (2, 0, 5)])
def test_a_linear_output_is_no_view(shape, bias, gram):
    layer = ProxPropLinear(5, 4, bias=bias, gram=gram)
    other = copy.deepcopy(layer)
    inputs = torch.randn(shape, requires_grad=True), torch.randn(shape, requires_grad=True)
    inputs[1].data.copy_(inputs[0].data)
    output = layer(inputs[0])
    output += 1
    nn.ReLU(inplace=True)(output).sum().backward()
    torch.relu(other(inputs[1]) + 1).sum().backward()
    assert torch.equal(inputs[0].grad, inputs[1].grad)
    assert torch.equal(layer.weight.grad, other.weight.grad)


@pytest.mark.parametrize("shape", [(2, 5, 5), (3, 2, 5, 5)])
def test_a_convolution_output_is_no_view(shape):
    layer = ProxPropConv2d(2, 3, 1)
    nn.ReLU(inplace=True)(layer(torch.randn(shape))).sum().backward()
    assert layer.weight.grad is not None
