"""The headline on real images, scaled down: the implicit step gets further in the same epochs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from proxprop.data.dataset import load

from .driver import run, small

IMAGES = {
    "data__name": "fashion-mnist", "data__samples": 6000, "data__validation": 0.1,
    "model__widths": (128, 64, 128), "batch_size": 250, "budget__epochs": 6.0,
}  # fmt: skip


@pytest.fixture
def real_images(monkeypatch, tmp_path):
    beside = Path(__file__).resolve().parents[4] / "shared" / "data"
    place = Path(os.environ.get("PROXPROP_TEST_DATA") or beside)
    if not (place / "FashionMNIST").is_dir():
        pytest.skip(f"needs the data folder {place}, which is not on this machine")
    monkeypatch.setenv("PROXPROP_DATA", str(place))
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))


@pytest.fixture
def one_thread():
    """A network this small only loses by sharing cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_implicit_steps_reach_less_than_half_the_loss_of_explicit_ones(real_images, one_thread):
    config = small(**IMAGES)
    data = load(config.data)
    final = {}
    for name, solver, lr in (
        ("explicit", "explicit", 0.05),
        ("exact", "exact", 1.0),
        ("cg", "cg", 1.0),
    ):
        ended = run(small(**IMAGES, direction__solver=solver, optimizer__lr=lr), dataset=data)[-1]
        assert ended.outcome == "finished"
        final[name] = ended.summary["train_loss"]
    assert final["exact"] < 0.5 * final["explicit"]
    assert final["exact"] < final["cg"] < final["explicit"]
