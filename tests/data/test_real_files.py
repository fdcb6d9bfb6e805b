"""Fashion-MNIST and CIFAR-10 as they lie beside the repository."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from proxprop.data.dataset import load
from proxprop.data.preview import dataset_shape, preview
from proxprop.data.published import FILES
from proxprop.spec.catalog.data import DATA
from proxprop.spec.config import DataConfig
from proxprop.spec.config.run import training_samples


def test_fashion_mnist_from_a_read_only_folder(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [replace(file, urls=()) for file in FILES["fashion-mnist"]]  # nothing may be fetched
    monkeypatch.setitem(FILES, "fashion-mnist", tuple(listed))
    config = DataConfig(name="fashion-mnist")
    data = load(config)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [54000, 6000, 10000]
    assert len(data.train) == training_samples(config)
    assert data.shape == (1, 28, 28)
    assert torch.bincount(data.test.targets).tolist() == [1000] * 10
    pool = torch.cat([data.train.targets, data.validation.targets])
    assert torch.bincount(pool).tolist() == [6000] * 10
    # The published mean and deviation of the training set.
    pixels = torch.cat([data.train.inputs, data.validation.inputs]).double() / 255
    assert pixels.mean().item() == pytest.approx(0.2860, abs=5e-5)
    assert pixels.std().item() == pytest.approx(0.3530, abs=5e-5)
    assert [path.name for path in shared_data.glob("FashionMNIST/raw/*")] == [
        path.name for path in shared_data.glob("FashionMNIST/raw/*.gz")
    ]
    pictures = preview(config, 10)
    assert pictures is not None
    assert [label for label, _ in pictures] == list(DATA["fashion-mnist"].classes)


@pytest.mark.slow
def test_cifar_from_class_folders_in_a_tar(shared_data: Path) -> None:
    path = shared_data / "cifar10-jpeg.tar.xz"
    if not path.is_file():
        pytest.skip(f"needs {path}, which is not on this machine")
    told: list[float] = []
    config = DataConfig(name="folder", path=str(path), validation=0)
    said: list[str] = []

    def report(message: str, fraction: float | None) -> None:
        said.append(message)
        if fraction is not None:
            told.append(fraction)

    data = load(config, progress=report)
    assert (data.shape, data.classes) == ((3, 32, 32), DATA["cifar10"].classes)
    assert torch.bincount(data.train.targets).tolist() == [5000] * 10
    assert torch.bincount(data.test.targets).tolist() == [1000] * 10
    # Means and deviations of the original training set; JPEG moves them in the third digit only.
    pixels = data.prepare(data.train.inputs, torch.float64)
    for found, published in (
        (pixels.mean((0, 2, 3)), (0.4914, 0.4822, 0.4465)),
        (pixels.std((0, 2, 3)), (0.2470, 0.2435, 0.2616)),
    ):
        np.testing.assert_allclose(found, published, atol=3e-3)
    assert told == sorted(told)
    assert len(told) > 5
    assert dataset_shape(config).train_size == len(data.train) == 50000
    listed = ", ".join(f"{name} 5,000" for name in data.classes)
    tested = ", ".join(f"{name} 1,000" for name in data.classes)
    counts = f"60,000 images in 10 classes: {listed}; in the test split: {tested}."
    assert said[-1] == counts  # nothing was left out or decided
    said.clear()
    again = load(config, progress=report)
    assert said == [counts]  # not decoded again
    assert torch.equal(again.train.inputs, data.train.inputs)
