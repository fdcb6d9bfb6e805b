"""Pictures as plain data: what a page will draw is what the tensors say."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from proxprop.engine.training import pictures


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))))


@pytest.mark.parametrize("channels", [1, 3])
def test_images_survive_the_way_through_png(channels):
    images = torch.randint(256, (4, channels, 5, 7), dtype=torch.uint8)
    for png, image in zip(pictures.pngs(images), images):
        shown = pixels(png).reshape(5, 7, channels)
        assert np.array_equal(shown, image.permute(1, 2, 0).numpy())


def test_samples_of_images_carry_their_classes():
    images = torch.zeros(2, 1, 3, 3, dtype=torch.uint8)
    payload = pictures.samples(images, torch.tensor([1, 0]), ("cat", "dog"))
    assert [item["target"] for item in payload["items"]] == [1, 0]
    assert payload["classes"] == ["cat", "dog"]
    json.dumps(payload)


def test_the_boundary_is_the_model_s_probability_on_the_grid():
    """A model whose score grows with x + 2y: the picture must rise along both axes."""
    inputs = torch.tensor([[-1.0, -3.0], [1.0, 3.0], [0.0, 0.0]])

    def scores_of(cells):
        s = cells[:, 0] + 2 * cells[:, 1]
        return torch.stack([torch.zeros_like(s), s], 1)

    payload = pictures.boundary(scores_of, inputs, torch.tensor([0, 1, 0]), ("A", "B"), size=4)
    assert payload["x"] == pytest.approx([-1.2, 1.2])
    assert payload["y"] == pytest.approx([-3.6, 3.6])
    for row in range(4):
        for column in range(4):
            x, y = -1.2 + 2.4 * (column + 0.5) / 4, -3.6 + 7.2 * (row + 0.5) / 4
            level = round(255 / (1 + np.exp(-(x + 2 * y))))
            assert payload["probability"][row][column] == level
    assert payload["points"] == {"x": [-1, 1, 0], "y": [-3, 3, 0], "target": [0, 1, 0]}
    json.dumps(payload)


def test_broken_weights_still_give_a_picture():
    inputs = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    nan = float("nan")
    payload = pictures.boundary(
        lambda cells: cells * nan, inputs, torch.tensor([0, 1]), ("A", "B"), size=2
    )
    assert payload["probability"] == [[0, 0], [0, 0]]
    payload = pictures.predictions(["png"], [0], torch.tensor([[nan, nan]]), ("A", "B"))
    json.dumps(payload, allow_nan=False)


def test_points_are_spread_over_samples_sorted_by_class():
    inputs, targets = torch.randn(2000, 2), torch.arange(2000) // 1000
    shown = pictures.points(inputs, targets)["target"]
    assert len(shown) == pictures.MOST_POINTS
    assert sum(shown) == pictures.MOST_POINTS // 2


def test_predictions_are_probabilities_beside_the_truth():
    scores = torch.tensor([[0.0, 1.0], [3.0, 0.0]])
    payload = pictures.predictions(["p", "q"], [1, 0], scores, ("A", "B"))
    first, second = payload["items"]
    assert first == {"png": "p", "target": 1, "probabilities": [0.269, 0.731]}
    assert second["probabilities"] == [0.953, 0.047]
