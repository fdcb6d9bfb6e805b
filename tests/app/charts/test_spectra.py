"""The layers' figure draws the numbers it is given."""

from __future__ import annotations

import numpy as np
import pytest

from app.charts.spectra import MAX_LAYERS, layers_figure
from proxprop.analysis.filters import cg_filter, cg_polynomial
from proxprop.analysis.spectra import LayerResponse, LayerSpectrum

VALUES = np.array([40.0, 5.0, 0.5])
REQUEST = np.array([[0.6, 0.0, 0.8]])


def response(cg_steps: int, name: str = "linear1") -> LayerResponse:
    return LayerSpectrum(
        name=name,
        rows=9,
        columns=3,
        units=1,
        method="primal",
        lambda_max=40.0,
        lambda_max_error=0.0,
        lambda_min=0.5,
        trace=45.5,
        implicit=True,
        coverage=1.0,
        eigenvalues=VALUES,
        energy=(REQUEST**2).sum(axis=0),
        components=REQUEST,
    ).response(0.2, cg_steps)


def traces(figure: object) -> dict[str, object]:
    return {trace.name: trace for trace in figure.data if trace.name}  # type: ignore[attr-defined]


@pytest.mark.parametrize("gain", [False, True])
def test_lines_are_the_closed_forms(gain: bool) -> None:
    figure = layers_figure([response(1)], gain=gain)
    lines = traces(figure)
    explicit, exact = lines["explicit, s = 0.2"], lines["implicit (exact), τ = 0.2"]
    grid = np.asarray(exact.x)
    factor = 1 / (1 + 0.2 * grid)
    np.testing.assert_allclose(exact.y, 1 - factor if gain else factor, rtol=1e-12)
    np.testing.assert_allclose(explicit.y, 0.2 * grid if gain else 1 - 0.2 * grid, atol=1e-12)
    cg = lines["implicit (CG 1)"]
    unit = np.array([0.6, 0.8])
    there = VALUES[[0, 2]]
    polynomial = cg_polynomial(there, np.sqrt(there) * unit, 0.2, 1)
    expected = cg_filter(there, polynomial)
    np.testing.assert_allclose(np.asarray(cg.y)[[0, 2]], 1 - expected if gain else expected)


def test_limit_is_marked_where_the_explicit_factor_passes_minus_one() -> None:
    figure = layers_figure([response(1)])
    assert [shape.x0 for shape in figure.layout.shapes if shape.x0 == shape.x1] == [10.0]
    assert "λ = 2/s = 10" in [note.text for note in figure.layout.annotations]


def test_every_line_carries_its_name_for_the_picture() -> None:
    data = layers_figure([response(4)]).data
    assert [trace.meta and trace.meta["label"] for trace in data] == [
        "explicit",
        "implicit",
        "CG 4",
        None,
    ]
    assert data[0].meta["about"] == {"layer": "linear1", "step": "explicit"}


def test_lecture_is_large() -> None:
    figure = layers_figure([response(1)], lecture=True)
    assert figure.layout.font.size == 24  # CSS pixels, 18 pt
    assert figure.layout.xaxis.tickfont.size == 24


def test_a_deep_network_shows_its_first_layers() -> None:
    responses = [response(1, f"linear{i}") for i in range(9)]
    titles = [
        note.text for note in layers_figure(responses).layout.annotations if "<b>" in note.text
    ]
    assert len(titles) == MAX_LAYERS
