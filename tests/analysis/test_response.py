"""A layer's answer to a real request, against the penalty sweep and dense steps."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from proxprop import convert
from proxprop.analysis.capture import backpropagate
from proxprop.analysis.filters import exact_gain, explicit_gain
from proxprop.analysis.layer_problem import LayerProblem
from proxprop.penalty import StageKind, collect, proximal_sweep

from .cases import digits, mlp, with_ones

TAU = 0.05


def respond(layer, inputs, delta, **options):
    return LayerProblem(layer, inputs).asked(delta).response(**options)


def convnet() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24, 10),
    ).double()


NETS = {"mlp": lambda: mlp(64, 32, 16, 10), "wide": lambda: mlp(64, 90, 10), "convnet": convnet}


@pytest.mark.parametrize("cg_steps", [1, 2, 4])
@pytest.mark.parametrize("net", NETS)
def test_overshoot_is_the_misfit_ratio_of_algorithm_2(net: str, cg_steps: int) -> None:
    model, (x, y) = NETS[net](), digits()
    x, y = x[:60], y[:60]
    convert(model, tau=TAU)
    requests = backpropagate(model, F.cross_entropy, x, y).requests
    for solver in ("exact", "cg"):
        steps = cg_steps if solver == "cg" else None
        sweep = proximal_sweep(model, x, y, F.cross_entropy, lr=0.5, tau=TAU, cg_steps=steps)
        for stage in collect(sweep)[0]:
            if stage.kind is StageKind.THETA_IMPLICIT:
                layer = model.get_submodule(stage.name)
                found = respond(layer, *requests[stage.name], tau=TAU, cg_steps=cg_steps)
                assert found.overshoot[solver] == pytest.approx(
                    stage.subproblem.overshoot, rel=1e-7
                )


def dense_steps(rows: Tensor, delta: Tensor, tau: float) -> dict[str, Tensor]:
    gradient = delta.T @ rows
    system = rows.T @ rows + torch.eye(rows.shape[1]).double() / tau
    return {
        "explicit": rows @ (tau * gradient).T,
        "exact": rows @ torch.linalg.solve(system, gradient.T),
    }


def test_gains_energy_and_explicit_overshoot_are_those_of_dense_steps() -> None:
    model, (x, y) = mlp(64, 32, 10), digits()
    requests = backpropagate(model, F.cross_entropy, x[:40], y[:40]).requests
    inputs, delta = requests["2"]
    rows = with_ones(inputs)
    found = respond(model[2], inputs, delta, tau=TAU, cg_steps=2)
    left, singular, _ = torch.linalg.svd(rows, full_matrices=False)
    np.testing.assert_allclose(found.layer.eigenvalues, singular**2, rtol=1e-9, atol=1e-12)
    along = left.T @ delta
    share = along.square().sum(dim=1) / delta.square().sum()
    np.testing.assert_allclose(found.layer.energy, share, rtol=1e-7, atol=1e-14)
    for name, change in dense_steps(rows, delta, TAU).items():
        overshoot = (delta - change).norm() / delta.norm()
        assert found.overshoot[name] == pytest.approx(overshoot.item(), rel=1e-9)
    values = found.layer.eigenvalues
    np.testing.assert_allclose(found.gains["exact"], exact_gain(values, TAU))
    np.testing.assert_allclose(found.gains["explicit"], explicit_gain(values, TAU))
    assert found.overshoot["exact"] < 1


def test_requests_are_the_gradients_at_the_outputs() -> None:
    model, (x, y) = convnet(), digits()
    requests = backpropagate(model, F.cross_entropy, x[:20], y[:20]).requests
    assert list(requests) == ["1", "4", "7"]
    F.cross_entropy(model(x[:20]), y[:20]).backward()
    inputs, delta = requests["7"]
    torch.testing.assert_close(delta.T @ inputs, model[7].weight.grad, rtol=1e-12, atol=1e-14)
    for name in ("1", "4"):
        bias = requests[name][1].sum(dim=(0, 2, 3))
        expected = model.get_submodule(name).bias.grad
        torch.testing.assert_close(bias, expected, rtol=1e-12, atol=1e-14)


def test_the_scale_of_the_request_drops_out() -> None:
    model, (x, y) = mlp(64, 32, 10), digits()
    inputs, delta = backpropagate(model, F.cross_entropy, x[:40], y[:40]).requests["0"]
    plain = respond(model[0], inputs, delta, tau=TAU, cg_steps=3)
    tiny = respond(model[0], inputs, delta * 1e-120, tau=TAU, cg_steps=3)
    for name, value in plain.overshoot.items():
        assert tiny.overshoot[name] == pytest.approx(value, rel=1e-9)


def test_groups_answer_for_their_own_channels() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 6, 3, groups=2).double()
    x, delta = torch.randn(3, 4, 6, 6).double(), torch.randn(3, 6, 4, 4).double()
    whole = respond(conv, x, delta, tau=0.3, cg_steps=2)
    left = dict.fromkeys(whole.overshoot, 0.0)
    for part, block in zip(x.chunk(2, 1), delta.chunk(2, 1)):
        half = respond(nn.Conv2d(2, 3, 3).double(), part, block, tau=0.3, cg_steps=2)
        for name, value in half.overshoot.items():
            left[name] += value**2 * block.square().sum().item()
    for name, value in whole.overshoot.items():
        expected = (left[name] / delta.square().sum().item()) ** 0.5
        assert value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "scale", "message"),
    [
        ({"tau": 0.0}, 1.0, "tau must be finite and > 0"),
        ({"tau": 1.0, "cg_steps": 0}, 1.0, "cg_steps must be >= 1, got 0"),
        ({"tau": 1.0}, torch.inf, "grad_output must be finite, got norm inf"),
    ],
)
def test_bad_requests_are_refused(options: dict, scale: float, message: str) -> None:
    layer = nn.Linear(3, 2).double()
    inputs = torch.ones(4, 3).double()
    with pytest.raises(ValueError, match=message):
        respond(layer, inputs, scale * torch.ones(4, 2).double(), **options)


def test_without_a_request_nothing_is_left_and_nothing_overshot() -> None:
    layer, inputs = nn.Linear(3, 2).double(), torch.ones(4, 3).double()
    found = respond(layer, inputs, torch.zeros(4, 2).double(), tau=1.0, cg_steps=2)
    assert found.overshoot == {"explicit": 1.0, "exact": 1.0, "cg": 1.0}
