"""The layer as a module: construction, settings, state, representation."""

import math

import pytest
import torch
from torch import nn

from proxprop import ProxPropLinear
from proxprop.settings import check_settings

from .cases import backward, batch, make_layer


@pytest.mark.parametrize(
    ("setting", "error", "message"),
    [
        ({"tau": 0.0}, ValueError, r"tau must be finite and > 0, got 0\.0"),
        ({"tau": -1.0}, ValueError, r"tau must be finite and > 0, got -1\.0"),
        ({"tau": math.inf}, ValueError, "tau must be finite and > 0, got inf"),
        ({"tau": math.nan}, ValueError, "tau must be finite and > 0, got nan"),
        ({"tau": "0.1"}, TypeError, "tau must be a number, got '0.1'"),
        ({"tau": True}, TypeError, "tau must be a number, got True"),
        ({"tau": None}, TypeError, "tau must be a number, got None"),
        ({"solver": "lu"}, ValueError, "solver must be one of exact, cg, explicit, got 'lu'"),
        ({"cg_steps": 0}, ValueError, "cg_steps must be >= 1, got 0"),
        ({"cg_steps": 2.5}, TypeError, r"cg_steps must be an integer, got 2\.5"),
        ({"cg_steps": True}, TypeError, "cg_steps must be an integer, got True"),
        ({"cg_rtol": True}, TypeError, "cg_rtol must be a number, got True"),
        ({"cg_rtol": "0.1"}, TypeError, "cg_rtol must be a number, got '0.1'"),
        ({"cg_rtol": -0.1}, ValueError, r"cg_rtol must be in \[0, 1\), got -0\.1"),
        ({"cg_rtol": 1.0}, ValueError, r"cg_rtol must be in \[0, 1\), got 1\.0"),
        ({"cg_rtol": math.nan}, ValueError, "cg_rtol must be in"),
    ],
)
def test_bad_settings_are_refused_in_words(setting, error, message):
    with pytest.raises(error, match=message):
        ProxPropLinear(3, 2, **setting)
    layer = ProxPropLinear(3, 2)
    ((name, value),) = setting.items()
    with pytest.raises(error, match=message):
        setattr(layer, name, value)
    assert getattr(layer, name) == getattr(ProxPropLinear(3, 2), name)


def test_unknown_settings_are_refused_in_words():
    with pytest.raises(TypeError, match=r"unknown proximal setting 'taus'; known: tau, solver"):
        check_settings(tau=1.0, taus=2.0)


def test_complex_weights_are_refused():
    with pytest.raises(NotImplementedError, match="dtype must be real"):
        ProxPropLinear(3, 2, dtype=torch.complex64)


def test_is_a_linear_layer_with_its_signature():
    layer = ProxPropLinear(3, 2, False, "cpu", torch.float64, tau=0.5)
    assert isinstance(layer, nn.Linear)
    assert layer.bias is None
    assert layer.weight.dtype == torch.float64
    assert layer.tau == 0.5


def test_same_seed_gives_the_weights_of_the_plain_layer():
    torch.manual_seed(4)
    plain = nn.Linear(5, 3)
    torch.manual_seed(4)
    layer = ProxPropLinear(5, 3)
    assert torch.equal(plain.weight, layer.weight)
    assert torch.equal(plain.bias, layer.bias)


def test_representation_shows_the_settings():
    text = repr(ProxPropLinear(3, 2, tau=0.25, solver="cg", cg_steps=7))
    assert text == (
        "ProxPropLinear(in_features=3, out_features=2, bias=True, "
        "tau=0.25, solver='cg', cg_steps=7)"
    )
    assert "cg_steps" not in repr(ProxPropLinear(3, 2))


def test_settings_take_effect_between_two_steps():
    layer = make_layer(6, 4, tau=0.1)
    input, grad_output = batch((5, 6), 4)
    for setting in ({"tau": 3.0}, {"solver": "cg"}, {"cg_steps": 1}, {"solver": "explicit"}):
        before = backward(layer, input, grad_output)
        for name, value in setting.items():
            setattr(layer, name, value)
        after = backward(layer, input, grad_output)
        assert (after - before).norm() > 1e-3 * before.norm(), setting


def test_a_step_uses_the_settings_of_its_forward():
    layer = make_layer(6, 4, tau=0.1)
    input, grad_output = batch((5, 6), 4)
    expected = backward(layer, input, grad_output)
    layer.zero_grad()
    output = layer(input)
    layer.tau = 50.0
    output.backward(grad_output)
    assert torch.equal(layer.weight.grad, expected[:, :-1])


@pytest.mark.parametrize("solver", ["exact", "cg", "explicit"])
def test_forward_is_the_plain_forward(solver):
    layer = make_layer(6, 4, solver=solver)
    input, _ = batch((2, 5, 6), 4)
    expected = nn.functional.linear(input, layer.weight, layer.bias)
    assert torch.equal(layer(input), expected)
    with torch.no_grad():
        assert torch.equal(layer(input), expected)


def test_wrong_width_is_torchs_own_error():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        ProxPropLinear(3, 2)(torch.zeros(4, 5))
