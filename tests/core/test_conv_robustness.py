"""Extreme settings and bad numbers in a convolution: a sound direction and a word, no exception."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from proxprop import ProxPropConv2d
from proxprop.core.gram.patches import patch_gram
from proxprop.diagnostics import NonFiniteWarning, ProxPropWarning, SolveFallbackWarning
from tests.core.gram.cases import images
from tests.reference import augmented, exact_direction, output_rows, patch_columns, relative_error

TAUS = [10.0**power for power in range(-8, 9, 2)]
# One sample has 25 positions, twelve have 300; the system has 37 columns.
SAMPLES = {"dual": 1, "primal": 12}


@pytest.fixture
def force_route(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Solve in the wanted space, whichever is cheaper."""

    def force(route: str) -> None:
        monkeypatch.setattr("proxprop.core.conv.choose_system", lambda *_: route)

    return force


def layer_of(dtype: torch.dtype, **prox: object) -> ProxPropConv2d:
    torch.manual_seed(0)
    return ProxPropConv2d(4, 5, 3, padding=1, dtype=dtype, **prox)  # type: ignore[arg-type]


def batch(kind: str, samples: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Images that strain a factorisation, and a gradient at the output."""
    x = images(samples, 5, 5).to(dtype)
    generator = torch.Generator().manual_seed(7)
    delta = torch.randn(samples, 5, 5, 5, generator=generator, dtype=torch.float64).to(dtype)
    if kind == "constant":
        x = torch.ones_like(x)
    elif kind == "equal channels":
        x = x[:, :1].repeat(1, 4, 1, 1)
    elif kind == "dead channels":
        x[:, 1:] = 0
    elif kind == "offset":
        x = x + 1000
    elif kind == "shifted":
        x = x + 30
    elif kind == "tiny":
        x = x * 1e-12
    elif kind == "huge":
        x = x * 1e9
    elif kind == "one pixel":
        x = torch.zeros_like(x)
        x[0, 0, 2, 2] = 1
    return x, delta


def direction(layer: ProxPropConv2d, x: Tensor, delta: Tensor) -> Tensor:
    layer.zero_grad()
    layer(x).backward(delta)
    assert layer.weight.grad is not None
    assert layer.bias is not None
    assert layer.bias.grad is not None
    return torch.cat([layer.weight.grad.flatten(1), layer.bias.grad[:, None]], dim=1)


def system(layer: ProxPropConv2d, x: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
    """Ã and Δ, one row per position."""
    return augmented(patch_columns(layer, x)[0], True, True), output_rows(delta, 1)[0]


@pytest.mark.parametrize("solver", ["exact", "cg"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("route", SAMPLES)
@pytest.mark.parametrize(
    "kind",
    [
        "random",
        "constant",
        "equal channels",
        "dead channels",
        "offset",
        "tiny",
        "huge",
        "one pixel",
    ],
)
def test_every_tau_gives_a_descent_direction(
    force_route: Callable[[str], None], kind: str, route: str, dtype: torch.dtype, solver: str
) -> None:
    force_route(route)
    x, delta = batch(kind, SAMPLES[route], dtype)
    layer = layer_of(dtype, solver=solver)
    columns, rows = system(layer, x, delta)
    gradient = rows.T @ columns
    for tau in TAUS:
        layer.tau = tau
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ProxPropWarning)
            found = direction(layer, x, delta).double()
        assert found.isfinite().all(), tau
        assert (found * gradient).sum() > 0, tau


@pytest.mark.parametrize("tau", [0.05, 1.0, 100.0, 1e4])
@pytest.mark.parametrize(
    ("kind", "route"),
    [
        *itertools.product(["random", "shifted", "dead channels"], SAMPLES),
        # Y is a thousand times larger than Y's part that Ã does not cancel.
        ("constant", "dual"),
    ],
)
def test_float32_direction_stays_within_two_per_mille(
    force_route: Callable[[str], None], kind: str, route: str, tau: float
) -> None:
    force_route(route)
    x, delta = batch(kind, SAMPLES[route], torch.float32)
    layer = layer_of(torch.float32, tau=tau)
    expected = exact_direction(*system(layer, x, delta), tau)
    assert relative_error(direction(layer, x, delta), expected) < 2e-3


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("where", ["input", "delta"])
@pytest.mark.parametrize("solver", ["exact", "cg"])
@pytest.mark.parametrize("route", SAMPLES)
def test_non_finite_numbers_stay_visible(
    force_route: Callable[[str], None], route: str, solver: str, where: str, bad: float
) -> None:
    force_route(route)
    x, delta = batch("random", SAMPLES[route], torch.float32)
    (x if where == "input" else delta)[0, 1, 2, 2] = bad
    layer = layer_of(torch.float32, solver=solver, cg_steps=10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)
        assert not direction(layer, x, delta).isfinite().all()


@pytest.mark.parametrize("route", SAMPLES)
def test_gram_overflow_does_not_hide(force_route: Callable[[str], None], route: str) -> None:
    # Finite inputs whose squares are not: a float64 Gram still holds them.
    force_route(route)
    x, delta = batch("random", SAMPLES[route], torch.float32)
    x = x * 1e22
    layer = layer_of(torch.float32)
    layer.bias.requires_grad_(False)  # beside such patches its column is lost in float64 as well
    expected = exact_direction(patch_columns(layer, x)[0], output_rows(delta, 1)[0], layer.tau)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(x).backward(delta)
    assert layer.weight.grad is not None
    assert relative_error(layer.weight.grad.flatten(1), expected) < 1e-3


@pytest.mark.parametrize("route", SAMPLES)
def test_non_finite_input_is_named(route: str) -> None:
    x, delta = batch("random", SAMPLES[route], torch.float32)
    x[0, 0, 0, 0] = torch.nan
    layer = layer_of(torch.float32)
    layer.label = "features.0"
    with pytest.warns(NonFiniteWarning, match=r"features\.0: its input is not finite"):
        direction(layer, x, delta)


@pytest.mark.parametrize("route", SAMPLES)
def test_failed_solve_is_bounded_descends_and_is_named(
    route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on an accelerator, where no second attempt in float64 is made: constant images have a
    # Gram of small rank, and 1/τ is lost beside it.
    monkeypatch.setattr("proxprop.core.solvers.cholesky.host_can_read", lambda tensor: False)
    x, delta = batch("constant", SAMPLES[route], torch.float64)
    x = x * 1e6
    layer = layer_of(torch.float64, tau=1e8)
    layer.label = "features.0"
    with pytest.warns(SolveFallbackWarning, match=r"features\.0: the exact solve failed"):
        found = direction(layer, x, delta)
    columns, rows = system(layer, x, delta)
    expected = rows.T @ columns / (1e-8 + columns.square().sum())
    assert relative_error(found, expected) < 1e-6


@pytest.mark.parametrize("kind", ["constant", "equal channels"])
def test_a_second_attempt_in_float64_spares_the_fallback(
    force_route: Callable[[str], None], kind: str
) -> None:
    # Rounded products leave this singular Gram indefinite by more than 1/τ.
    force_route("primal")
    x, delta = batch(kind, SAMPLES["primal"], torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        direction(layer_of(torch.float32, tau=1e8), x, delta)


def test_grams_of_few_columns_are_summed_in_float64() -> None:
    geometry = layer_of(torch.float32).geometry
    assert patch_gram(torch.rand(2, 4, 5, 5), geometry, bias=True).dtype == torch.float64
    assert patch_gram(torch.rand(2, 200, 5, 5), geometry, bias=True).dtype == torch.float32


def test_sound_solves_are_silent() -> None:
    for samples in SAMPLES.values():
        for solver in ("exact", "cg"):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                direction(
                    layer_of(torch.float32, solver=solver), *batch("random", samples, torch.float32)
                )
