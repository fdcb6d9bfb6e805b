"""Algorithm 2: the implicit weight step, its solvers, and its agreement with the layers."""

import copy

import pytest
import torch
from torch import Tensor, nn

from proxprop.penalty import StageKind, collect, explicit_sweep, proximal_sweep

from .cases import CASES, mlp
from .test_explicit_sweep import relative_error


def dense_system(case_rows: Tensor, tau: float) -> Tensor:
    return case_rows.T @ case_rows + torch.eye(case_rows.shape[1], dtype=torch.float64) / tau


@pytest.mark.parametrize("tau", [0.01, 1.0, 100.0])
def test_exact_hidden_weights_minimise_the_proximal_objective(tau: float) -> None:
    case = mlp()
    batch = (case.model, case.inputs, case.target, case.loss)
    _, result = collect(proximal_sweep(*batch, lr=0.3, tau=tau))
    for layer in (1, 2, 3):
        theta, new = result.start.theta[layer], result.end.theta[layer]
        a, z_half = result.start.a[layer - 1], result.z_half[layer]
        rows = torch.cat([a, a.new_ones(len(a), 1)], dim=1)
        # First-order optimality: (φ(θ⁺) − z½)ᵀ Ã + (θ⁺ − θ)/τ = 0.
        stationarity = (rows @ new.T - z_half).T @ rows + (new - theta) / tau
        scale = ((rows @ theta.T - z_half).T @ rows).norm()
        assert stationarity.norm() / scale < 1e-11 * max(1.0, tau)


def test_only_the_hidden_weights_differ_from_algorithm_1() -> None:
    case = CASES["convnet-relu"]()
    batch = (case.model, case.inputs, case.target, case.loss)
    _, explicit = collect(explicit_sweep(*batch, lr=0.3))
    _, implicit = collect(proximal_sweep(*batch, lr=0.3, tau=0.1))
    for layer in explicit.z_half:
        assert torch.equal(explicit.z_half[layer], implicit.z_half[layer])
        assert torch.equal(explicit.a_half[layer], implicit.a_half[layer])
        assert relative_error(implicit.end.theta[layer], explicit.end.theta[layer]) > 1e-4
    top = max(explicit.end.theta)
    assert torch.equal(explicit.end.theta[top], implicit.end.theta[top])


@pytest.mark.parametrize("name", CASES)
def test_proximal_objective_never_rises(name: str) -> None:
    case = CASES[name]()
    batch = (case.model, case.inputs, case.target, case.loss)
    for cg_steps in (None, 1, 6):
        sweep = proximal_sweep(*batch, lr=2.0, tau=5.0, cg_steps=cg_steps, last="implicit")
        level: dict[int, float] = {}
        for stage in collect(sweep)[0]:
            problem = stage.subproblem
            if problem is None:
                continue
            start = problem.proximal_before
            assert problem.proximal_after <= level.get(stage.layer, start) * (1 + 1e-12)
            assert problem.proximal_after < start
            assert problem.overshoot < 1
            level[stage.layer] = problem.proximal_after


def test_subproblem_numbers_are_those_of_the_layer() -> None:
    case, tau = mlp(), 0.7
    batch = (case.model, case.inputs, case.target, case.loss)
    stages, result = collect(proximal_sweep(*batch, lr=0.3, tau=tau))
    for stage in stages:
        if stage.kind is not StageKind.THETA_IMPLICIT:
            continue
        layer, problem = stage.layer, stage.subproblem
        rows = torch.cat([result.start.a[layer - 1], torch.ones(12, 1).double()], dim=1)
        before = (rows @ result.start.theta[layer].T - result.z_half[layer]).norm().item()
        after = (rows @ result.end.theta[layer].T - result.z_half[layer]).norm().item()
        moved = (result.end.theta[layer] - result.start.theta[layer]).square().sum().item()
        assert problem.misfit_before == pytest.approx(before, rel=1e-12)
        assert problem.misfit_after == pytest.approx(after, rel=1e-12)
        assert problem.proximal_before == pytest.approx(before**2 / 2, rel=1e-12)
        expected = after**2 / 2 + moved / (2 * tau)
        assert problem.proximal_after == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("solver", ["exact", 1, 2, 3, 4, 5])
