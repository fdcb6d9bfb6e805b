"""The exact step of a convolution against a dense least-squares fit on its patches, float64."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from proxprop import ProxPropConv2d, convert
from proxprop.core.conv import Convolution
from proxprop.core.gram.patches import choose_system
from proxprop.settings import SolveSpec
from tests.core.gram.cases import GEOMETRIES, SIZES, convolution, images
from tests.reference import (
    augmented,
    conjugate_gradient,
    exact_direction,
    output_rows,
    patch_columns,
    proximal_system,
    relative_error,
)


def proximal(plain: nn.Conv2d, **settings: Any) -> ProxPropConv2d:
    layer = copy.deepcopy(plain)
    convert(layer, skip_last=False, **settings)
    assert isinstance(layer, ProxPropConv2d)
    return layer


def directions(layer: nn.Conv2d, x: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
    """(groups, units, columns) of what backward leaves, and the gradient for the layer below."""
    x = x.clone().requires_grad_()
    layer.zero_grad()
    layer(x).backward(delta)
    parts = []
    for parameter in (layer.weight, layer.bias):
        if parameter is not None and parameter.requires_grad:
            assert parameter.grad is not None
            units = parameter.shape[0] // layer.groups
            parts.append(parameter.grad.reshape(layer.groups, units, -1))
    assert x.grad is not None
    return torch.cat(parts, dim=2), x.grad


def expected(layer: nn.Conv2d, x: Tensor, delta: Tensor, tau: float) -> Tensor:
    weight, bias = layer.weight.requires_grad, layer.bias is not None and layer.bias.requires_grad
    rows = output_rows(delta, layer.groups)
    return torch.stack(
        [
            exact_direction(augmented(columns, weight, bias), delta_rows, tau)
            for columns, delta_rows in zip(patch_columns(layer, x), rows)
        ]
    )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_exact_step(name: str, size: tuple[int, int, int], bias: bool) -> None:
    plain = convolution(GEOMETRIES[name], bias)
    x = images(*size)
    output = plain(x)
    delta = torch.randn_like(output)
    layer = proximal(plain, tau=0.3)
    found, grad_input = directions(layer, x, delta)
    assert torch.equal(layer(x), output)
    assert relative_error(found, expected(plain, x, delta, 0.3)) < 1e-9
    assert relative_error(grad_input, directions(plain, x, delta)[1]) < 1e-12


@pytest.mark.parametrize("tau", [1e-8, 1.0, 1e4])
@pytest.mark.parametrize("samples", [1, 12])
def test_any_tau_on_both_systems(tau: float, samples: int) -> None:
    plain = convolution(GEOMETRIES["3 padded"])
    x = images(samples, 5, 5)
    delta = torch.randn_like(plain(x))
    route = choose_system(x.shape, proximal(plain).geometry, 8, 0)
    assert route == ("dual" if samples == 1 else "primal")
    found, _ = directions(proximal(plain, tau=tau), x, delta)
    assert relative_error(found, expected(plain, x, delta, tau)) < 1e-8


@pytest.mark.parametrize("samples", [1, 9])
@pytest.mark.parametrize("frozen", ["weight", "bias"])
@pytest.mark.parametrize("name", ["3 padded", "3 strided groups"])
def test_frozen_columns_leave_the_system(name: str, frozen: str, samples: int) -> None:
    plain = convolution(GEOMETRIES[name])
    getattr(plain, frozen).requires_grad_(False)
    x = images(samples, 7, 7)
    delta = torch.randn_like(plain(x))
    for solver in ("exact", "cg"):
        layer = proximal(plain, tau=0.3, solver=solver, cg_steps=60)
        found, _ = directions(layer, x, delta)
        assert getattr(layer, frozen).grad is None
        assert relative_error(found, expected(plain, x, delta, 0.3)) < 1e-8


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
@pytest.mark.parametrize("samples", [1, 15])
@pytest.mark.parametrize(
    "name", ["3 padded", "1x1", "7 strided", "3 groups", "3 strided and dilated"]
)
def test_cg_takes_the_textbook_steps(name: str, samples: int, steps: int) -> None:
    plain = convolution(GEOMETRIES[name])
    x = images(samples, 7, 6)
    delta = torch.randn_like(plain(x))
    found, _ = directions(proximal(plain, tau=0.05, solver="cg", cg_steps=steps), x, delta)
    rows = output_rows(delta, plain.groups)
    for mine, columns, group in zip(found, patch_columns(plain, x), rows):
        columns = augmented(columns, True, True)
        system = proximal_system(columns, 0.05)
        textbook = conjugate_gradient(system, group.T @ columns, steps)
        assert relative_error(mine, textbook) < 1e-9


@pytest.mark.parametrize("samples", [1, 15])
def test_explicit_is_plain_backprop_bit_for_bit(samples: int) -> None:
    plain = convolution(GEOMETRIES["3 padded"])
    x = images(samples, 7, 6)
    delta = torch.randn_like(plain(x))
    found = directions(proximal(plain, solver="explicit"), x, delta)
    for mine, theirs in zip(found, directions(plain, x, delta)):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("samples", [1, 15])
def test_direction_descends_and_scales_with_delta(samples: int) -> None:
    plain = convolution(GEOMETRIES["5 padded"])
    x = images(samples, 7, 6)
    delta = torch.randn_like(plain(x))
    gradient, _ = directions(plain, x, delta)
    layer = proximal(plain, tau=0.5)
    found, _ = directions(layer, x, delta)
    assert float((found * gradient).sum()) > 0
    scaled, _ = directions(layer, x, 1024 * delta)
    assert relative_error(scaled, 1024 * found) < 1e-12
    order = torch.randperm(samples)
    assert relative_error(directions(layer, x[order], delta[order])[0], found) < 1e-10


def test_small_tau_gives_the_gradient() -> None:
    plain = convolution(GEOMETRIES["3 padded"])
    x = images(5, 6, 6)
    delta = torch.randn_like(plain(x))
    gradient, _ = directions(plain, x, delta)
    found, _ = directions(proximal(plain, tau=1e-9), x, delta)
    assert relative_error(found / 1e-9, gradient) < 1e-5


def test_empty_batch_asks_for_no_change() -> None:
    layer = proximal(convolution(GEOMETRIES["3 padded"]))
    output = layer(torch.zeros(0, 4, 6, 6, dtype=torch.float64))
    output.sum().backward()
    for parameter in layer.parameters():
        assert parameter.grad is not None
        assert not parameter.grad.any()


def test_float32_first_layer_on_smooth_images() -> None:
    """Condition 1e6 and more: a float32 Gram loses every digit of this direction."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(64, 3, 4, 4, generator=generator)
    x = nn.functional.interpolate(coarse, (32, 32), mode="bicubic")
    x = x + 0.01 * torch.rand(x.shape, generator=generator)
    torch.manual_seed(0)
    plain = nn.Conv2d(3, 16, 5, padding=2)
    delta = torch.randn_like(plain(x)) / 64
    convolution = Convolution(proximal(plain).geometry)
    for tau in (0.05, 1.0, 1e4):
        spec = SolveSpec(tau, "exact", 1, 0.0)
        single = convolution.direction(x, delta, spec, True, True)
        double = convolution.direction(x.double(), delta.double(), spec, True, True)
        assert single.weight is not None
        assert double.weight is not None
        assert relative_error(single.weight, double.weight) < 2e-3
