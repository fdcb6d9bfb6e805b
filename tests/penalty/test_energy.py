"""E and its parts, against a computation that knows nothing of the package."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from proxprop.penalty import (
    EQUATIONS,
    Energy,
    PenaltyNetwork,
    Stage,
    StageKind,
    Variables,
    collect,
    explicit_sweep,
    proximal_sweep,
)
from proxprop.penalty.problem import PenaltyProblem

from .cases import CASES, Case, mlp

LR = 0.4


def energy(model, at: Variables, target, loss, *, rho: float, gamma: float) -> Energy:
    network = PenaltyNetwork.from_model(model)
    return PenaltyProblem(network, loss, target, rho, gamma).energy(at)


def independent_energy(case: Case, at: Variables) -> tuple[float, list[float], list[float]]:
    """E's parts of the 4-layer tanh MLP, in NumPy."""
    theta, a, z = (
        {key: value.numpy() for key, value in group.items()} for group in (at.theta, at.a, at.z)
    )

    def phi(layer: int) -> np.ndarray:
        return a[layer - 1] @ theta[layer][:, :-1].T + theta[layer][:, -1]

    output = phi(4)
    shifted = output - output.max(axis=1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    data = -log_probability[np.arange(len(output)), case.target.numpy()].mean()
    activation = [((np.tanh(z[i]) - a[i]) ** 2).sum() / (2 * LR) for i in (1, 2, 3)]
    linear = [((phi(i) - z[i]) ** 2).sum() / (2 * LR) for i in (1, 2, 3)]
    return data, activation, linear


def replay(case: Case, stages: list[Stage]) -> list[tuple[Stage, Variables]]:
    """Rebuild (θ, a, z) after every stage from the stages alone."""
    layers = [case.model[i] for i in (0, 2, 4, 6)]
    theta = {
        i: torch.cat([layer.weight, layer.bias[:, None]], dim=1).detach()
        for i, layer in enumerate(layers, start=1)
    }
    now = Variables(theta, {0: case.inputs}, {})
    history = []
    for stage in stages:
        if stage.kind in (StageKind.FORWARD_Z, StageKind.Z_HALF):
            now.z[stage.layer] = stage.after
        elif stage.kind in (StageKind.FORWARD_A, StageKind.A_HALF):
            now.a[stage.layer] = stage.after
        elif stage.kind is not StageKind.LOSS:
            now.theta[stage.layer] = stage.after
        history.append((stage, now.copy()))
    return history


@pytest.mark.parametrize("method", ["explicit", "exact", "cg", "last-implicit"])
def test_energy_after_each_stage(method: str) -> None:
    case = mlp()
    batch = (case.model, case.inputs, case.target, case.loss)
    sweep = {
        "explicit": lambda: explicit_sweep(*batch, lr=LR),
        "exact": lambda: proximal_sweep(*batch, lr=LR, tau=0.3),
        "cg": lambda: proximal_sweep(*batch, lr=LR, tau=0.3, cg_steps=3),
        "last-implicit": lambda: proximal_sweep(*batch, lr=LR, tau=0.3, last="implicit"),
    }[method]()
    stages, _ = collect(sweep)
    previous = None
    for stage, variables in replay(case, stages):
        if stage.energy is None:
            assert stage.kind in (StageKind.FORWARD_Z, StageKind.FORWARD_A)
            continue
        data, activation, linear = independent_energy(case, variables)
        assert stage.energy.data == pytest.approx(data, rel=1e-12)
        assert list(stage.energy.activation.values()) == pytest.approx(activation, rel=1e-9)
        assert list(stage.energy.linear.values()) == pytest.approx(linear, rel=1e-9)
        total = data + sum(activation) + sum(linear)
        assert stage.energy.total == pytest.approx(total, rel=1e-12)
        if stage.kind not in (StageKind.LOSS, StageKind.THETA_IMPLICIT):
            assert stage.energy_before == previous
        previous = stage.energy


@pytest.mark.parametrize("name", CASES)
def test_after_the_forward_pass_every_penalty_is_zero(name: str) -> None:
    case = CASES[name]()
    stages, _ = collect(explicit_sweep(case.model, case.inputs, case.target, case.loss, lr=LR))
    (measured,) = [stage.energy for stage in stages if stage.kind is StageKind.LOSS]
    assert measured is not None
    assert measured.penalty == 0.0
    assert measured.total == pytest.approx(case.objective().item(), rel=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_running_energy_equals_energy_from_scratch(name: str) -> None:
    case = CASES[name]()
    sweep = proximal_sweep(case.model, case.inputs, case.target, case.loss, lr=LR, tau=0.3)
    stages, result = collect(sweep)
    whole = energy(case.model, result.end, case.target, case.loss, rho=1 / LR, gamma=1 / LR)
    assert stages[-1].energy == whole


def test_every_stage_has_its_equation() -> None:
    case = mlp()
    batch = (case.model, case.inputs, case.target, case.loss)
    used = set()
    for sweep in (
        explicit_sweep(*batch, lr=LR),
        proximal_sweep(*batch, lr=LR, tau=1.0, cg_steps=1, last="implicit"),
    ):
        used |= {stage.equation for stage in collect(sweep)[0]}
    assert used == set(EQUATIONS)


def test_penalty_weights_scale_their_own_part_only() -> None:
    case = mlp()
    _, result = collect(explicit_sweep(case.model, case.inputs, case.target, case.loss, lr=LR))
    at = result.end
    plain = energy(case.model, at, case.target, F.cross_entropy, rho=1.0, gamma=1.0)
    scaled = energy(case.model, at, case.target, F.cross_entropy, rho=3.0, gamma=7.0)
    assert scaled.data == plain.data
    assert list(scaled.linear.values()) == pytest.approx([3 * v for v in plain.linear.values()])
    assert list(scaled.activation.values()) == pytest.approx(
        [7 * v for v in plain.activation.values()]
    )
