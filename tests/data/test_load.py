from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from proxprop.data.dataset import Transform, load, split_indices
from proxprop.data.errors import DataError
from proxprop.data.source import quiet
from proxprop.spec.config import DataConfig
from proxprop.spec.config.run import split_sizes, training_samples

from .crafted import bars, two_classes, write_folder

LOCAL = ("digits", "spirals", "moons", "circles")


def test_digits_are_the_originals() -> None:
    data = load(DataConfig(name="digits"))
    original = load_digits()
    assert data.shape == (1, 8, 8)
    assert data.classes == tuple("0123456789")
    assert data.train.inputs.dtype == torch.uint8
    parts = (data.train, data.validation, data.test)
    found = torch.cat([data.prepare(part.inputs, torch.float64) for part in parts])
    targets = torch.cat([part.targets for part in parts])
    assert len(found) == 1797
    # Rounding to 255 levels moves the 16 original ones by at most half a level.
    ours = {(tuple(np.rint(x.flatten().numpy() * 16)), int(t)) for x, t in zip(found, targets)}
    theirs = {(tuple(x), int(t)) for x, t in zip(original.data, original.target)}
    assert ours == theirs
    assert found.min() == 0
    assert found.max() == 1


def test_default_run_has_enough_of_every_digit() -> None:
    data = load(DataConfig())
    assert [len(part) for part in (data.train, data.validation, data.test)] == [1455, 162, 180]
    for part in (data.train, data.validation, data.test):
        assert torch.bincount(part.targets, minlength=10).min() >= 8


@pytest.mark.parametrize("name", LOCAL)
@pytest.mark.parametrize("samples", [None, 10, 77, 1234])
@pytest.mark.parametrize("validation", [0.0, 0.1, 0.5])
def test_config_knows_the_training_size(name: str, samples: int | None, validation: float) -> None:
    config = DataConfig(name=name, samples=samples, validation=validation)
    assert training_samples(config) == len(load(config).train)


@settings(max_examples=200, deadline=None)
@given(
    available=st.integers(10, 3000),
    samples=st.none() | st.integers(10, 4000),
    validation=st.floats(0, 0.9),
    seed=st.integers(0, 2**32 - 1),
    official=st.booleans(),
)
def test_splits_are_disjoint_cover_all_and_repeat(
    available: int, samples: int | None, validation: float, seed: int, official: bool
) -> None:
    config = DataConfig(samples=samples, validation=validation, split_seed=seed)
    indices = split_indices(config, available, official)
    again = split_indices(config, available, official)
    total = min(samples or available, available)
    sizes = split_sizes(total, config.validation, official)
    parts = [part for part in (indices.train, indices.validation, indices.test) if part is not None]
    everything = np.concatenate(parts)
    assert len(np.unique(everything)) == len(everything) == total
    assert everything.min() >= 0
    assert everything.max() < available
    assert (len(indices.train), len(indices.validation)) == sizes[:2]
    assert (indices.test is None) == official
    for one, other in zip(parts, (again.train, again.validation, again.test)):
        np.testing.assert_array_equal(one, other)


# Taken from version 0.1.0: another split would train stored runs on other samples.
SPLITS = {
    (1797, 0, None, False): "a0e639634580",
    (15, 7, None, False): "ba48a64947d5",
    (1000, 3, 200, True): "7c949c4c2e9c",
}


@pytest.mark.parametrize("case", SPLITS)
@pytest.mark.parametrize("classes", [0, 1, 2])
def test_splits_that_lose_no_class_are_those_of_version_0_1_0(
    case: tuple[int, int, int | None, bool], classes: int
) -> None:
    available, seed, samples, official = case
    targets = np.arange(available) % classes if classes else None
    config = DataConfig(split_seed=seed, samples=samples)
    indices = split_indices(config, available, official, targets)
    parts = [part for part in (indices.train, indices.validation, indices.test) if part is not None]
    digest = sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
    assert digest.startswith(SPLITS[case])
    assert not indices.stratified


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=2, max_size=12),
    samples=st.none() | st.integers(10, 400),
    validation=st.floats(0, 0.6),
    seed=st.integers(0, 2**32 - 1),
    official=st.booleans(),
)
def test_no_class_loses_all_its_training_samples(
    sizes: list[int], samples: int | None, validation: float, seed: int, official: bool
) -> None:
    targets = np.repeat(np.arange(len(sizes)), sizes)
    config = DataConfig(samples=samples, validation=validation, split_seed=seed)
    total = min(samples or len(targets), len(targets))
    expected = split_sizes(total, config.validation, official)
    if expected.train < 1:
        return
    indices = split_indices(config, len(targets), official, targets)
    parts = [part for part in (indices.train, indices.validation, indices.test) if part is not None]
    everything = np.concatenate(parts)
    assert len(np.unique(everything)) == len(everything) == total
    assert (len(indices.train), len(indices.validation)) == expected[:2]
    assert len({*targets[indices.train]}) >= min(len(sizes), expected.train)
    again = split_indices(config, len(targets), official, targets)
    np.testing.assert_array_equal(indices.train, again.train)


