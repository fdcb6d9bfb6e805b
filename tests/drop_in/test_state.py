"""state_dict, pickle, deepcopy and torch.save: settings travel with the module, not the weights."""

import copy
import io
import pickle

import pytest
import torch

from proxprop import revert

from .models import MODELS, data, directions


def through_torch_save(model):
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


COPIERS = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "torch.save": through_torch_save,
}


@pytest.mark.parametrize("copier", COPIERS)
@pytest.mark.parametrize("kind", MODELS)
def test_copies_take_the_same_steps(kind, copier):
    build, shape = MODELS[kind]
    model = build(solver="cg", cg_steps=4, tau=0.3)
    inputs, labels = data(*shape)
    expected = directions(model, inputs, labels)
    twin = COPIERS[copier](model)
    assert repr(twin) == repr(model)
    for name, direction in directions(twin, inputs, labels).items():
        assert torch.equal(direction, expected[name])
    assert all(a is not b for a, b in zip(twin.parameters(), model.parameters(), strict=True))


@pytest.mark.parametrize("kind", MODELS)
def test_state_dict_holds_weights_alone_and_loads_strictly_both_ways(kind):
    build, _ = MODELS[kind]
    proximal, plain = build(seed=1), build(seed=2)
    revert(plain)
    assert list(proximal.state_dict()) == list(plain.state_dict())
    plain.load_state_dict(proximal.state_dict(), strict=True)
    proximal.load_state_dict(plain.state_dict(), strict=True)
    assert not list(proximal.buffers())


def test_weights_only_loading_works():
    build, _ = MODELS["mlp"]
    model, buffer = build(), io.BytesIO()
    torch.save(model.state_dict(), buffer)
    buffer.seek(0)
    build(seed=5).load_state_dict(torch.load(buffer, weights_only=True))
