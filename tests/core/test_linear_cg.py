"""CG steps against textbook CG, one unit at a time, in every space and basis."""

import itertools

import pytest
import torch

from proxprop.core.linear import choose_route, linear_direction
from proxprop.core.solvers.cg import DiagonalSystem, DualSystem
from proxprop.core.solvers.cg import conjugate_gradient as solve
from proxprop.settings import SolveSpec
from tests.reference import (
    augmented,
    conjugate_gradient,
    exact_direction,
    proximal_system,
    quadratic,
    relative_error,
)

from .cases import backward, batch, columns_of, make_layer

ROUTES = ["dual", "primal", "dual-spectral", "primal-spectral"]
SHAPES = {"few rows": (12, 30, 7), "many rows": (40, 9, 5), "chunked units": (15, 6, 600)}


@pytest.fixture
def force_route(monkeypatch):
    def force(route):
        monkeypatch.setattr("proxprop.core.linear.choose_route", lambda *_: route)

    return force


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_textbook_iterates(force_route, route, shape, bias, steps):
    force_route(route)
    rows, width, units = SHAPES[shape]
    layer = make_layer(width, units, bias, tau=0.5, solver="cg", cg_steps=steps)
    input, grad_output = batch((rows, width), units)
    columns = columns_of(layer, input)
    expected = conjugate_gradient(proximal_system(columns, 0.5), grad_output.T @ columns, steps)
    assert relative_error(backward(layer, input, grad_output), expected) < 1e-9


@pytest.mark.parametrize("route", ROUTES)
def test_full_steps_equal_exact(force_route, route):
    force_route(route)
    layer = make_layer(6, 4, tau=0.2, solver="cg", cg_steps=7)
    input, grad_output = batch((20, 6), 4)
    expected = exact_direction(columns_of(layer, input), grad_output, 0.2)
    assert relative_error(backward(layer, input, grad_output), expected) < 1e-9


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("route", ROUTES)
def test_steps_beyond_convergence_do_no_harm(force_route, route, dtype):
    # Past convergence a residual is rounding noise; dividing by it must not blow the result up.
    force_route(route)
    layer = make_layer(6, 4, dtype=dtype, tau=0.2, solver="cg", cg_steps=60)
    input, grad_output = batch((20, 6), 4, dtype=dtype)
    expected = exact_direction(columns_of(layer, input), grad_output, 0.2)
    # Dual inner products cancel, which ends progress at about the root of the rounding unit.
    tolerance = 1e-9 if dtype == torch.float64 else 1e-3
    assert relative_error(backward(layer, input, grad_output), expected) < tolerance


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("tau", [1.0, 1e4])
def test_ill_conditioned_quadratic_never_rises(force_route, route, tau):
    # Iterates of two correct codes part here; the value that CG decreases does not.
    force_route(route)
    input, grad_output = batch((30, 20), 5)
    input = input * torch.logspace(0, -3, 20, dtype=torch.float64)
    columns = augmented(input, True, True)
    system, rhs = proximal_system(columns, tau), grad_output.T @ columns
    values = []
    for steps in (1, 2, 4, 8, 16, 32):
        layer = make_layer(20, 5, tau=tau, solver="cg", cg_steps=steps)
        direction = backward(layer, input, grad_output)
        assert ((direction * rhs).sum(1) > 0).all()
        values.append(quadratic(system, rhs, direction))
    best = quadratic(system, rhs, torch.linalg.solve(system, rhs.T).T)
    for earlier, later in itertools.pairwise(values):
        assert (later <= earlier + 1e-9 * best.abs()).all()
    assert (values[-1] >= best - 1e-9 * best.abs()).all()


@pytest.mark.parametrize("route", ROUTES)
def test_relative_tolerance_stops_each_unit_by_itself(force_route, route):
    force_route(route)
    rtol = 0.3
    input, grad_output = batch((12, 9), 6)
    grad_output = grad_output * torch.logspace(-6, 6, 6, dtype=torch.float64)
    columns = augmented(input, True, True)
    system, rhs = proximal_system(columns, 0.5), grad_output.T @ columns
    expected = []
    for row in rhs:
        for steps in range(1, 11):
            found = conjugate_gradient(system, row[None], steps)
            if (row - found[0] @ system).norm() <= rtol * row.norm():
                break
        expected.append(found[0])
    layer = make_layer(9, 6, tau=0.5, solver="cg", cg_steps=10, cg_rtol=rtol)
    # Compared per unit: one scalar for all would be ruled by the largest of them.
    for actual, wanted in zip(backward(layer, input, grad_output), expected, strict=True):
        assert relative_error(actual, wanted) < 1e-9


def test_units_without_gradient_stay_put():
    layer = make_layer(5, 3, solver="cg", cg_steps=4)
    input, grad_output = batch((8, 5), 3)
    grad_output[:, 1] = 0
    direction = backward(layer, input, grad_output)
    assert not direction[1].any()
    assert direction.isfinite().all()


def test_dual_vectors_reproduce_primal_iterates_for_batches_of_systems():
    generator = torch.Generator().manual_seed(3)
    rows = torch.randn(2, 8, 12, generator=generator, dtype=torch.float64)
    rhs = torch.randn(2, 8, 5, generator=generator, dtype=torch.float64)
    found = solve(DualSystem(rows @ rows.mT, 2.0), rhs, 3)
    for system in range(2):
        expected = conjugate_gradient(
            proximal_system(rows[system], 0.5), rhs[system].T @ rows[system], 3
        )
        assert relative_error(found[system].T @ rows[system], expected) < 1e-9


def test_spectral_iterates_for_a_diagonal_system():
    values = torch.tensor([4.0, 1.0, 0.25, 0.0], dtype=torch.float64)
    rhs = torch.tensor([[1.0], [2.0], [3.0], [4.0]], dtype=torch.float64)
    found = solve(DiagonalSystem(values, 0.5, dual=False), rhs, 2)
    expected = conjugate_gradient(torch.diag(values + 0.5), rhs.T, 2)
    assert relative_error(found.T, expected) < 1e-12


@pytest.mark.parametrize(
    ("rows", "columns", "units", "steps", "expected"),
    [
        (500, 3073, 4000, 0, "dual"),
        (4000, 785, 256, 0, "primal"),
        (500, 3073, 4000, 1, "dual"),
        (500, 3073, 4000, 10, "dual-spectral"),
        (500, 4001, 10, 3, "dual"),
        (4000, 65, 256, 10, "primal-spectral"),
    ],
)
def test_cheapest_route_is_chosen(rows, columns, units, steps, expected):
    assert choose_route(rows, columns, units, steps, spectral=True) == expected


def test_eigenbasis_is_not_used_where_it_may_not():
    assert "spectral" not in choose_route(500, 3073, 4000, 50, spectral=False)


def test_cg_is_what_the_spec_says():
    rows, grad_output = batch((6, 4), 2)
    one = linear_direction(rows, grad_output, SolveSpec(0.4, "cg", 1, 0.0), True, True)
    two = linear_direction(rows, grad_output, SolveSpec(0.4, "cg", 2, 0.0), True, True)
    assert relative_error(one.weight, two.weight) > 1e-3