def test_a_split_class_by_class_gives_each_its_share() -> None:
    targets = np.array([0] * 2 + [1] * 100 + [2] * 50)
    for seed in range(300):
        config = DataConfig(split_seed=seed, validation=0.2)
        indices = split_indices(config, len(targets), False, targets)
        if indices.stratified:
            counts = np.bincount(targets[indices.train])
            assert counts[0] >= 1
            assert abs(counts[1] - 2 * counts[2]) <= 4
            return
    pytest.fail("no seed put both samples of the rare class aside")


def test_a_split_class_by_class_is_said_and_so_are_classes_without_samples(tmp_path: Path) -> None:
    files = {f"class{c:02}/{i}.png": bars(i) for c in range(12) for i in range(3)}
    place = str(write_folder(tmp_path / "data", files))
    for seed in range(20):
        data = load(DataConfig(name="folder", path=place, split_seed=seed), progress=quiet)
        assert len(data.train.targets.unique()) == 12
        at_random = split_indices(DataConfig(split_seed=seed), 36, False).train
        lost = len({*(at_random // 3)}) < 12
        assert any("Split class by class" in note for note in data.notes) == lost
    few = load(DataConfig(name="folder", path=place, samples=10), progress=quiet)
    assert any("Without a sample to train on: 4 of 12 classes" in note for note in few.notes)


def test_another_split_seed_gives_another_split() -> None:
    one, other = (split_indices(DataConfig(split_seed=s), 1797, False).train for s in (0, 1))
    assert not np.array_equal(one, other)


def test_nothing_left_to_train_on_is_refused() -> None:
    with pytest.raises(DataError, match=r"lower data\.validation"):
        split_indices(DataConfig(samples=10, validation=0.95), 10, False)


@pytest.mark.parametrize("name", LOCAL)
def test_equal_configs_load_equal_samples(name: str) -> None:
    config = DataConfig(name=name, samples=200, split_seed=3)
    one, other = load(config), load(config)
    for part in ("train", "validation", "test"):
        a, b = getattr(one, part), getattr(other, part)
        assert torch.equal(a.inputs, b.inputs)
        assert torch.equal(a.targets, b.targets)


@pytest.mark.parametrize("name", LOCAL)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_standardised_training_set_has_mean_zero_and_deviation_one(
    name: str, dtype: torch.dtype
) -> None:
    data = load(DataConfig(name=name, standardize=True, noise=0.3))
    values = data.prepare(data.train.inputs, dtype)
    axes = [0, *range(2, values.ndim)]
    assert values.dtype == dtype
    torch.testing.assert_close(
        values.mean(axes, dtype=torch.float64), torch.zeros(values.shape[1], dtype=torch.float64),
        atol=2e-6, rtol=0,
    )  # fmt: skip
    deviation = values.double().std(axes, correction=0)
    torch.testing.assert_close(deviation, torch.ones_like(deviation), atol=2e-6, rtol=0)


def test_statistics_come_from_the_training_set_alone() -> None:
    data = load(DataConfig(name="moons", samples=50, standardize=True))
    outside = data.prepare(data.test.inputs, torch.float64)
    assert outside.mean(0).abs().max() > 1e-3


def test_prepare_leaves_the_stored_samples_alone() -> None:
    for standardize in (False, True):
        data = load(DataConfig(name="moons", standardize=standardize))
        before = data.train.inputs.clone()
        data.prepare(data.train.inputs).zero_()
        assert torch.equal(data.train.inputs, before)


def test_a_constant_channel_standardises_to_zero(tmp_path: Path) -> None:
    files = {name: next(iter(two_classes().values())) for name in two_classes()}
    config = DataConfig(
        name="folder", path=str(write_folder(tmp_path / "flat", files)), standardize=True
    )
    data = load(config)
    assert torch.equal(data.prepare(data.train.inputs), torch.zeros(len(data.train), 1, 4, 4))


def test_pixels_scale_to_the_unit_interval() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).reshape(4, 1, 8, 8)
    found = Transform(255.0).prepare(pixels, torch.float64)
    assert found.flatten().tolist() == [level / 255 for level in range(256)]
