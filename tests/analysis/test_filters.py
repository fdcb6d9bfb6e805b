"""The filters of a layer's own problem, against running the steps they describe."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from proxprop.analysis.filters import (
    angle_bound,
    cg_filter,
    cg_gain,
    cg_polynomial,
    exact_filter,
    exact_gain,
    explicit_filter,
    explicit_gain,
    network_angle_bound,
)

# Moderate condition: at 400, two correct CG codes differ by 6e-9 after five steps.
SPECTRUM = np.array([0.0, 0.02, 0.5, 1.0, 3.0, 9.0, 40.0])


def overshoot(filter_values: np.ndarray, components: np.ndarray) -> float:
    """‖after‖/‖before‖ of the distance to z½, by its components and a filter; 1 for none."""
    before = np.linalg.norm(components)
    return float(np.linalg.norm(filter_values * components) / before) if before else 1.0


def layer_problem(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ã with a known spectrum: (Ã, λ, left singular vectors, the distance z½ − z)."""
    rng = np.random.default_rng(seed)
    left = np.linalg.qr(rng.normal(size=(9, 7)))[0]
    right = np.linalg.qr(rng.normal(size=(7, 7)))[0]
    rows = left @ np.diag(np.sqrt(SPECTRUM)) @ right.T
    return rows, SPECTRUM, left, rng.normal(size=9)


