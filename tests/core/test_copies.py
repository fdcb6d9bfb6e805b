"""Block Cholesky of many copies against dense solves, and what stands in where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from proxprop.core.copies import damped_solve, exact_copies
from proxprop.core.solvers.cholesky import (
    FALLBACK,
    NON_FINITE,
    SOLVED,
    Damped,
    systems_for_float64,
)


def dense_solve(system: torch.Tensor, rhs: torch.Tensor) -> torch.Tensor:
    """NumPy's LU: torch's batched one has been seen to refuse its own pivots with two threads."""
    return torch.from_numpy(np.linalg.solve(system.numpy(), rhs.numpy()))


def systems(size: int, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(size)
    rows = torch.randn(3, size, size + 5, generator=generator, dtype=dtype)
    rhs = torch.randn(3, size, 4, generator=generator, dtype=dtype)
    tau = torch.tensor([1e-3, 0.5, 30.0], dtype=torch.float64)
    return rows @ rows.mT, tau, rhs


def as_float32(solved: Damped) -> Damped:
    """The same outcome of an attempt from float32 products."""
    return solved._replace(matrix=solved.matrix.float())


# One block, a full block, uneven blocks, many, and a size that LAPACK takes whole.
@pytest.mark.parametrize("size", [1, 17, 25, 26, 65, 129, 300])
def test_solutions_are_those_of_a_dense_solve(size: int) -> None:
    gram, tau, rhs = systems(size)
    damped = gram + torch.eye(size, dtype=torch.float64) / tau[:, None, None]
    kept = rhs.clone()
    solution = damped_solve(gram.clone(), tau, rhs).matrix
    torch.testing.assert_close(solution, dense_solve(damped, rhs), rtol=1e-9, atol=1e-12)
    assert torch.equal(rhs, kept)


def test_a_copy_without_a_factor_gets_a_bounded_step_and_leaves_the_others_alone() -> None:
    gram, tau, rhs = systems(60)
    expected, status, _ = damped_solve(gram.clone(), tau, rhs)
    assert status.tolist() == [SOLVED] * 3
    broken = gram.clone()
    # Indefinite in the second block of rows, after a first block that factors.
    broken[1, 40, 40] = -1e3
    found, status, _ = solved = damped_solve(broken.clone(), tau, rhs)
    assert status.tolist() == [SOLVED, FALLBACK, SOLVED]
    poor = systems_for_float64(as_float32(solved), gram.float())
    assert poor is not None
    assert poor.tolist() == [False, True, False]
    bound = broken[1].diagonal().sum() + 1 / tau[1]
    torch.testing.assert_close(found[1], rhs[1] / bound)
    for copy in (0, 2):
        torch.testing.assert_close(found[copy], expected[copy], rtol=1e-12, atol=1e-14)
    assert found.isfinite().all()


def test_a_copy_that_is_no_number_stays_visible() -> None:
    gram, tau, rhs = systems(60)
    gram[2, 3, 5] = gram[2, 5, 3] = gram[2, 5, 5] = torch.nan
    solution, status, _ = solved = damped_solve(gram, tau, rhs)
    assert solution[2].isnan().all()
    assert solution[:2].isfinite().all()
    assert status.tolist() == [SOLVED, SOLVED, NON_FINITE]
    # It will not be one in float64 either.
    assert systems_for_float64(as_float32(solved), gram.float()) is None


@pytest.mark.parametrize("shape", [(40, 12), (12, 40), (12, 200)])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-9), (torch.float32, 2e-5)])
def test_shared_inputs_serve_every_tau(
    shape: tuple[int, int], with_bias: bool, dtype: torch.dtype, rtol: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.rand(*shape, generator=generator, dtype=torch.float64).to(dtype)
    rows[:, 3] = 0.0  # a pixel that is always black
    deltas = torch.randn(5, shape[0], 6, generator=generator, dtype=torch.float64).to(dtype)
    tau = torch.logspace(-4, 4, 5, dtype=torch.float64)
    joined, bias = exact_copies(rows[None], deltas, tau, with_bias)
    wide = rows.double()
    if with_bias:
        wide = torch.cat([wide, torch.ones(len(wide), 1, dtype=torch.float64)], 1)
    damped = wide.T @ wide + torch.eye(wide.shape[1], dtype=torch.float64) / tau[:, None, None]
    expected = dense_solve(damped, (deltas.double().mT @ wide).mT).mT
    if bias is not None:
        joined = torch.cat([joined, bias[..., None]], 2)
    for copy in range(5):
        error = (joined[copy].double() - expected[copy]).norm() / expected[copy].norm()
        assert float(error) < rtol
