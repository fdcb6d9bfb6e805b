"""Pictures of tensors: sizes, extremes, signs."""

from __future__ import annotations

import torch

from proxprop.analysis.slow_motion.pictures import MAX_CELLS, MAX_MAPS, largest, picture
from tests.analysis.slow_motion.cases import decoded


def test_small_matrices_are_shown_cell_by_cell():
    values = torch.tensor([[1.0, -2.0], [0.5, 0.0]], dtype=torch.float64)
    image = picture(values)
    assert image["scale"] == 2
    assert torch.allclose(decoded(image), values, atol=2 / 254)


def test_large_matrices_keep_the_peak_of_every_block_with_its_sign():
    values = 0.01 * torch.ones(1000, 200, dtype=torch.float64)
    values[777, 33] = -5
    image = picture(values)
    assert (image["rows"], image["cols"]) == (MAX_CELLS, MAX_CELLS)
    assert image["shape"] == [1000, 200]
    cells = decoded(image)
    assert cells.min() == -5
    assert int((cells < 0).sum()) <= 4  # blocks overlap where sizes do not divide
    assert len(image["data"]) < 6000


def test_feature_maps_are_those_of_the_first_sample():
    values = torch.randn(3, 20, 5, 6, dtype=torch.float64)
    image = picture(values)
    assert (image["count"], image["rows"], image["cols"]) == (MAX_MAPS, 5, 6)
    assert torch.allclose(decoded(image), values[0, :MAX_MAPS], atol=image["scale"] / 253)


def test_a_common_scale_makes_before_and_after_comparable():
    before, after = torch.tensor([[1.0]]).double(), torch.tensor([[4.0]]).double()
    scale = largest(before, after)
    assert scale == 4
    assert abs(decoded(picture(before, scale)).item() - 1) < 4 / 254


def test_a_tensor_of_zeros_is_blank():
    assert (decoded(picture(torch.zeros(3, 3).double())) == 0).all()
