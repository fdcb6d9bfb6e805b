"""Regression tests named for defects of the authors' implementation that a user would meet."""

import copy
import pickle

import torch
from torch import nn

from proxprop import ProxPropConv2d, ProxPropLinear, convert
from tests.core.gram.cases import images
from tests.reference import (
    augmented,
    conjugate_gradient,
    exact_direction,
    output_rows,
    patch_columns,
    proximal_system,
    relative_error,
)

from .cases import backward, batch, columns_of, direction_of, make_layer


def test_a_layer_without_bias_works():
    layer = make_layer(7, 4, bias=False, tau=0.2)
    input, grad_output = batch((5, 7), 4)
    expected = exact_direction(columns_of(layer, input), grad_output, 0.2)
    assert relative_error(backward(layer, input, grad_output), expected) < 1e-9


def test_backward_zeroes_nothing_so_gradients_accumulate():
    layer = make_layer(7, 4)
    first, second = batch((5, 7), 4, seed=1), batch((5, 7), 4, seed=2)
    alone = [backward(layer, *data) for data in (first, second)]
    layer.zero_grad()
    for input, grad_output in (first, second):
        layer(input).backward(grad_output)
    torch.testing.assert_close(direction_of(layer), alone[0] + alone[1], rtol=1e-12, atol=0)


def test_plain_checkpoints_load_strictly_both_ways():
    plain = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3))
    proximal = copy.deepcopy(plain)
    convert(proximal)
    for parameter in proximal.parameters():
        nn.init.zeros_(parameter)
    proximal.load_state_dict(plain.state_dict(), strict=True)
    assert torch.equal(proximal[0].weight, plain[0].weight)
    plain.load_state_dict(proximal.state_dict(), strict=True)


def test_layers_pickle():
    layer = ProxPropLinear(4, 3, tau=0.7, solver="cg", cg_steps=5)
    layer(torch.ones(2, 4)).sum().backward()
    twin = pickle.loads(pickle.dumps(layer))
    assert (twin.tau, twin.solver, twin.cg_steps) == (0.7, "cg", 5)
    assert torch.equal(twin.weight, layer.weight)


def test_cg_does_not_depend_on_the_losss_scale():
    # An absolute epsilon in CG's divisions makes a loss of 1e-6 behave unlike a loss of 1.
    for solver in ("cg", "exact"):
        layer = make_layer(7, 4, dtype=torch.float32, solver=solver, cg_steps=4)
        input, grad_output = batch((5, 7), 4, dtype=torch.float32)
        one = backward(layer, input, grad_output)
        for scale in (2.0**-100, 2.0**-20, 2.0**20, 2.0**100):
            scaled = backward(layer, input, grad_output * scale)
            assert relative_error(scaled, one.double() * scale) < 1e-5


def test_backward_leaves_parameters_alone():
    # A solver that swaps trial weights into the live parameter breaks hooks, threads and sharing.
    layer = make_layer(7, 4)
    input, grad_output = batch((5, 7), 4)
    storage, version = layer.weight.data_ptr(), layer.weight._version
    output = layer(input)
    watched = []
    layer.weight.register_hook(lambda grad: watched.append(layer.weight.detach().clone()))
    before = layer.weight.detach().clone()
    output.backward(grad_output)
    assert (layer.weight.data_ptr(), layer.weight._version) == (storage, version)
    assert torch.equal(watched[0], before)


def test_backward_does_not_change_the_gradient_it_is_given():
    for solver in ("exact", "cg"):
        layer = make_layer(7, 4, solver=solver)
        input, grad_output = batch((5, 7), 4)
        kept = grad_output.clone(), input.clone()
        layer(input).backward(grad_output)
        assert torch.equal(grad_output, kept[0])
        assert torch.equal(input, kept[1])


def convolution(**settings) -> ProxPropConv2d:
    torch.manual_seed(0)
    return ProxPropConv2d(4, 5, 3, padding=1, **{"dtype": torch.float64, **settings})


def of_convolution(layer: ProxPropConv2d, x: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    """What backward leaves, one row per output channel."""
    layer.zero_grad()
    layer(x).backward(delta)
    return torch.cat([p.grad.reshape(layer.out_channels, -1) for p in layer.parameters()], dim=1)


def test_a_convolution_without_bias_works():
    layer, x = convolution(bias=False, tau=0.2), images(6, 5, 5)
    delta = torch.randn_like(layer(x))
    columns = augmented(patch_columns(layer, x)[0], True, False)
    expected = exact_direction(columns, output_rows(delta, 1)[0], 0.2)
    assert relative_error(of_convolution(layer, x, delta), expected) < 1e-9


def test_a_convolutions_channels_each_have_their_own_cg():
    # One scalar step for all channels would be ruled by the one with the largest gradient.
    layer, x = convolution(tau=0.2, solver="cg", cg_steps=3), images(6, 5, 5)
    delta = torch.randn_like(layer(x)) * torch.logspace(-6, 6, 5).double()[:, None, None]
    columns = augmented(patch_columns(layer, x)[0], True, True)
    gradient = output_rows(delta, 1)[0].T @ columns
    expected = conjugate_gradient(proximal_system(columns, 0.2), gradient, 3)
    for found, wanted in zip(of_convolution(layer, x, delta), expected, strict=True):
        assert relative_error(found, wanted) < 1e-9


def test_a_convolutions_cg_does_not_depend_on_the_losss_scale():
    for solver in ("cg", "exact"):
        for samples in (1, 12):
            layer = convolution(dtype=torch.float32, solver=solver, cg_steps=4)
            x = images(samples, 5, 5).float()
            delta = torch.randn_like(layer(x))
            one = of_convolution(layer, x, delta)
            for scale in (2.0**-100, 2.0**-20, 2.0**20, 2.0**100):
                scaled = of_convolution(layer, x, delta * scale)
                assert relative_error(scaled, one.double() * scale) < 1e-5


def test_a_convolutions_backward_leaves_parameters_and_its_arguments_alone():
    for samples in (1, 12):
        layer, x = convolution(), images(samples, 5, 5)
        delta = torch.randn_like(layer(x))
        kept = [tensor.detach().clone() for tensor in (x, delta, *layer.parameters())]
        places = [(p.data_ptr(), p._version) for p in layer.parameters()]
        of_convolution(layer, x, delta)
        assert [(p.data_ptr(), p._version) for p in layer.parameters()] == places
        for tensor, before in zip((x, delta, *layer.parameters()), kept, strict=True):
            assert torch.equal(tensor, before)
