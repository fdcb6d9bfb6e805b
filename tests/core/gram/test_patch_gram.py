"""Every route to a convolution's Grams against patches read by torch's own forward pass."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from proxprop.core.gram import ConvGeometry, correlation, patch_gram, position_gram
from proxprop.core.gram.correlation import Precision
from proxprop.core.gram.patches import gram_costs, gram_route
from tests.core.gram.cases import GEOMETRIES, SIZES, convolution, images
from tests.reference import patch_columns, relative_error


def geometry_of(layer: nn.Conv2d) -> ConvGeometry:
    return ConvGeometry.resolve(
        layer.kernel_size,
        layer.stride,
        layer.padding,
        layer.dilation,
        layer.groups,
        layer.padding_mode,
    )


def with_ones(columns: torch.Tensor) -> torch.Tensor:
    return torch.cat([columns, columns.new_ones(*columns.shape[:2], 1)], dim=2)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_grams_equal_those_of_the_patches(
    name: str, size: tuple[int, int, int], bias: bool
) -> None:
    layer = convolution(GEOMETRIES[name])
    x = images(*size)
    columns = patch_columns(layer, x)
    columns = with_ones(columns) if bias else columns
    geometry = geometry_of(layer)
    assert geometry.output_size(*size[1:]) == tuple(layer(x).shape[2:])
    assert relative_error(patch_gram(x, geometry, bias=bias), columns.mT @ columns) < 1e-12
    assert relative_error(position_gram(x, geometry, bias=bias), columns @ columns.mT) < 1e-12


@pytest.mark.parametrize("name", [name for name in GEOMETRIES if "1x1" not in name])
def test_every_route_that_applies_gives_the_same_gram(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = convolution(GEOMETRIES[name])
    x = images(6, 9, 8)
    columns = patch_columns(layer, x)
    geometry = geometry_of(layer)
    routes = gram_costs(x.shape, geometry)
    assert "unfold" in routes
    for route in routes:
        monkeypatch.setattr("proxprop.core.gram.patches.gram_route", lambda *_, route=route: route)
        found = patch_gram(x, geometry, bias=False)
        assert relative_error(found, columns.mT @ columns) < 1e-12, route


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[nn.Conv2d, torch.Tensor]:
    def pair(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
        return st.tuples(st.integers(low, high), st.integers(low, high))

    kernel, dilation = draw(pair(1, 7)), draw(pair(1, 3))
    groups = draw(st.integers(1, 3))
    padding = draw(pair(0, 8))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    smallest = [max(1, r - 2 * p) for r, p in zip(reach, padding)]
    height, width = (draw(st.integers(low, low + 9)) for low in smallest)
    torch.manual_seed(0)
    layer = nn.Conv2d(
        groups * draw(st.integers(1, 3)),
        groups,
        kernel,
        draw(pair(1, 3)),
        padding,
        dilation,
        groups,
        dtype=torch.float64,
    )
    samples = draw(st.sampled_from([1, 2, 11]))
    return layer, images(samples, height, width, layer.in_channels)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(convolutions())
def test_any_convolution(drawn: tuple[nn.Conv2d, torch.Tensor]) -> None:
    layer, x = drawn
    columns = with_ones(patch_columns(layer, x))
    found = patch_gram(x, geometry_of(layer), bias=True)
    assert relative_error(found, columns.mT @ columns) < 1e-12


def test_memory_format_does_not_matter() -> None:
    geometry = ConvGeometry((3, 3), padding=(1, 1, 1, 1))
    x = images(5, 8, 9)
    strided = x.to(memory_format=torch.channels_last)
    assert (
        relative_error(patch_gram(strided, geometry, bias=True), patch_gram(x, geometry, bias=True))
        < 1e-14
    )
    every_other = torch.cat([x, x], dim=3)[..., ::2]
    assert not every_other.is_contiguous()
    assert (
        relative_error(
            patch_gram(every_other, geometry, bias=True),
            patch_gram(every_other.contiguous(), geometry, bias=True),
        )
        < 1e-14
    )


def test_images_and_blocks_of_any_size_are_summed_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = convolution(GEOMETRIES["3 padded"])
    x = images(70, 6, 5)
    columns = patch_columns(layer, x)
    monkeypatch.setattr("proxprop.core.gram.correlation._BLOCK_ELEMENTS", 1)
    monkeypatch.setattr("proxprop.core.gram.patches._CHUNK_ELEMENTS", 1)
    for route in ("correlation", "unfold"):
        monkeypatch.setattr("proxprop.core.gram.patches.gram_route", lambda *_, route=route: route)
        found = patch_gram(x, geometry_of(layer), bias=False)
        assert relative_error(found, columns.mT @ columns) < 1e-12, route


def test_large_images_with_many_channels_use_rows_not_the_plane() -> None:
    """Both forms of the autocorrelation agree; the cheaper-in-memory one is chosen by size."""
    precision = Precision(torch.float64, torch.float64)
    for channels, size in ((2, (9, 12)), (5, (17, 4))):
        x = images(4, *size, channels)[:, None]
        axes = correlation._Axis(size[0], 3, 2), correlation._Axis(size[1], 4, 1)
        plane = correlation._by_plane(x, *axes, precision)
        rows = correlation._by_rows(x, *axes, precision)
        assert plane.shape == (1, channels, channels, 5, 7)
        assert relative_error(rows, plane) < 1e-12


@pytest.mark.parametrize(
    ("shape", "geometry", "route"),
    [
        ((500, 16, 16, 16), ConvGeometry((5, 5), padding=(2, 2, 2, 2)), "correlation"),
        ((8, 3, 224, 224), ConvGeometry((7, 7), (2, 2), (3, 3, 3, 3)), "phases"),
        ((8, 64, 14, 14), ConvGeometry((1, 1)), "unfold"),
        ((8, 64, 28, 28), ConvGeometry((3, 3), (2, 2), dilation=(2, 2)), "unfold"),
    ],
)
def test_the_cheapest_route_is_taken(
    shape: tuple[int, ...], geometry: ConvGeometry, route: str
) -> None:
    assert gram_route(shape, geometry) == route


@pytest.mark.parametrize("route", ["correlation", "phases", "unfold"])
def test_memory_stays_within_the_stated_bound(route: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The patches of this batch would be 48 times the input; the bound is a fraction of that."""
    stride = (2, 2) if route == "phases" else (1, 1)
    geometry = ConvGeometry((7, 7), stride, (3, 3, 3, 3))
    x = torch.rand(256, 3, 32, 32)
    monkeypatch.setattr("proxprop.core.gram.patches.gram_route", lambda *_: route)
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as record:
        patch_gram(x, geometry, bias=True)
    events = [e for e in record.profiler.kineto_results.events() if e.name() == "[memory]"]
    alive = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        alive += event.nbytes()
        peak = max(peak, alive)
    padded_copy = 256 * 3 * 38 * 38 * 4
    blocks = 4 * max(2**21 * 4, x.numel() // 2 * 4)
    assert 0 < peak < padded_copy + blocks
    assert peak < 49 * x.numel() * 4 / 3


def test_unknown_padding_mode_is_refused() -> None:
    with pytest.raises(ValueError, match=r"padding_mode must be one of .* got 'mirror'"):
        ConvGeometry.resolve((3, 3), (1, 1), (1, 1), (1, 1), padding_mode="mirror")
