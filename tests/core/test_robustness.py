"""Extreme settings and bad numbers end in a sound direction and a word, never in an exception."""

import warnings

import pytest
import torch

from proxprop.core.solvers.cholesky import FALLBACK, NON_FINITE, SOLVED, damped_inverse
from proxprop.core.solvers.precision import gram_dtype
from proxprop.diagnostics import (
    NonFiniteWarning,
    ProxPropWarning,
    SolveFallbackWarning,
    TroubleMonitor,
)
from tests.reference import (
    conjugate_gradient,
    exact_direction,
    proximal_system,
    relative_error,
)

from .cases import backward, batch, columns_of, make_layer

EASY_KINDS = ["random", "more rows", "tiny", "huge"]
HARD_KINDS = ["duplicates", "dead columns", "equal columns", "smooth", "offset"]
TAUS = [10.0**power for power in range(-8, 9)]


def data(kind: str, dtype: torch.dtype):
    """Batches that strain a factorisation."""
    input, grad_output = batch((24, 30), 6, dtype=dtype)
    if kind == "more rows":
        input, grad_output = batch((60, 20), 6, dtype=dtype)
    elif kind == "duplicates":
        input = input[:3].repeat(8, 1)
    elif kind == "dead columns":
        input, grad_output = batch((60, 20), 6, dtype=dtype)
        input[:, 3:] = 0
    elif kind == "equal columns":
        input, grad_output = batch((60, 20), 6, dtype=dtype)
        input[:, 1:] = input[:, :1]
    elif kind == "smooth":
        steps = torch.linspace(0, 1, 30, dtype=dtype)
        input = torch.exp(-((steps - torch.linspace(0, 1, 24, dtype=dtype)[:, None]) ** 2))
    elif kind == "offset":
        input = input + 1000
    elif kind == "tiny":
        input = input * 1e-12
    elif kind == "huge":
        input = input * 1e9
    return input, grad_output


