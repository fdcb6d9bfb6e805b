"""The exact step against a dense least-squares solution, float64, over a grid."""

import pytest
import torch

from proxprop.core.linear import linear_direction
from proxprop.settings import SolveSpec
from tests.reference import augmented, exact_direction, relative_error

from .cases import backward, batch, columns_of, make_layer

SHAPES = {
    "fewer rows than columns": ((4, 9), 5),
    "more rows than columns": ((30, 6), 4),
    "as many rows as columns": ((7, 6), 3),
    "one row": ((1, 5), 3),
    "one-dimensional": ((5,), 3),
    "one column": ((6, 1), 2),
    "one unit": ((6, 8), 1),
    "three-dimensional": ((3, 4, 9), 5),
    "four-dimensional": ((2, 3, 4, 5), 6),
    "units exceed columns, dual": ((6, 8), 40),
    "units exceed rows, primal": ((30, 8), 50),
    "blocked Gram": ((230, 260), 12),
    "blocked Gram, primal": ((300, 210), 12),
}


@pytest.mark.parametrize("tau", [1e-3, 0.05, 3.0, 100.0])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", SHAPES)
def test_equals_dense_solution(name, bias, tau):
    shape, units = SHAPES[name]
    layer = make_layer(shape[-1], units, bias, tau=tau)
    input, grad_output = batch(shape, units)
    expected = exact_direction(columns_of(layer, input), grad_output.reshape(-1, units), tau)
    assert relative_error(backward(layer, input, grad_output), expected) < 1e-9


@pytest.mark.parametrize("frozen", ["weight", "bias"])
@pytest.mark.parametrize("rows", [3, 40])
@pytest.mark.parametrize("solver", ["exact", "cg"])
def test_columns_of_frozen_parameters_leave_the_system(frozen, rows, solver):
    layer = make_layer(6, 4, tau=0.7, solver=solver, cg_steps=40)
    getattr(layer, frozen).requires_grad_(False)
    input, grad_output = batch((rows, 6), 4)
    expected = exact_direction(columns_of(layer, input), grad_output, 0.7)
    assert relative_error(backward(layer, input, grad_output), expected) < 1e-9
    assert getattr(layer, frozen).grad is None


def test_asking_for_one_gradient_does_not_change_the_system():
    # autograd.grad(loss, weight) must give the weight's part of the joint solve with the bias.
    layer = make_layer(6, 4, tau=0.7)
    input, grad_output = batch((5, 6), 4)
    joint = backward(layer, input, grad_output)
    (alone,) = torch.autograd.grad(layer(input), layer.weight, grad_output)
    torch.testing.assert_close(alone, joint[:, :-1], rtol=0, atol=0)


def test_input_gradient_is_the_ordinary_one():
    layer = make_layer(6, 4, tau=0.7)
    input, grad_output = batch((2, 5, 6), 4)
    input.requires_grad_()
    layer(input).backward(grad_output)
    torch.testing.assert_close(input.grad, grad_output @ layer.weight, rtol=1e-12, atol=0)


def test_all_frozen_still_passes_the_gradient_on():
    layer = make_layer(6, 4).requires_grad_(False)
    input, grad_output = batch((5, 6), 4)
    input.requires_grad_()
    layer(input).backward(grad_output)
    torch.testing.assert_close(input.grad, grad_output @ layer.weight, rtol=1e-12, atol=0)
    assert layer.weight.grad is None


@pytest.mark.parametrize("solver", ["exact", "cg"])
@pytest.mark.parametrize("shape", [(0, 6), (2, 0, 6)])
def test_empty_batch_asks_for_no_change(solver, shape):
    layer = make_layer(6, 4, solver=solver)
    layer(torch.zeros(shape, dtype=torch.float64)).sum().backward()
    assert layer.weight.grad.shape == (4, 6)
    assert not layer.weight.grad.any()
    assert not layer.bias.grad.any()


def test_non_contiguous_input():
    layer = make_layer(6, 4, tau=0.3)
    input, grad_output = batch((6, 9), 4)
    expected = exact_direction(
        columns_of(layer, input.T.contiguous()), grad_output[:1].expand(9, 4), 0.3
    )
    assert relative_error(backward(layer, input.T, grad_output[:1].expand(9, 4)), expected) < 1e-9


def test_last_layer_of_a_network_hands_down_true_gradients():
    # The lower one's Δ must be the true gradient, not one that the upper one's solve bent.
    torch.manual_seed(0)
    lower, upper = make_layer(5, 7, tau=0.2), make_layer(7, 3, tau=0.2)
    input = torch.randn(6, 5, dtype=torch.float64)
    hidden = lower(input)
    hidden.retain_grad()
    upper(hidden.tanh()).square().mean().backward()
    plain_hidden = hidden.detach().requires_grad_()
    plain = torch.nn.functional.linear(plain_hidden.tanh(), upper.weight, upper.bias)
    (grad,) = torch.autograd.grad(plain.square().mean(), plain_hidden)
    torch.testing.assert_close(hidden.grad, grad, rtol=1e-12, atol=0)


@pytest.mark.parametrize("train", [(True, True), (True, False), (False, True)])
def test_direction_alone(train):
    rows, grad_output = batch((8, 5), 3)
    found = linear_direction(rows, grad_output, SolveSpec(0.4, "exact", 1, 0.0), *train)
    expected = exact_direction(augmented(rows, *train), grad_output, 0.4)
    parts = [
        p
        for p in (found.weight, None if found.bias is None else found.bias[:, None])
        if p is not None
    ]
    assert relative_error(torch.cat(parts, 1), expected) < 1e-9
    assert [found.weight is not None, found.bias is not None] == list(train)
