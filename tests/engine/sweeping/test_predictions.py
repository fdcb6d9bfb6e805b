"""Predicted limits against dense Hessians and preconditioners, built independently."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from proxprop.data.dataset import load
from proxprop.engine.sweeping.predictions import Predictions
from proxprop.models import build_model, weight_layers
from proxprop.spec.catalog.models import layer_table
from proxprop.spec.config import SweepConfig

from .driver import grid, small

# The eigenvalue is sought to 1 %, the boundary in τ to 2 % of η.
RTOL = 0.03


def predictions(*methods: dict[str, Any], **changes: Any) -> tuple[SweepConfig, dict[int, Any]]:
    tiny = {"model": {"widths": (6,), "activation": "tanh"}, "precision": "float64", "seeds": 1}
    config = small(*methods, **{**tiny, **changes})
    data = load(config.data)
    model = config.model
    layers = layer_table(model.name, model.widths, model.activation, data.shape, 10)
    job = Predictions(config, 0, data, torch.device("cpu"), layers, threading.Event())
    for _ in job.work():
        pass
    return config, job.limits


def largest(config: SweepConfig, lr: float, explicit_lr: float, tau: float | None) -> float:
    """λ_max of diag(step sizes) P ∇²J: dense, with the Gram of a mini-batch's share of all rows."""
    data = load(config.data)
    inputs, targets = data.prepare(data.train.inputs, torch.float64).flatten(1), data.train.targets
    model = build_model(config.model, data.shape, 10, config.seed, torch.float64)
    parameters = dict(model.named_parameters())
    sizes = [p.numel() for p in parameters.values()]

    def loss(flat: torch.Tensor) -> torch.Tensor:
        parts = {n: x.view_as(parameters[n]) for n, x in zip(parameters, flat.split(sizes))}
        scores = torch.func.functional_call(
            model, parts, data.prepare(data.train.inputs, flat.dtype)
        )
        return F.cross_entropy(scores, targets)

    point = torch.cat([p.detach().reshape(-1) for p in parameters.values()])
    hessian = torch.func.hessian(loss)(point)
    scale = torch.full((len(point),), explicit_lr, dtype=torch.float64).diag()
    hidden, _ = weight_layers(model).values()
    rows = torch.cat([inputs, torch.ones(len(inputs), 1, dtype=torch.float64)], 1)
    gram = rows.T @ rows * (config.batch_size / len(rows))
    width, units = inputs.shape[1], hidden.out_features
    block = torch.eye(width + 1, dtype=torch.float64)
    if tau is not None:
        block = torch.linalg.inv(gram + block / tau)
    for unit in range(units):
        index = torch.tensor([*range(unit * width, (unit + 1) * width), units * width + unit])
        scale[index[:, None], index] = lr * block
    return float(torch.linalg.eigvals(scale @ hessian).real.max())


@pytest.mark.parametrize(
    ("optimizer", "factor"),
    [
        ({"name": "sgd"}, 2.0),
        ({"name": "momentum", "momentum": 0.9}, 2 * 1.9),
        ({"name": "nesterov", "momentum": 0.9}, 2 * 1.9 / 2.8),
    ],
)
def test_the_explicit_limit_is_that_of_the_dense_hessian(
    optimizer: dict[str, Any], factor: float
) -> None:
    method = {"direction": {"solver": "explicit"}, "optimizer": optimizer, "lr": grid(0.1, 1)}
    config, limits = predictions(method)
    (point,) = limits[0]["points"]
    sharpness = largest(config, 1.0, 1.0, None)
    assert limits[0]["sharpness"] == pytest.approx(sharpness, rel=RTOL)
    assert point["lr"] == point["s"] == pytest.approx(factor / sharpness, rel=RTOL)
    assert point["tau"] is None


def test_the_limit_in_eta_uses_the_gram_of_a_mini_batch() -> None:
    method = {"optimizer": {"name": "sgd"}, "lr": grid(0.1, 1), "direction": {"tau": 0.2}}
    config, limits = predictions(method)
    (point,) = limits[0]["points"]
    assert point["lr"] == pytest.approx(2 / largest(config, 1.0, 1.0, 0.2), rel=RTOL)
    assert point["s"] == pytest.approx(0.2 * point["lr"])


def test_a_fixed_explicit_step_size_stays_fixed_along_the_boundary() -> None:
    method = {"optimizer": {"name": "sgd", "explicit_lr": 0.3}, "lr": grid(1, 100, 2)}
    config, limits = predictions({**method, "tau": grid(1e-2, 1, 2)})
    points = limits[0]["points"]
    assert [point["tau"] for point in points] == [1e-2, 1.0]
    for point in points:
        assert largest(config, point["lr"], 0.3, point["tau"]) == pytest.approx(2, rel=RTOL)


def test_the_boundary_in_tau_is_where_the_eigenvalue_is_two() -> None:
    optimizer = {"name": "sgd", "lr": 1000.0, "explicit_lr": 0.1}
    exact = {"optimizer": optimizer, "tau": grid(1e-5, 1e3)}
    cg = {**exact, "direction": {"solver": "cg"}}
    config, limits = predictions(exact, cg)
    (point,) = limits[0]["points"]
    assert largest(config, 1000.0, 0.1, point["tau"]) == pytest.approx(2, rel=RTOL)
    assert point["s"] == pytest.approx(1000 * point["tau"])
    assert limits[1]["points"] == limits[0]["points"]
    assert "exact step" in limits[1]["words"]
    assert "exact step" not in limits[0]["words"]


def test_what_has_no_limit_says_so() -> None:
    gentle = {"optimizer": {"name": "sgd", "lr": 1e-3}, "tau": grid(1e-3, 1)}
    wild = {"optimizer": {"name": "sgd", "lr": 1e6}, "tau": grid(1e-1, 1)}
    adam = {"optimizer": {"name": "adam"}, "lr": grid(1e-3, 1)}
    two = {
        "direction": {"solver": "explicit"},
        "optimizer": {"name": "sgd", "explicit_lr": 0.1},
        "lr": grid(0.1, 1),
    }
    _, limits = predictions(gentle, wild, adam, two)
    assert all(limit["points"] == [] for limit in limits.values())
    assert limits[0]["words"].startswith("stable over the whole range of τ")
    assert limits[1]["words"].startswith("unstable over the whole range of τ")
    assert "not of 'adam'" in limits[2]["words"]
    assert "different step sizes" in limits[3]["words"]


def test_a_cancelled_prediction_ends_between_two_products() -> None:
    config = small(seeds=1)
    data, cancelled = load(config.data), threading.Event()
    model = config.model
    layers = layer_table(model.name, model.widths, model.activation, data.shape, 10)
    job = Predictions(config, 0, data, torch.device("cpu"), layers, cancelled)
    work = job.work()
    next(work)
    cancelled.set()
    assert list(work) == []
    assert job.limits == {}
