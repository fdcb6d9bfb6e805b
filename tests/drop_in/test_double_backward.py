"""A second differentiation is refused with an explanation, never silently wrong."""

import pytest
import torch
import torch.nn.functional as F

from proxprop import set_prox

from .models import MODELS, SETTINGS, data


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", MODELS)
def test_second_backward_explains_itself(kind, settings):
    build, shape = MODELS[kind]
    model = build(**settings)
    inputs, labels = data(*shape)
    loss = F.cross_entropy(model(inputs), labels)
    first = torch.autograd.grad(loss, list(model.parameters()), create_graph=True)
    with pytest.raises(NotImplementedError, match=r"differentiated once.*solver='explicit'"):
        sum(direction.square().sum() for direction in first).backward()


def test_gradient_penalties_on_the_input_are_refused_too():
    build, shape = MODELS["mlp"]
    model = build()
    inputs, labels = data(*shape)
    inputs.requires_grad_()
    loss = F.cross_entropy(model(inputs), labels)
    (slope,) = torch.autograd.grad(loss, inputs, create_graph=True)
    with pytest.raises(NotImplementedError, match="differentiated once"):
        slope.square().sum().backward()


def test_create_graph_alone_still_gives_the_directions():
    build, shape = MODELS["mlp"]
    model = build()
    inputs, labels = data(*shape)
    parameters = list(model.parameters())
    with_graph = torch.autograd.grad(
        F.cross_entropy(model(inputs), labels), parameters, create_graph=True
    )
    without = torch.autograd.grad(F.cross_entropy(model(inputs), labels), parameters)
    for one, other in zip(with_graph, without, strict=True):
        assert torch.equal(one, other)


def test_the_suggested_remedy_works():
    build, shape = MODELS["mlp"]
    model = build()
    set_prox(model, solver="explicit")
    inputs, labels = data(*shape)
    loss = F.cross_entropy(model(inputs), labels)
    first = torch.autograd.grad(loss, list(model.parameters()), create_graph=True)
    sum(direction.square().sum() for direction in first).backward()
    assert model[0].weight.grad.isfinite().all()


def test_backward_through_the_same_graph_twice_is_torchs_own_error():
    build, shape = MODELS["mlp"]
    model = build()
    inputs, labels = data(*shape)
    loss = F.cross_entropy(model(inputs), labels)
    loss.backward(retain_graph=True)
    loss.backward()
    twice = model[0].weight.grad.clone()
    model.zero_grad()
    loss = F.cross_entropy(model(inputs), labels)
    loss.backward()
    torch.testing.assert_close(twice, 2 * model[0].weight.grad)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()