@pytest.mark.parametrize("step", [1e-3, 0.005, 0.3])
def test_explicit_filter_is_what_an_explicit_step_does(step: float) -> None:
    rows, values, left, distance = layer_problem()
    remaining = distance - rows @ (step * rows.T @ distance)
    expected = explicit_filter(values, step) * (left.T @ distance)
    np.testing.assert_allclose(left.T @ remaining, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(explicit_gain(values, step), step * values, rtol=1e-15)


@pytest.mark.parametrize("tau", [1e-3, 0.05, 1.0, 1e4])
def test_exact_filter_is_what_the_implicit_step_does(tau: float) -> None:
    rows, values, left, distance = layer_problem()
    step = np.linalg.solve(rows.T @ rows + np.eye(7) / tau, rows.T @ distance)
    remaining = distance - rows @ step
    expected = exact_filter(values, tau) * (left.T @ distance)
    np.testing.assert_allclose(left.T @ remaining, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(exact_gain(values, tau), 1 - exact_filter(values, tau), atol=1e-15)
    assert (exact_filter(values, tau) <= 1).all()
    assert (exact_gain(values, tau) < 1).all()


@pytest.mark.parametrize("tau", [0.05, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_cg_filter_is_what_k_cg_steps_do(steps: int, tau: float) -> None:
    rows, values, left, distance = layer_problem()
    system, rhs = rows.T @ rows + np.eye(7) / tau, rows.T @ distance
    x, r = np.zeros(7), rhs.copy()
    p = r.copy()
    for _ in range(steps):
        alpha = (r @ r) / (p @ system @ p)
        x, previous, r = x + alpha * p, r, r - alpha * (system @ p)
        p = r + (r @ r) / (previous @ previous) * p
    polynomial = cg_polynomial(values, np.sqrt(values) * (left.T @ distance), tau, steps)
    filtered = cg_filter(values, polynomial) * (left.T @ distance)
    np.testing.assert_allclose(filtered, left.T @ (distance - rows @ x), atol=1e-10, rtol=1e-10)
    np.testing.assert_allclose(cg_gain(values, polynomial), 1 - cg_filter(values, polynomial))
    ratio = np.linalg.norm(left.T @ (distance - rows @ x)) / np.linalg.norm(left.T @ distance)
    measured = overshoot(cg_filter(values, polynomial), left.T @ distance)
    assert measured == pytest.approx(ratio, rel=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_cg_filter_is_the_residual_of_the_layers_own_cg(steps: int) -> None:
    from proxprop import ProxPropLinear

    tau, size = 0.3, 6
    singular = torch.linspace(0.4, 3.0, size, dtype=torch.float64)
    request = torch.tensor([1.0, -2.0, 0.5, 3.0, -1.0, 0.7], dtype=torch.float64)
    layer = ProxPropLinear(
        size, 1, bias=False, dtype=torch.float64, tau=tau, solver="cg", cg_steps=steps
    )
    layer(torch.diag(singular)).backward(request[:, None])
    delivered = singular * layer.weight.grad[0]
    values = (singular**2).numpy()
    polynomial = cg_polynomial(values, (singular * request).numpy(), tau, steps)
    np.testing.assert_allclose(
        1 - (delivered / request).numpy(), cg_filter(values, polynomial), rtol=1e-9, atol=1e-10
    )


def test_cg_with_as_many_steps_as_eigenvalues_is_exact() -> None:
    values, tau = np.array([0.1, 1.0, 4.0]), 0.7
    polynomial = cg_polynomial(values, np.array([1.0, 2.0, -1.0]), tau, 3)
    np.testing.assert_allclose(cg_filter(values, polynomial), exact_filter(values, tau), atol=1e-12)
    # Steps past convergence change nothing, and neither do tiny right-hand sides.
    more = cg_polynomial(values, np.array([1.0, 2.0, -1.0]) * 1e-200, tau, 50)
    grid = np.linspace(0, 5, 50)
    np.testing.assert_allclose(cg_filter(grid, more), cg_filter(grid, polynomial), atol=1e-10)


def test_cg_filter_need_not_lie_between_explicit_and_exact() -> None:
    values, tau = np.array([0.01, 1.0, 10.0]), 1.0
    polynomial = cg_polynomial(values, np.array([0.01, 1.0, 1.0]), tau, 2)
    cg, exact = cg_filter(values, polynomial), exact_filter(values, tau)
    explicit = explicit_filter(values, tau)
    low, high = np.minimum(exact, explicit), np.maximum(exact, explicit)
    assert ((cg < low - 1e-6) | (cg > high + 1e-6)).any()


def test_polynomial_is_one_at_zero_and_has_the_ritz_values_as_roots() -> None:
    values, rhs, tau = SPECTRUM, np.arange(1.0, 8.0), 0.5
    polynomial = cg_polynomial(values, rhs, tau, 3)
    mu = values + 1 / tau
    krylov = np.linalg.qr(np.stack([mu**power * rhs for power in range(3)], axis=1))[0]
    ritz = np.linalg.eigvalsh(krylov.T @ (mu[:, None] * krylov))
    assert polynomial(0.0) == 1.0
    np.testing.assert_allclose(polynomial(ritz), 0.0, atol=1e-9)


def test_overshoot_crosses_one_at_two_over_lambda() -> None:
    """Bisect the explicit step along one eigenvector; an implicit step never crosses."""
    rows, values, left, _ = layer_problem()
    distance = left[:, 5]
    low, high = 1e-4, 10.0
    while high / low > 1 + 1e-12:
        step = (low * high) ** 0.5
        after = np.linalg.norm(distance - rows @ (step * rows.T @ distance))
        assert overshoot(explicit_filter(values, step), left.T @ distance) == pytest.approx(after)
        low, high = (step, high) if after < 1 else (low, step)
    assert low == pytest.approx(2 / values[5], rel=1e-10)
    assert overshoot(exact_filter(values, 1e9), left.T @ distance) < 1e-8
    assert overshoot(exact_filter(values, 1.0), np.zeros(7)) == 1.0


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(0, 1e4), min_size=2, max_size=6),
    tau=st.floats(1e-4, 1e4),
    seed=st.integers(0, 2**16),
)
def test_no_gradient_makes_a_wider_angle_than_the_bound(
    values: list[float], tau: float, seed: int
) -> None:
    gradient = np.random.default_rng(seed).normal(size=len(values))
    direction = gradient / (np.array(values) + 1 / tau)
    cosine = gradient @ direction / np.linalg.norm(gradient) / np.linalg.norm(direction)
    assert cosine >= angle_bound(min(values), max(values), tau) * (1 - 1e-12)


def test_the_angle_bound_is_attained() -> None:
    low, high, tau = 0.3, 40.0, 0.7
    damped = np.array([low, high]) + 1 / tau
    worst = np.sqrt(damped)  # equal energy after half a solve: Kantorovich's equality case
    direction = worst / damped
    cosine = worst @ direction / np.linalg.norm(worst) / np.linalg.norm(direction)
    assert angle_bound(low, high, tau) == pytest.approx(cosine, rel=1e-12)


def test_network_angle_bound_spans_all_blocks() -> None:
    blocks = [(0.0, 9.0, 1.0), (0.0, 3.0, 0.1)]
    # P's eigenvalues: 1 … 0.1 on the first, 0.1 … 1/13 on the second, 1 on explicit layers.
    condition = 13.0
    expected = 2 * condition**0.5 / (1 + condition)
    assert network_angle_bound(blocks, explicit_blocks=False) == pytest.approx(expected)
    assert network_angle_bound(blocks, explicit_blocks=True) == pytest.approx(expected)
    condition = 100.0 / (1 / 1.3)  # τ = 100 leaves P at 100 where λ = 0
    expected = 2 * condition**0.5 / (1 + condition)
    found = network_angle_bound([(0.0, 0.0, 100.0), (1.2, 1.2, 10.0)], explicit_blocks=True)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: explicit_filter([1.0], 0.0), "step must be finite and > 0, got 0.0"),
        (lambda: exact_filter([1.0], -2.0), "tau must be finite and > 0, got -2.0"),
        (lambda: exact_filter([-1.0], 1.0), "must be >= 0, got -1.0"),
        (lambda: exact_filter([float("nan")], 1.0), "must be >= 0, got nan"),
        (lambda: cg_polynomial([1.0], [1.0], 1.0, 0), "steps must be >= 1, got 0"),
        (lambda: cg_polynomial([1.0, 2.0], [1.0], 1.0, 1), "vectors of one length"),
        (lambda: angle_bound(2.0, 1.0, 1.0), "lambda_min must be <= lambda_max"),
        (lambda: network_angle_bound([], explicit_blocks=False), "at least one layer"),
    ],
)
def test_bad_arguments_are_refused_in_words(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_filters_do_not_load_torch() -> None:
    modules = "proxprop.analysis.filters, proxprop.analysis.momentum, proxprop.analysis.spectra"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
