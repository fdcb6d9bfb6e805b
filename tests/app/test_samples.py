"""Sample pictures are the data's own pixels."""

from __future__ import annotations

from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from app.samples import POINTS, sample_sheet
from proxprop.data.preview import preview
from proxprop.spec.config import DataConfig


def test_sheet_holds_the_pixels_of_the_digits() -> None:
    source = sample_sheet(DataConfig(), columns=6, rows=6).source
    assert source is not None
    sheet = np.asarray(Image.open(BytesIO(b64decode(source.partition(",")[2]))))
    pictures = preview(DataConfig(), 36)
    assert pictures is not None
    assert sheet.shape == (6 * 9 - 1, 6 * 9 - 1, 4)
    for index in (0, 7, 35):
        top, left = index // 6 * 9, index % 6 * 9
        assert (sheet[top : top + 8, left : left + 8, 0] == pictures[index][1]).all()


def test_toy_points_are_drawn_in_their_two_colours() -> None:
    source = sample_sheet(DataConfig(name="moons")).source
    assert source is not None
    svg = b64decode(source.partition(",")[2]).decode()
    assert svg.count("<circle") == POINTS
    assert 150 < svg.count('fill="#0072B2"') < 250


def test_missing_folder_says_why(tmp_path: Path) -> None:
    sheet = sample_sheet(DataConfig(name="folder", path=str(tmp_path / "nowhere")))
    assert sheet.source is None
    assert "nowhere" in sheet.message


def test_data_not_fetched_yet_say_when(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    assert "press Start" in sample_sheet(DataConfig(name="cifar10")).message
