from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data directory of its own for every test."""
    place = tmp_path / "home"
    monkeypatch.setenv("PROXPROP_HOME", str(place))
    monkeypatch.delenv("PROXPROP_DATA", raising=False)
    return place


@pytest.fixture
def shared_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of real data beside the repository, set as `PROXPROP_DATA`."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    place = Path(os.environ.get("PROXPROP_TEST_DATA") or beside)
    if not (place / "FashionMNIST").is_dir():
        pytest.skip(f"needs the data folder {place}, which is not on this machine")
    monkeypatch.setenv("PROXPROP_DATA", str(place))
    return place