@pytest.mark.parametrize("skip_last", [True, False])
@pytest.mark.parametrize("name", ["mlp-tanh", "mlp-relu", "mlp-sigmoid-no-bias", "convnet-relu"])
def test_equals_the_layers_with_sgd(name: str, skip_last: bool, solver: str | int) -> None:
    from proxprop import convert

    case, lr, tau = CASES[name](), 0.7, 0.2
    cg_steps = None if solver == "exact" else int(solver)
    sweep = proximal_sweep(
        case.model,
        case.inputs,
        case.target,
        case.loss,
        lr=lr,
        tau=tau,
        cg_steps=cg_steps,
        last="explicit" if skip_last else "implicit",
    )
    _, result = collect(sweep)
    model = copy.deepcopy(case.model)
    options = {"solver": "exact"} if cg_steps is None else {"solver": "cg", "cg_steps": cg_steps}
    convert(model, tau=tau, skip_last=skip_last, **options)
    case.loss(model(case.inputs), case.target).backward()
    torch.optim.SGD(model.parameters(), lr=lr).step()
    for key, value in model.named_parameters():
        assert relative_error(result.parameters[key], value.detach()) < 1e-10, key


def test_frozen_columns_leave_the_system() -> None:
    case, tau = mlp(), 0.4
    case.model[2].bias.requires_grad_(False)
    batch = (case.model, case.inputs, case.target, case.loss)
    _, result = collect(proximal_sweep(*batch, lr=0.3, tau=tau))
    rows = result.start.a[1]
    misfit = result.z_half[2] - result.start.z[2]
    step = torch.linalg.solve(dense_system(rows, tau), rows.T @ misfit).T
    expected = result.start.theta[2][:, :-1] + step
    assert relative_error(result.parameters["2.weight"], expected) < 1e-12
    assert torch.equal(result.parameters["2.bias"], case.model[2].bias)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": 0.0}, "lr must be finite and > 0, got 0.0"),
        ({"tau": -1.0}, "tau must be finite and > 0, got -1.0"),
        ({"tau": float("inf")}, "tau must be finite and > 0, got inf"),
        ({"explicit_lr": float("nan")}, "explicit_lr must be finite and > 0, got nan"),
        ({"cg_steps": 0}, "cg_steps must be >= 1"),
        ({"last": "both"}, "last must be 'explicit' or 'implicit', got 'both'"),
    ],
)
def test_bad_settings_are_refused_at_once(options: dict, message: str) -> None:
    case = mlp()
    settings = {"lr": 0.1, "tau": 1.0} | options
    with pytest.raises(ValueError, match=message):
        proximal_sweep(case.model, case.inputs, case.target, case.loss, **settings)


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (nn.Sequential(nn.ReLU()), ValueError, "at least one Linear or Conv2d"),
        (nn.Sequential(nn.Linear(7, 4), nn.PReLU()), NotImplementedError, "no parameters"),
        (nn.Sequential(nn.Linear(7, 4), nn.Dropout(0.1)), NotImplementedError, r"model\.eval"),
        (nn.Sequential(nn.Conv2d(2, 2, 1, groups=2)), NotImplementedError, "groups must be 1"),
        (nn.ModuleList([nn.Linear(7, 4)]), TypeError, r"built of nn\.Sequential"),
        (nn.Sequential(*[nn.Linear(7, 7)] * 2), NotImplementedError, "shares its weight"),
    ],
)
def test_models_outside_the_penalty_view_are_refused(
    model: nn.Module, error: type[Exception], message: str
) -> None:
    case = mlp()
    with pytest.raises(error, match=message):
        explicit_sweep(model, case.inputs, case.target, case.loss, lr=0.1)
