"""Layerwise measures against dense float64 formulas written from their definitions."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from proxprop import convert, set_prox
from proxprop.conversion import iter_prox_layers
from proxprop.instruments import MEASURES, LayerRecorder

TAU = 0.3
LR = 0.05


def recorded(model, inputs, targets):
    """Return the measures of one SGD step, and the model's state needed to check them."""
    recorder = LayerRecorder(model)
    for name, layer in iter_prox_layers(model):
        layer.observer = lambda record, name=name: recorder.solved(name, record)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    recorder.begin()
    optimizer.zero_grad()
    F.cross_entropy(model(inputs), targets).backward()
    recorder.measure_directions(TAU)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    optimizer.step()
    recorder.measure_updates()
    return recorder.values(), before


def mlp(bias=True):
    torch.manual_seed(0)
    layers = [nn.Linear(7, 6, bias), nn.ReLU(), nn.Linear(6, 5, bias), nn.ReLU(), nn.Linear(5, 3)]
    return nn.Sequential(*layers).double()


def batch(count=20):
    torch.manual_seed(1)
    return torch.randn(count, 7, dtype=torch.float64), torch.randint(3, (count,))


def dense(model, inputs, targets, index):
    """Return Ã, Δ and G of the linear layer `index`, by plain autograd."""
    values = inputs
    for module in model[:index]:
        values = (
            F.linear(values, module.weight, module.bias)
            if isinstance(module, nn.Linear)
            else module(values)
        )
    layer = model[index]
    z = F.linear(values, layer.weight, layer.bias).detach().requires_grad_()
    out = z
    for module in model[index + 1 :]:
        out = (
            F.linear(out, module.weight, module.bias)
            if isinstance(module, nn.Linear)
            else module(out)
        )
    (delta,) = torch.autograd.grad(F.cross_entropy(out, targets), z)
    rows = values.detach()
    if layer.bias is not None:
        rows = torch.cat([rows, torch.ones(len(rows), 1, dtype=rows.dtype)], 1)
    return rows, delta, delta.T @ rows


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("solver", "steps"), [("exact", 0), ("cg", 2)])
def test_measures_equal_their_definitions(solver, steps, bias):
    model = mlp(bias)
    convert(model, tau=TAU, solver=solver, cg_steps=max(1, steps))
    inputs, targets = batch()
    reference = [dense(model, inputs, targets, index) for index in (0, 2, 4)]
    values, before = recorded(model, inputs, targets)
    for index, (rows, delta, gradient) in zip((0, 2, 4), reference):
        layer = model[index]
        parts = [layer.weight.grad]
        theta = [before[f"{index}.weight"]]
        if layer.bias is not None:
            parts.append(layer.bias.grad[:, None])
            theta.append(before[f"{index}.bias"][:, None])
        direction, theta = torch.cat(parts, 1), torch.cat(theta, 1)
        expected = {
            "norm": direction.norm(),
            "update": LR * direction.norm() / theta.norm(),
            "dead": (delta == 0).all(0).double().mean(),
        }
        if index < 4:
            system = rows.T @ rows + torch.eye(rows.shape[1], dtype=rows.dtype) / TAU
            expected |= {
                "cosine": (direction * gradient).sum() / direction.norm() / gradient.norm(),
                "overshoot": (delta - rows @ direction.T).norm() / delta.norm(),
                "overshoot_explicit": (delta - TAU * rows @ gradient.T).norm() / delta.norm(),
            }
            residual = (gradient - direction @ system).norm() / gradient.norm()
            assert values[f"residual/{index}"] == pytest.approx(residual.item(), abs=1e-12)
            assert values[f"seconds/{index}"] > 0
        for measure, value in expected.items():
            assert values[f"{measure}/{index}"] == pytest.approx(value.item(), rel=1e-9), measure


def test_an_exact_step_never_overshoots_and_a_large_matched_explicit_one_does():
    model = mlp()
    convert(model, tau=TAU, solver="exact")
    values, _ = recorded(model, *batch(200))
    for name in ("0", "2"):
        assert values[f"overshoot/{name}"] < 1
        assert 0 < values[f"cosine/{name}"] <= 1
    assert values["overshoot_explicit/0"] > 1  # λ_max of 200 rows is far above 2/τ


def test_columns_stay_the_same_whatever_the_solver():
    model = mlp()
    convert(model, tau=TAU, solver="exact")
    implicit, _ = recorded(model, *batch())
    set_prox(model, solver="explicit")
    explicit, _ = recorded(model, *batch())
    assert list(explicit) == list(implicit)
    assert {name.split("/")[0] for name in implicit} == set(MEASURES)
    for column, value in explicit.items():
        measure = column.split("/")[0]
        unknown = measure in ("cosine", "overshoot", "residual", "seconds")
        assert math.isnan(value) is unknown, column


def test_measures_of_convolutions_agree_with_the_same_layer_as_patches():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(48, 3))
    model.double()
    inputs, targets = torch.randn(5, 2, 4, 4, dtype=torch.float64), torch.randint(3, (5,))
    z = model[0](inputs).detach().requires_grad_()
    (delta,) = torch.autograd.grad(F.cross_entropy(model[1:](z), targets), z)
    patches = F.unfold(inputs, 3, padding=1).mT.reshape(-1, 18)
    rows = torch.cat([patches, torch.ones(len(patches), 1, dtype=patches.dtype)], 1)
    delta = delta.permute(0, 2, 3, 1).reshape(-1, 3)
    gradient = delta.T @ rows
    convert(model, tau=TAU, solver="exact")
    values, _ = recorded(model, inputs, targets)
    assert values["dead/0"] == 0
    explicit = (delta - TAU * rows @ gradient.T).norm() / delta.norm()
    assert values["overshoot_explicit/0"] == pytest.approx(explicit.item(), rel=1e-9)
    direction = gradient @ torch.linalg.inv(rows.T @ rows + torch.eye(19, dtype=rows.dtype) / TAU)
    implicit = (delta - rows @ direction.T).norm() / delta.norm()
    assert values["overshoot/0"] == pytest.approx(implicit.item(), rel=1e-9)


def test_units_without_a_gradient_are_counted():
    model = mlp()
    with torch.no_grad():
        model[0].bias[:2] = -1e3  # two of six never fire
    convert(model, tau=TAU, solver="exact")
    values, _ = recorded(model, *batch())
    assert values["dead/0"] == pytest.approx(2 / 6)


def test_recording_leaves_no_hooks_behind():
    model = mlp()
    convert(model)
    recorded(model, *batch())
    assert not any(module._forward_hooks for module in model.modules())