@pytest.mark.parametrize("solver", ["exact", "cg"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", EASY_KINDS + HARD_KINDS)
def test_every_tau_gives_a_descent_direction(kind, dtype, solver):
    input, grad_output = data(kind, dtype)
    layer = make_layer(input.shape[1], 6, dtype=dtype, solver=solver)
    gradient = grad_output.double().T @ columns_of(layer, input)
    for tau in TAUS:
        layer.tau = tau
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ProxPropWarning)
            direction = backward(layer, input, grad_output).double()
        assert direction.isfinite().all(), tau
        assert (direction * gradient).sum() > 0, tau


@pytest.mark.parametrize("tau", [0.05, 1.0, 100.0, 1e4, 1e6])
@pytest.mark.parametrize("kind", ["random", "more rows", "smooth", "offset"])
def test_float32_direction_stays_within_two_per_mille(kind, tau):
    input, grad_output = data(kind, torch.float32)
    layer = make_layer(input.shape[1], 6, dtype=torch.float32, tau=tau)
    expected = exact_direction(columns_of(layer, input), grad_output, tau)
    assert relative_error(backward(layer, input, grad_output), expected) < 2e-3


def test_failed_factorisation_gives_the_bounded_direction():
    # Not positive definite by construction: eigenvalues 3 and -1.
    gram = torch.tensor([[1.0, 2.0], [2.0, 1.0]], dtype=torch.float64)
    inverse, status, _ = damped_inverse(gram, 0.5)
    assert int(status) == FALLBACK
    torch.testing.assert_close(inverse, torch.eye(2, dtype=torch.float64) / 2.5)


def test_one_bad_system_of_a_batch_leaves_the_others_alone():
    good = torch.eye(2, dtype=torch.float64)
    bad = torch.tensor([[1.0, 2.0], [2.0, 1.0]], dtype=torch.float64)
    inverse, status, _ = damped_inverse(torch.stack([good, bad]), 0.5)
    assert status.tolist() == [SOLVED, FALLBACK]
    torch.testing.assert_close(inverse[0], good / 1.5)


@pytest.fixture
def as_on_an_accelerator(monkeypatch):
    """No value steers Python code: the branch-free path that accelerators take."""
    for module in ("linear", "rows", "exact", "solvers.cg", "solvers.cholesky"):
        monkeypatch.setattr(f"proxprop.core.{module}.host_can_read", lambda tensor: False)


def test_fallback_without_reading_values_is_bounded_and_descends(as_on_an_accelerator):
    input, grad_output = data("duplicates", torch.float32)
    layer = make_layer(30, 6, dtype=torch.float32, tau=1e8)
    with pytest.warns(SolveFallbackWarning):
        direction = backward(layer, input, grad_output).double()
    columns = columns_of(layer, input)
    gradient = grad_output.double().T @ columns
    expected = gradient / (1e-8 + columns.square().sum())
    assert relative_error(direction, expected) < 1e-4


def test_branch_free_path_equals_the_other_one(as_on_an_accelerator):
    input, grad_output = batch((230, 260), 300)
    layer = make_layer(260, 300, tau=0.7)
    expected = exact_direction(columns_of(layer, input), grad_output, 0.7)
    assert relative_error(backward(layer, input, grad_output), expected) < 1e-9


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("where", ["input", "grad_output"])
@pytest.mark.parametrize("solver", ["exact", "cg"])
@pytest.mark.parametrize("shape", [(6, 9), (40, 9), (230, 260)])
def test_non_finite_numbers_stay_visible(shape, solver, where, bad):
    input, grad_output = batch(shape, 600, dtype=torch.float32)
    (input if where == "input" else grad_output)[2, 1] = bad
    layer = make_layer(shape[1], 600, dtype=torch.float32, solver=solver, cg_steps=10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)
        assert not backward(layer, input, grad_output).isfinite().all()


def test_gram_overflow_does_not_hide():
    # Finite inputs whose squares are not: a float64 Gram still holds them.
    input, grad_output = batch((6, 9), 3, dtype=torch.float32)
    layer = make_layer(9, 3, dtype=torch.float32)
    expected = exact_direction(columns_of(layer, input * 1e22), grad_output, layer.tau)
    assert relative_error(backward(layer, input * 1e22, grad_output), expected) < 1e-3


@pytest.mark.parametrize("solver", ["exact", "cg"])
def test_non_finite_input_is_named(solver):
    layer = make_layer(4, 3, solver=solver)
    layer.label = "encoder.2"
    with pytest.warns(NonFiniteWarning, match=r"encoder\.2: its input is not finite"):
        backward(
            layer, torch.full((5, 4), torch.nan, dtype=torch.float64), torch.ones(5, 3).double()
        )


def test_sound_solves_are_silent():
    layer = make_layer(9, 5)
    input, grad_output = batch((6, 9), 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        backward(layer, input, grad_output)


def test_remote_status_is_reported_one_step_late(monkeypatch):
    monkeypatch.setattr(TroubleMonitor, "_is_remote", staticmethod(lambda status: True))
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    zeros = torch.zeros
    monkeypatch.setattr(torch, "zeros", lambda *a, pin_memory=False, **k: zeros(*a, **k))
    monitor = TroubleMonitor("layer 3")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monitor.post(torch.tensor(FALLBACK, dtype=torch.int8), "exact", 2.0)
    with pytest.warns(SolveFallbackWarning, match=r"layer 3: the exact solve failed \(tau=2\)"):
        monitor.poll()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monitor.poll()


def test_a_layer_tells_its_remote_trouble_at_the_next_forward_pass(monkeypatch):
    monkeypatch.setattr(TroubleMonitor, "_is_remote", staticmethod(lambda status: True))
    zeros = torch.zeros
    monkeypatch.setattr(torch, "zeros", lambda *a, pin_memory=False, **k: zeros(*a, **k))
    layer = make_layer(4, 3)
    layer.label = "encoder.2"
    bad = torch.full((5, 4), torch.nan, dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        backward(layer, bad, torch.ones(5, 3, dtype=torch.float64))
    with pytest.warns(NonFiniteWarning, match=r"encoder\.2: its input is not finite"):
        layer(torch.ones(5, 4, dtype=torch.float64))


@pytest.mark.parametrize("status", [SOLVED, FALLBACK, NON_FINITE])
def test_local_status_is_reported_at_once(status):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        TroubleMonitor("x").post(torch.tensor(status, dtype=torch.int8), "exact", 1.0)
    assert [entry.category for entry in caught] == {
        SOLVED: [],
        FALLBACK: [SolveFallbackWarning],
        NON_FINITE: [NonFiniteWarning],
    }[status]


@pytest.fixture
def mkldnn_precision():
    """Set the CPU's float32 product precision as a program would, and put it back."""
    backend = torch.backends.mkldnn.matmul
    before = backend.fp32_precision

    def choose(precision: str) -> None:
        backend.fp32_precision = precision

    yield choose
    backend.fp32_precision = before


@pytest.mark.parametrize("precision", ["ieee", "tf32", "bf16"])
def test_reduced_product_precision_does_not_reach_the_gram(mkldnn_precision, precision):
    input, grad_output = data("offset", torch.float32)
    layer = make_layer(30, 6, dtype=torch.float32, tau=1.0)
    expected = exact_direction(columns_of(layer, input), grad_output, 1.0)
    mkldnn_precision(precision)
    # The products outside the Gram keep the precision that was asked for: 1e-2 in bfloat16.
    assert relative_error(backward(layer, input, grad_output), expected) < 5e-2


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_reduced_product_precision_does_not_reach_cg(mkldnn_precision, precision):
    input, grad_output = data("offset", torch.float32)
    layer = make_layer(30, 6, dtype=torch.float32, tau=1.0, solver="cg", cg_steps=2)
    columns = columns_of(layer, input)
    system, rhs = proximal_system(columns, 1.0), grad_output.double().T @ columns
    mkldnn_precision(precision)
    direction = backward(layer, input, grad_output)
    assert relative_error(direction, conjugate_gradient(system, rhs, 2)) < 1e-3


@pytest.mark.parametrize("precision", ["ieee", "tf32", "bf16", "none"])
def test_gram_arithmetic_follows_the_product_precision(mkldnn_precision, precision):
    mkldnn_precision(precision)
    rounded = precision in ("tf32", "bf16")
    assert gram_dtype(torch.zeros(1)) == (torch.float64 if rounded else torch.float32)
    assert gram_dtype(torch.zeros(1, dtype=torch.float64)) == torch.float64
