"""Layerwise measures against dense float64 formulas written from their definitions."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from proxprop import convert, set_prox
from proxprop.analysis import recorder
from proxprop.analysis.recorder import (
    CG_STEPS,
    EVERY_LAYER,
    FULL,
    PROXIMAL,
    TOP,
    LayerRecorder,
    some_units,
)
from proxprop.conversion import iter_prox_layers

TAU = 0.3
LR = 0.05


def recorded(model, inputs, targets, tier="cheap"):
    """Return the measures of one SGD step, and the model's state needed to check them."""
    watching = LayerRecorder(model)
    for name, layer in iter_prox_layers(model):
        layer.observer = lambda record, name=name: watching.solved(name, record)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    watching.begin(tier)
    optimizer.zero_grad()
    F.cross_entropy(model(inputs), targets).backward()
    watching.measure_directions(TAU)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    optimizer.step()
    watching.measure_updates()
    return watching.values(), before


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


@pytest.mark.parametrize("count", [20, 4], ids=["more samples", "more columns"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("solver", "steps"), [("exact", 0), ("cg", 2)])
def test_measures_equal_their_definitions(solver, steps, bias, count):
    model = mlp(bias)
    convert(model, tau=TAU, solver=solver, cg_steps=max(1, steps))
    inputs, targets = batch(count)
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


@pytest.mark.parametrize("bias", [True, False])
def test_a_running_grams_system_is_the_running_one(bias):
    model = mlp(bias)
    convert(model, tau=TAU, gram="running", decay=0.5, refresh=1)
    inputs, targets = batch()
    recorded(model, 3 * inputs.flip(0)[:12], targets[:12])  # what the average remembers
    rows, _, gradient = dense(model, inputs, targets, 0)
    values, _ = recorded(model, inputs, targets, "full")
    old = 3 * inputs.flip(0)[:12]
    old = torch.cat([old, torch.ones(12, 1, dtype=old.dtype)], 1) if bias else old
    moment = (old.T @ old / 12 * 0.5 + rows.T @ rows / 20) / 1.5
    eigenvalues = torch.linalg.eigvalsh((12 * 0.5 + 20) / 1.5 * moment)
    assert values["lambda_max/0"] == pytest.approx(eigenvalues[-1].item(), rel=1e-9)
    kappa = ((1 + TAU * eigenvalues[-1]) / (1 + TAU * eigenvalues[0])).item()
    assert values["condition/0"] == pytest.approx(kappa, rel=1e-9)
    assert values["bound/0"] == pytest.approx(2 * kappa**0.5 / (1 + kappa), rel=1e-9)
    assert values["bound/0"] <= values["cosine/0"] <= 1
    for name in ("0", "2"):
        assert values[f"residual/{name}"] < 1e-12
    direction = model[0].weight.grad
    if bias:
        direction = torch.cat([direction, model[0].bias.grad[:, None]], 1)
    left = gradient - direction @ (rows.T @ rows + torch.eye(rows.shape[1]).double() / TAU)
    assert left.norm() > 0.1 * gradient.norm()  # it is not this batch's system


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
    cheap = {*EVERY_LAYER, *PROXIMAL}
    assert {name.split("/")[0] for name in implicit} == cheap
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


@pytest.mark.parametrize("count", [20, 5], ids=["more samples", "more columns"])
def test_the_full_tier_equals_its_definitions(count):
    model = mlp()
    convert(model, tau=TAU, solver="cg", cg_steps=3)
    inputs, targets = batch(count)
    reference = [dense(model, inputs, targets, index) for index in (0, 2)]
    values, _ = recorded(model, inputs, targets, "full")
    for index, (rows, delta, gradient) in zip((0, 2), reference):
        u, singular, _ = torch.linalg.svd(rows, full_matrices=False)
        eigenvalues = singular.square()
        system = rows.T @ rows + torch.eye(rows.shape[1], dtype=rows.dtype) / TAU
        kappa = (1 + TAU * eigenvalues[0]) / (1 + TAU * eigenvalues[-1])
        expected = {
            "lambda_max": eigenvalues[0],
            "condition": kappa,
            "bound": 2 * kappa.sqrt() / (1 + kappa),
            "top_energy": (u[:, :TOP].T @ delta).square().sum() / delta.square().sum(),
        }
        for measure, value in expected.items():
            assert values[f"{measure}/{index}"] == pytest.approx(value.item(), rel=1e-9), measure
        for step in (1, 2, 3):
            residual = krylov_residual(system, gradient, step)
            assert values[f"residual_{step}/{index}"] == pytest.approx(residual, rel=1e-7)
        assert all(math.isnan(values[f"residual_{step}/{index}"]) for step in CG_STEPS[3:])
        assert values[f"dual/{index}"] in (0.0, 1.0)
    recorded_measures = {name.split("/")[0] for name in values}
    assert recorded_measures == {*EVERY_LAYER, *PROXIMAL, *FULL}


def krylov_residual(system, rhs, steps):
    """Return the relative residual of the best point of each unit's Krylov space."""
    left = []
    for unit in rhs[rhs.norm(dim=1) > 0]:
        powers = [unit / unit.norm()]
        for _ in range(steps - 1):
            powers.append(system @ powers[-1])
            powers[-1] = powers[-1] / powers[-1].norm()
        space = torch.linalg.qr(torch.stack(powers, 1)).Q
        best = space @ torch.linalg.solve(space.T @ system @ space, space.T @ unit)
        left.append(unit - system @ best)
    return (torch.stack(left).norm() / rhs.norm()).item()


def test_the_full_tier_of_a_convolution_is_that_of_its_patches():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(48, 3))
    model.double()
    inputs, targets = torch.randn(5, 2, 4, 4, dtype=torch.float64), torch.randint(3, (5,))
    patches = F.unfold(inputs, 3, padding=1).mT.reshape(-1, 18)
    rows = torch.cat([patches, torch.ones(len(patches), 1, dtype=patches.dtype)], 1)
    convert(model, tau=TAU, solver="exact")
    values, _ = recorded(model, inputs, targets, "full")
    largest = torch.linalg.eigvalsh(rows.T @ rows)[-1].item()
    assert values["lambda_max/0"] == pytest.approx(largest, rel=1e-9)
    assert 0 < values["top_energy/0"] < 1
    assert math.isnan(values["residual_1/0"])  # no CG, no iterations


