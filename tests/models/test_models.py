"""Models are what the catalog's tables say, with weights that depend on seed and model only."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from proxprop.models import build_model, weight_layers
from proxprop.spec.catalog.models import ACTIVATIONS, INITS, MODELS, layer_table
from proxprop.spec.config import ModelConfig

SHAPES = [(2,), (1, 8, 8), (3, 32, 32)]
CASES = [
    (name, shape)
    for name, spec in MODELS.items()
    for shape in SHAPES
    if len(shape) == 3 or not spec.needs_image
]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("name", "shape"), CASES)
def test_the_layer_table_is_the_model(name, shape, bias):
    config = ModelConfig(name=name, widths=(6, 5), activation="tanh", bias=bias)
    model = build_model(config, shape, 7, seed=0)
    rows = layer_table(name, config.widths, "tanh", shape, 7, bias=bias)
    expected: list[str] = []
    for row in rows:
        expected.append(row.name)
        if row.activation != "identity":
            expected.append(f"act{sum(n.startswith('act') for n in expected) + 1}")
    modules = dict(model.named_children())
    assert list(modules) == expected
    values = torch.zeros(2, *shape)
    by_name = {row.name: row for row in rows}
    for module_name, module in modules.items():
        values = module(values)
        if module_name in by_name:
            row = by_name[module_name]
            assert values.shape == (2, *row.shape)
            assert sum(p.numel() for p in module.parameters()) == row.parameters
    assert values.shape == (2, 7)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_hidden_layers_and_only_they_have_the_activation(activation):
    model = build_model(ModelConfig(widths=(4, 3), activation=activation), (2,), 2, seed=0)
    found = [type(m).__name__.lower() for m in model if not isinstance(m, nn.Linear)]
    assert found == ([] if activation == "identity" else [activation] * 2)


@pytest.mark.parametrize("init", INITS)
def test_weights_are_a_function_of_the_seed(init):
    config = ModelConfig(name="small-convnet", widths=(3, 4), init=init)
    global_state = torch.get_rng_state()
    first = build_model(config, (1, 8, 8), 5, seed=3).state_dict()
    assert torch.equal(torch.get_rng_state(), global_state)
    torch.manual_seed(1)
    again = build_model(config, (1, 8, 8), 5, seed=3, dtype=torch.float64).state_dict()
    other = build_model(config, (1, 8, 8), 5, seed=4).state_dict()
    for name, weight in first.items():
        assert torch.equal(weight.double(), again[name]), name
        assert init != "default" or not torch.equal(weight, other[name])
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


def test_the_default_initialisation_is_torchs():
    """The same distribution: uniform on ±1/√fan_in, weights and biases."""
    layer = build_model(ModelConfig(widths=(4000,)), (1, 10, 10), 2, seed=0).linear1
    bound = 1 / math.sqrt(100)
    for values in (layer.weight.detach(), layer.bias.detach()):
        assert values.abs().max() <= bound
        assert values.abs().max() > 0.99 * bound
        assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.05)


@pytest.mark.parametrize(
    ("init", "deviation"),
    [("kaiming", math.sqrt(2 / 400)), ("xavier", math.sqrt(2 / 700))],
)
def test_the_named_initialisations_have_their_variance(init, deviation):
    layer = build_model(ModelConfig(widths=(300,), init=init), (400,), 2, seed=0).linear1
    assert layer.weight.detach().std() == pytest.approx(deviation, rel=0.02)
    assert not layer.bias.any()


def test_orthogonal_rows_are_orthogonal():
    layer = build_model(ModelConfig(widths=(30,), init="orthogonal"), (50,), 2, seed=0).linear1
    torch.testing.assert_close(layer.weight @ layer.weight.T, 2 * torch.eye(30))


def test_weight_layers_are_listed_first_to_last():
    model = build_model(ModelConfig(name="paper-convnet"), (3, 32, 32), 10, seed=0)
    assert list(weight_layers(model)) == ["conv1", "conv2", "conv3", "linear1"]
