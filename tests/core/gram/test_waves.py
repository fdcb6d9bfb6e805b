"""Transform matrices kept between steps: only plain ones, and of use everywhere."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from proxprop.core.gram import ConvGeometry, patch_gram
from proxprop.core.gram.waves import down_waves, half_waves, lag_inverse, real_lag_inverse
from tests.core.gram.cases import images
from tests.reference import relative_error

GEOMETRY = ConvGeometry((3, 3), padding=(1, 1, 1, 1))


def patches(x: torch.Tensor) -> torch.Tensor:
    columns = torch.nn.functional.unfold(x, 3, padding=1).mT
    return columns.reshape(-1, columns.shape[2])


def test_matrices_are_kept_on_the_cpu_only() -> None:
    like = torch.zeros(1)
    for matrix, sizes in (
        (half_waves, (4, 5, 7)),
        (down_waves, (7, 5)),
        (lag_inverse, (2, 1, 7)),
        (real_lag_inverse, (2, 1, 7)),
    ):
        assert matrix(*sizes, like=like) is matrix(*sizes, like=like)
        assert matrix(*sizes, like=like.double()).dtype == torch.float64
        elsewhere = matrix(*sizes, like=like.to("meta"))
        assert elsewhere.is_meta
        assert elsewhere is not matrix(*sizes, like=like.to("meta"))


@pytest.mark.parametrize("height", [6, 7])
def test_a_line_goes_there_and_back(height: int) -> None:
    line = torch.randn(height, dtype=torch.float64)
    half = height // 2 + 1
    spectrum = half_waves(half, height, height, like=line) @ line
    expected = torch.view_as_real(torch.fft.rfft(line)).flatten()
    assert relative_error(spectrum, expected) < 1e-13
    lags = real_lag_inverse(2, 1, height, like=line) @ spectrum
    assert relative_error(lags, line[torch.arange(-2, 3) % height]) < 1e-13


def test_what_inference_built_serves_training() -> None:
    x = images(3, 13, 17)
    with torch.inference_mode():
        patch_gram(x, GEOMETRY, bias=False)
    x.requires_grad_()
    gram = patch_gram(x, GEOMETRY, bias=False)
    (found,) = torch.autograd.grad(gram[0].trace(), x)
    (expected,) = torch.autograd.grad(patches(x).square().sum(), x)
    assert relative_error(found, expected) < 1e-12


def test_transforms_and_fake_tensors_leave_nothing_behind() -> None:
    x = images(4, 19, 23)
    columns = patches(x)
    with FakeTensorMode() as mode:
        assert patch_gram(mode.from_tensor(x), GEOMETRY, bias=True).shape == (1, 37, 37)
    stacked = torch.stack([x, 2 * x])
    found = torch.vmap(lambda part: patch_gram(part, GEOMETRY, bias=False))(stacked)
    assert relative_error(found[1, 0], 4 * columns.mT @ columns) < 1e-12
    eager = patch_gram(x, GEOMETRY, bias=False)
    assert type(eager) is torch.Tensor
    assert relative_error(eager[0], columns.mT @ columns) < 1e-12
