"""Lanczos against dense eigenvalues."""

import pytest
import torch
from torch import Tensor

from proxprop.analysis.lanczos import lanczos


def symmetric(eigenvalues: Tensor, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(len(eigenvalues), len(eigenvalues)).double()).Q
    return basis @ torch.diag(eigenvalues) @ basis.T


def start(size: int) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(size, dtype=torch.float64)


@pytest.mark.parametrize("keep_basis", [True, False])
@pytest.mark.parametrize("rtol", [1e-2, 1e-4, 1e-8])
def test_largest_eigenvalue_and_its_error_estimate(rtol: float, keep_basis: bool) -> None:
    # Indefinite, as a Hessian: the largest by value is asked for, not by modulus.
    eigenvalues = torch.cat([torch.linspace(-30, 5, 200), torch.tensor([7.0, 9.0])]).double()
    matrix = symmetric(eigenvalues)
    found = lanczos(matrix.mv, start(202), rtol=rtol, keep_basis=keep_basis)
    assert found.converged
    assert found.steps < 100
    assert abs(found.largest - 9.0) <= found.error + 1e-12
    assert found.error <= rtol * 9.0
    assert found.largest <= 9.0 + 1e-12


def test_an_exhausted_space_gives_the_whole_spectrum() -> None:
    eigenvalues = torch.tensor([-2.0, 0.0, 1.0, 4.0], dtype=torch.float64)
    # A tolerance that is never met: only the end of the space stops it.
    found = lanczos(symmetric(eigenvalues).mv, start(4), rtol=1e-300)
    assert found.converged
    assert found.steps == 4
    torch.testing.assert_close(found.values, eigenvalues.flip(0), rtol=1e-10, atol=1e-12)


def test_stopping_early_is_said() -> None:
    matrix = symmetric(torch.linspace(0, 1, 300, dtype=torch.float64))
    found = lanczos(matrix.mv, start(300), max_steps=5, rtol=1e-10)
    assert not found.converged
    assert found.steps == 5
    assert found.largest < 1.0
    assert 1.0 - found.largest < 0.2


def test_every_kept_value_is_near_an_eigenvalue() -> None:
    eigenvalues = torch.logspace(-3, 3, 60, dtype=torch.float64)
    found = lanczos(symmetric(eigenvalues).mv, start(60), max_steps=20, rtol=1e-300)
    for value, error in zip(found.values, found.errors):
        assert (eigenvalues - value).abs().min() <= error + 1e-9


def test_float32_is_good_to_float32() -> None:
    eigenvalues = torch.linspace(0, 50, 400, dtype=torch.float64)
    matrix = symmetric(eigenvalues).float()
    found = lanczos(matrix.mv, start(400).float(), rtol=1e-4, keep_basis=False)
    assert found.largest == pytest.approx(50.0, rel=2e-4)


def test_zero_operator() -> None:
    found = lanczos(torch.zeros_like, start(5))
    assert found.largest == 0.0
    assert found.converged


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite; check its input"):
        lanczos(lambda v: v * float("nan"), start(5))
    with pytest.raises(ValueError, match="finite and not zero, got norm 0"):
        lanczos(lambda v: v, torch.zeros(5))
