"""Solve records: complete, true, delivered for every solver, absent from the model's state."""

import copy
import pickle

import pytest
import torch

from proxprop import ProxPropLinear
from proxprop.diagnostics import SolveRecord
from tests.reference import proximal_system, relative_error

from .cases import backward, batch, columns_of, make_layer


def observed(layer, input, grad_output) -> SolveRecord:
    records = []
    layer.observer = records.append
    backward(layer, input, grad_output)
    (record,) = records
    return record


@pytest.mark.parametrize("solver", ["exact", "cg", "explicit"])
@pytest.mark.parametrize("shape", [(5, 8), (40, 8), (2, 3, 8)])
@pytest.mark.parametrize("bias", [True, False])
def test_record_tells_what_happened(shape, solver, bias):
    layer = make_layer(8, 4, bias, tau=0.5, solver=solver, cg_steps=2)
    input, grad_output = batch(shape, 4)
    record = observed(layer, input, grad_output)
    rows = input.numel() // 8
    assert (record.solver, record.tau, record.rows) == (solver, 0.5, rows)
    assert record.columns == 8 + bias
    assert record.steps == (2 if solver == "cg" else 0)
    assert record.route in {"exact": ("dual", "primal"), "explicit": ("explicit",)}.get(
        solver, ("dual", "primal", "dual-spectral", "primal-spectral")
    )
    assert int(record.status) == 0
    assert record.seconds >= 0
    assert torch.equal(record.input, input.reshape(-1, 8))
    assert torch.equal(record.grad_output, grad_output.reshape(-1, 4))
    assert torch.equal(record.weight_direction, layer.weight.grad)
    if bias:
        assert torch.equal(record.bias_direction, layer.bias.grad)
    else:
        assert record.bias_direction is None


@pytest.mark.parametrize("solver", ["exact", "cg", "explicit"])
@pytest.mark.parametrize("frozen", [None, "weight", "bias"])
def test_relative_residual_is_the_systems(solver, frozen):
    layer = make_layer(8, 4, tau=0.5, solver=solver, cg_steps=2)
    if frozen:
        getattr(layer, frozen).requires_grad_(False)
    input, grad_output = batch((12, 8), 4)
    input.requires_grad_()
    record = observed(layer, input, grad_output)
    assert not record.relative_residual.requires_grad
    parts = [record.weight_direction, record.bias_direction]
    parts = [p.reshape(4, -1) for p in parts if p is not None]
    columns = columns_of(layer, input)
    gradient = grad_output.T @ columns
    image = torch.cat(parts, 1) @ proximal_system(columns, 0.5)
    expected = (gradient - image).norm() / gradient.norm()
    assert relative_error(record.relative_residual, expected) < 1e-6 or expected < 1e-12


def test_observing_changes_nothing():
    for solver in ("exact", "cg", "explicit"):
        layer = make_layer(8, 4, solver=solver)
        input, grad_output = batch((5, 8), 4)
        alone = backward(layer, input, grad_output)
        layer.observer = lambda record: None
        assert torch.equal(backward(layer, input, grad_output), alone)


def test_explicit_layer_without_gradients_is_not_reported():
    layer = make_layer(8, 4, solver="explicit")
    layer.observer = pytest.fail
    with torch.no_grad():
        layer(batch((5, 8), 4)[0])


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_observer_does_not_travel(copier):
    layer = ProxPropLinear(3, 2)
    layer.observer = lambda record: None
    layer(torch.ones(4, 3)).sum().backward()
    twin = copier(layer)
    assert twin.observer is None
    assert layer.observer is not None
    assert "observer" not in layer.state_dict()
