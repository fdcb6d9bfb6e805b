"""Momentum's roots and limits, against torch's own optimizer."""

import numpy as np
import pytest
import torch

from proxprop.analysis.momentum import limit_factor, step_limit

from .quadratic import momentum_filter, momentum_roots


def sgd_path(h: float, momentum: float, nesterov: bool, steps: int) -> np.ndarray:
    """Iterates of torch.optim.SGD on ½x² from 1 at step size h."""
    x = torch.ones((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([x], lr=h, momentum=momentum, nesterov=nesterov)
    path = [x.item()]
    for _ in range(steps):
        x.grad = x.detach().clone()
        optimizer.step()
        path.append(x.item())
    return np.array(path)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.3, 0.9])
@pytest.mark.parametrize("h", [0.01, 0.4, 1.0, 1.9, 3.5])
def test_roots_generate_the_optimizers_path(h: float, momentum: float, nesterov: bool) -> None:
    roots = momentum_roots(h, momentum, nesterov=nesterov)
    path = sgd_path(h, momentum, nesterov, 12)
    # x_{t+1} = (r₁ + r₂) x_t − r₁r₂ x_{t−1}
    predicted = roots.sum().real * path[1:-1] - roots.prod().real * path[:-2]
    np.testing.assert_allclose(path[2:], predicted, rtol=1e-10, atol=1e-12 * np.abs(path).max())


def test_without_momentum_the_roots_are_the_explicit_filter() -> None:
    h = np.array([0.0, 0.5, 1.0, 2.5])
    np.testing.assert_allclose(momentum_filter(h, 0.0), np.abs(1 - h), atol=1e-15)
    np.testing.assert_allclose(momentum_filter(h, 0.0, nesterov=True), np.abs(1 - h), atol=1e-15)


def test_a_small_root_is_not_lost_by_cancellation() -> None:
    roots = momentum_roots(1.0 + 1e-13, 0.5, nesterov=True)
    assert np.abs(roots).min() > 0
    assert roots.prod().real == pytest.approx(0.5 * (1 - (1.0 + 1e-13)), rel=1e-12)


@pytest.mark.parametrize(
    ("momentum", "nesterov"), [(0.0, False), (0.5, False), (0.5, True), (0.95, False), (0.95, True)]
)
def test_limit_is_where_the_optimizer_starts_to_grow(momentum: float, nesterov: bool) -> None:
    low, high = 0.1, 10.0
    while high - low > 1e-3:
        h = (low + high) / 2
        grows = not np.abs(sgd_path(h, momentum, nesterov, 400)[-20:]).max() < 1
        low, high = (low, h) if grows else (h, high)
    factor = limit_factor(momentum, nesterov=nesterov)
    assert low == pytest.approx(factor, rel=0.01)
    assert momentum_filter(factor, momentum, nesterov=nesterov) == pytest.approx(1.0, abs=1e-9)
    assert step_limit(4.0, momentum, nesterov=nesterov) == pytest.approx(factor / 4)


def test_known_factors_and_degenerate_curvature() -> None:
    assert limit_factor() == 2
    assert limit_factor(0.9) == pytest.approx(3.8)
    assert limit_factor(0.9, nesterov=True) == pytest.approx(3.8 / 2.8)
    assert step_limit(0.0) == float("inf")
    assert step_limit(-3.0) == float("inf")
    with pytest.raises(ValueError, match=r"momentum must be in \[0, 1\), got 1.0"):
        limit_factor(1.0)
