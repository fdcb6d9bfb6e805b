from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_circles, make_moons

from proxprop.data.toys import INNER, TURNS, toy_source

NAMES = ("spirals", "moons", "circles")


def _sorted(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    rows = np.column_stack([targets, points.astype(np.float64).round(6) + 0.0])
    return rows[np.lexsort(rows.T)]


@pytest.mark.parametrize("samples", [10, 200, 1001])
def test_moons_have_scikit_learns_geometry(samples: int) -> None:
    ours = toy_source("moons", samples, 0.0, 0)
    points, targets = make_moons((samples - samples // 2, samples // 2), noise=None)
    np.testing.assert_allclose(
        _sorted(ours.inputs, ours.targets), _sorted(points, targets), atol=2e-6
    )


@pytest.mark.parametrize("samples", [10, 200, 1001])
def test_circles_have_scikit_learns_geometry(samples: int) -> None:
    ours = toy_source("circles", samples, 0.0, 0)
    points, targets = make_circles((samples - samples // 2, samples // 2), noise=None, factor=INNER)
    np.testing.assert_allclose(
        _sorted(ours.inputs, ours.targets), _sorted(points, targets), atol=2e-6
    )


def test_spirals_are_each_others_reflection_and_stay_apart() -> None:
    source = toy_source("spirals", 2000, 0.0, 0)
    one, other = (source.inputs[source.targets == k] for k in (0, 1))
    np.testing.assert_allclose(
        _sorted(one, one[:, 0] * 0), _sorted(-other, other[:, 0] * 0), atol=2e-6
    )
    distances = np.linalg.norm(one[:, None] - other[None], axis=2)
    assert distances.min() > 0.15
    angles = np.unwrap(np.arctan2(*one[np.argsort(np.linalg.norm(one, axis=1))].T[::-1]))
    assert angles[-1] - angles[0] == pytest.approx(2 * np.pi * TURNS, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_classes_are_balanced_and_mixed(name: str) -> None:
    source = toy_source(name, 1001, 0.1, 5)
    assert np.bincount(source.targets).tolist() == [501, 500]
    assert source.inputs.dtype == np.float32
    assert 400 < source.targets[:900].sum() < 500  # not sorted by class


@pytest.mark.parametrize("name", NAMES)
def test_noise_has_the_deviation_asked_for(name: str) -> None:
    clean, noisy = (toy_source(name, 4000, noise, 1).inputs for noise in (0.0, 0.2))
    assert (noisy - clean).std() == pytest.approx(0.2, rel=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_seed_decides_everything(name: str) -> None:
    one, same, other = (toy_source(name, 100, 0.1, seed).inputs for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
