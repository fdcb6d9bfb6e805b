"""Hessian-free steps against a dense Gauss-Newton matrix, and in the loop."""

from __future__ import annotations

import importlib.util
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from proxprop.hessian_free import HessianFree, _solve
from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import ConfigError, RunConfig
from tests.engine.training.driver import losses, points, run, small
from tests.engine.training.test_resume import assert_resumes

SPEC = OPTIMIZERS["hessian-free"]
HF = {"direction__solver": "explicit", "optimizer__name": "hessian-free"}
with_package = pytest.mark.skipif(
    importlib.util.find_spec(SPEC.package) is None, reason=f"optional: {SPEC.install}"
)


def test_cg_solves_and_predicts_the_quadratic() -> None:
    generator = torch.Generator().manual_seed(0)
    factor = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    matrix, rhs = factor @ factor.T + torch.eye(6), torch.randn(6, generator=generator).double()
    for steps in (1, 3, 6):
        x, predicted = _solve(lambda v: matrix @ v, rhs, steps)
        assert predicted == pytest.approx(float(0.5 * x @ matrix @ x - x @ rhs), rel=1e-10)
    assert torch.allclose(x, torch.linalg.solve(matrix, rhs), rtol=1e-8)


def test_cg_stops_where_there_is_nothing_to_solve() -> None:
    x, predicted = _solve(lambda v: v, torch.zeros(3), 5)
    assert (x.tolist(), predicted) == ([0.0, 0.0, 0.0], 0.0)


def test_it_needs_a_closure() -> None:
    with pytest.raises(ValueError, match="needs a closure"):
        HessianFree(nn.Linear(2, 2)).step()


def test_proximal_directions_are_refused() -> None:
    # Without the package that is what is said; either way it is said before a run starts.
    with pytest.raises(ConfigError, match=r"curvlinops|is none"):
        RunConfig().replace(**{"optimizer.name": "hessian-free", "direction.solver": "exact"})


def dense_gauss_newton(model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Return Σ Jᵀ(diag(p) − ppᵀ)J / N from explicit Jacobians."""
    names = [name for name, _ in model.named_parameters()]
    values = tuple(p.detach() for p in model.parameters())

    def scores(*parameters: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(model, dict(zip(names, parameters)), (inputs,))

    jacobians = torch.autograd.functional.jacobian(scores, values)
    joint = torch.cat([j.flatten(2) for j in jacobians], dim=2)
    p = scores(*values).softmax(1).detach()
    hessians = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    return torch.einsum("nck,ncd,ndl->kl", joint, hessians, joint) / len(inputs)


@with_package
def test_a_step_is_the_damped_gauss_newton_step() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    inputs, targets = torch.randn(7, 3).double(), torch.randint(0, 3, (7,))
    optimizer = HessianFree(model, lr=1.0, cg_steps=60)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        return loss

    closure()
    before = torch.cat([p.detach().flatten() for p in model.parameters()])
    gradient = torch.cat([p.grad.flatten() for p in model.parameters()])
    matrix = dense_gauss_newton(model, inputs)
    expected = before - torch.linalg.solve(matrix + torch.eye(len(matrix)), gradient)
    optimizer.step(closure)
    after = torch.cat([p.detach().flatten() for p in model.parameters()])
    assert torch.allclose(after, expected, rtol=1e-8, atol=1e-12)


@with_package
def test_a_step_that_raises_the_loss_is_not_taken_and_damps_the_next() -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 3).double()
    inputs, targets = torch.randn(7, 3).double(), torch.randint(0, 3, (7,))
    optimizer = HessianFree(model, lr=1e6)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        return loss

    before = model.weight.detach().clone()
    optimizer.step(closure)
    assert torch.equal(model.weight, before)
    assert optimizer.state[model.weight]["damping"] == 1.5


@with_package
def test_it_trains_and_counts_its_closures() -> None:
    events = run(small(**HF, budget__epochs=10.0))
    found = losses(events)
    assert all(map(math.isfinite, found))
    assert events[-1].summary["train_loss"] < 0.5 * found[0]
    assert {point.values["closures"] for point in points(events)} == {2.0}


@with_package
def test_it_resumes_bit_for_bit(tmp_path) -> None:
    assert_resumes(small(**HF, budget__epochs=None, budget__steps=40), tmp_path)