def test_the_full_tier_says_nothing_of_a_layer_too_large(monkeypatch):
    monkeypatch.setattr(recorder, "DENSE_LIMIT", 5)
    model = mlp()
    convert(model, tau=TAU, solver="exact")
    values, _ = recorded(model, *batch(), "full")
    assert math.isnan(values["lambda_max/0"])
    assert values["cosine/0"] > 0


def test_the_residual_of_many_units_is_that_of_some_of_them(monkeypatch):
    model = mlp()
    convert(model, tau=TAU, solver="cg", cg_steps=1)
    inputs, targets = batch()
    rows, _, gradient = dense(model, inputs, targets, 0)
    monkeypatch.setattr(recorder, "RESIDUAL_UNITS", 3)
    values, _ = recorded(model, inputs, targets)
    direction = torch.cat([model[0].weight.grad, model[0].bias.grad[:, None]], 1)
    system = rows.T @ rows + torch.eye(rows.shape[1], dtype=rows.dtype) / TAU
    some = torch.tensor([0, 2, 4])
    left = (gradient - direction @ system)[some].norm() / gradient[some].norm()
    assert values["residual/0"] == pytest.approx(left.item(), rel=1e-9)


def test_of_a_wide_layer_some_units_are_measured_each_a_problem_of_its_own(monkeypatch):
    model = mlp()
    convert(model, tau=TAU, solver="cg", cg_steps=1)
    inputs, targets = batch()
    rows, delta, gradient = dense(model, inputs, targets, 0)
    monkeypatch.setattr(recorder, "STEP_UNITS", 3)
    values, _ = recorded(model, inputs, targets)
    some = [0, 2, 4]
    whole = torch.cat([model[0].weight.grad, model[0].bias.grad[:, None]], 1)
    direction, delta, gradient = whole[some], delta[:, some], gradient[some]
    expected = {
        "norm": whole.norm(),
        "cosine": (direction * gradient).sum() / direction.norm() / gradient.norm(),
        "overshoot": (delta - rows @ direction.T).norm() / delta.norm(),
        "overshoot_explicit": (delta - TAU * rows @ gradient.T).norm() / delta.norm(),
    }
    for measure, value in expected.items():
        assert values[f"{measure}/0"] == pytest.approx(value.item(), rel=1e-9), measure


@pytest.mark.parametrize(("count", "most"), [(5, 8), (8, 8), (4000, 1024), (1025, 1024), (2047, 3)])
def test_units_are_evenly_spaced_and_not_too_many(count, most):
    chosen = list(range(count))[some_units(count, most)]
    assert len(chosen) == min(count, most)
    assert len({later - earlier for earlier, later in itertools.pairwise(chosen)}) <= 1
