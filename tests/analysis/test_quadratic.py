"""Trajectories on the 2-D quadratic, against torch's optimizer and dense solves."""

import numpy as np
import pytest
import torch

from proxprop.analysis.filters import cg_polynomial, exact_filter
from tests.analysis.quadratic import Quadratic

BOWL = Quadratic((0.7, 5.0), angle=0.6)
START = np.array([1.5, -0.8])


def test_matrix_values_and_axes() -> None:
    np.testing.assert_allclose(np.linalg.eigvalsh(BOWL.matrix), [0.7, 5.0], rtol=1e-13)
    np.testing.assert_allclose(BOWL.matrix @ BOWL.axes, BOWL.axes * [0.7, 5.0], atol=1e-13)
    points = np.array([START, 2 * START])
    expected = [0.5 * p @ BOWL.matrix @ p for p in points]
    np.testing.assert_allclose(BOWL(points), expected, rtol=1e-13)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.8, False), (0.8, True)])
@pytest.mark.parametrize("step", [0.05, 0.5])
def test_explicit_path_is_torchs(step: float, momentum: float, nesterov: bool) -> None:
    x = torch.tensor(START, requires_grad=True)
    matrix = torch.tensor(BOWL.matrix)
    optimizer = torch.optim.SGD([x], lr=step, momentum=momentum, nesterov=nesterov)
    expected = [START]
    for _ in range(15):
        x.grad = matrix @ x.detach()
        optimizer.step()
        expected.append(x.detach().numpy().copy())
    path = BOWL.explicit(START, step, 15, momentum=momentum, nesterov=nesterov)
    np.testing.assert_allclose(path, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("tau", [0.1, 3.0])
def test_implicit_path_is_the_resolvent(tau: float) -> None:
    expected = [START]
    for _ in range(10):
        expected.append(np.linalg.solve(np.eye(2) + tau * BOWL.matrix, expected[-1]))
    np.testing.assert_allclose(BOWL.implicit(START, tau, 10), expected, rtol=1e-10, atol=1e-13)


def test_one_cg_step_is_a_line_search_and_two_are_exact() -> None:
    tau, damped = 0.9, BOWL.matrix + np.eye(2) / 0.9
    gradient = BOWL.matrix @ START
    line = START - gradient * (gradient @ gradient) / (gradient @ damped @ gradient)
    np.testing.assert_allclose(BOWL.conjugate(START, tau, 1, 1)[1], line, rtol=1e-12)
    exact = BOWL.implicit(START, tau, 6)
    np.testing.assert_allclose(BOWL.conjugate(START, tau, 2, 6), exact, rtol=1e-9, atol=1e-13)


def test_factors_are_the_growth_seen() -> None:
    path = BOWL.explicit(START, 0.5, 60)
    seen = np.linalg.norm(path[-1]) / np.linalg.norm(path[-2])
    assert seen == pytest.approx(BOWL.explicit_factor(0.5), rel=1e-10)
    path = BOWL.implicit(START, 0.5, 60)
    seen = np.linalg.norm(path[-1]) / np.linalg.norm(path[-2])
    assert seen == pytest.approx(BOWL.implicit_factor(0.5), rel=1e-10)
    assert BOWL.implicit_factor(0.5) == pytest.approx(exact_filter(0.7, 0.5))


def test_a_start_at_the_minimum_stays() -> None:
    assert (BOWL.conjugate([0.0, 0.0], 1.0, 3, 4) == 0).all()
    assert (cg_polynomial([1.0, 2.0], [0.0, 0.0], 1.0, 3)([0.5, 7.0]) == 1).all()


@pytest.mark.filterwarnings("error")
def test_divergence_is_a_result_not_a_warning() -> None:
    path = BOWL.explicit(START, 1e9, 200, momentum=0.9)
    assert np.isfinite(path[0]).all()
    assert not np.isfinite(path[-1]).all()


def test_bad_quadratics_are_refused() -> None:
    with pytest.raises(ValueError, match="eigenvalues must be finite and > 0, got -1"):
        Quadratic((1.0, -1.0))
    with pytest.raises(ValueError, match="angle must be finite"):
        Quadratic((1.0, 1.0), float("nan"))
