from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxprop.spec.config import DataConfig, RunConfig
from proxprop.spec.config.run import split_sizes, training_samples


@given(st.integers(0, 10**6), st.floats(0, 0.999), st.booleans())
def test_sizes_cover_the_pool(total: int, validation: float, official: bool) -> None:
    sizes = split_sizes(total, validation, official)
    assert sum(sizes) == total
    assert min(sizes) >= 0
    assert sizes.test == (0 if official else round(total / 10))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (DataConfig(), 1455),  # 1797, less 180 to test and a tenth of the rest to validate
        (DataConfig(validation=0), 1617),
        (DataConfig(samples=5000), 1455),
        (DataConfig(name="moons"), 810),
        (DataConfig(name="moons", samples=5000), 4050),
        (DataConfig(name="mnist"), 54_000),
        (DataConfig(name="cifar10", samples=1000, validation=0.5), 500),
        (DataConfig(name="folder", path="x"), None),
    ],
)
def test_training_samples(data: DataConfig, expected: int | None) -> None:
    assert training_samples(data) == expected


def test_the_largest_batch_is_the_whole_training_set() -> None:
    assert RunConfig(batch_size=1455).batch_size == 1455
    assert RunConfig.parse({"data": {"name": "folder", "path": "x"}, "batch_size": 10**6})
