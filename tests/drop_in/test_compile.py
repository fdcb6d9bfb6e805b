"""torch.compile: no graph break, and compiled equals eager, forward and backward."""

import pytest
import torch
import torch._dynamo.testing
import torch.nn.functional as F

from .models import MODELS, SETTINGS, data, directions


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.slow
@pytest.mark.parametrize("settings", SETTINGS)
def test_compiled_directions_equal_eager_ones(settings):
    build, shape = MODELS["mlp"]
    model = build(**settings)
    inputs, labels = data(*shape)
    inputs.requires_grad_()
    expected = directions(model, inputs, labels)
    expected_input, inputs.grad = inputs.grad, None
    # fullgraph: a graph break is an error.
    compiled = torch.compile(model, fullgraph=True)
    model.zero_grad()
    F.cross_entropy(compiled(inputs), labels).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-9, atol=1e-15)
    torch.testing.assert_close(inputs.grad, expected_input, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("settings", [*SETTINGS, {"solver": "explicit"}])
@pytest.mark.parametrize("kind", MODELS)
def test_whole_step_is_one_graph(kind, settings):
    # The aot_eager backend traces forward and backward like inductor but generates no code.
    build, shape = MODELS[kind]
    model = build(**settings)
    inputs, labels = data(*shape)
    expected = directions(model, inputs, labels)
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(model, backend=counter, fullgraph=True)
    model.zero_grad()
    F.cross_entropy(compiled(inputs), labels).backward()
    assert counter.frame_count == 1
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-9, atol=1e-15)


def test_live_tuning_reaches_the_compiled_step():
    build, shape = MODELS["mlp"]
    model = build()
    inputs, labels = data(*shape)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    for tau in (0.5, 5.0, 50.0):
        model[0].tau = tau
        expected = directions(model, inputs, labels)
        model.zero_grad()
        F.cross_entropy(compiled(inputs), labels).backward()
        torch.testing.assert_close(model[0].weight.grad, expected["0.weight"], rtol=1e-9, atol=0)
