"""The CG of Algorithm 2, iterate by iterate, against CG written for one vector at a time."""

import numpy as np
import pytest
import torch

from proxprop.penalty import StageKind, collect, conjugate_gradients, proximal_sweep

from .cases import mlp


def reference_cg(matrix: np.ndarray, rhs: np.ndarray, steps: int) -> list[np.ndarray]:
    """Textbook CG for one right-hand side, all iterates."""
    x, r = np.zeros_like(rhs), rhs.copy()
    p, iterates = r.copy(), []
    for _ in range(steps):
        alpha = (r @ r) / (p @ matrix @ p)
        x = x + alpha * p
        r_new = r - alpha * (matrix @ p)
        p = r_new + (r_new @ r_new) / (r @ r) * p
        r = r_new
        iterates.append(x)
    return iterates


def test_iterates_of_a_sweep_are_textbook_cg_per_output_unit() -> None:
    case, tau, steps = mlp(), 0.5, 5
    batch = (case.model, case.inputs, case.target, case.loss)
    stages, result = collect(proximal_sweep(*batch, lr=0.3, tau=tau, cg_steps=steps))
    for layer in (1, 2, 3):
        iterations = [s for s in stages if s.kind is StageKind.CG_ITERATION and s.layer == layer]
        assert [s.cg.iteration for s in iterations] == list(range(1, steps + 1))
        a = result.start.a[layer - 1].numpy()
        rows = np.hstack([a, np.ones((len(a), 1))])
        matrix = rows.T @ rows + np.eye(rows.shape[1]) / tau
        rhs = (result.z_half[layer] - result.start.z[layer]).numpy().T @ rows
        theta = result.start.theta[layer].numpy()
        for unit in range(len(rhs)):
            for stage, x in zip(iterations, reference_cg(matrix, rhs[unit], steps)):
                np.testing.assert_allclose(stage.cg.correction[unit].numpy(), x, rtol=1e-8)
                np.testing.assert_allclose(stage.after[unit].numpy(), theta[unit] + x, rtol=1e-10)
                norm = np.linalg.norm(rhs[unit] - matrix @ x)
                relative = norm / np.linalg.norm(rhs[unit])
                measured = stage.cg.residual_norm[unit].item() / np.linalg.norm(rhs[unit])
                assert measured == pytest.approx(relative, rel=1e-6, abs=1e-13)
        assert torch.equal(iterations[-1].after, result.end.theta[layer])
        assert torch.equal(iterations[0].before, result.start.theta[layer])


def test_enough_steps_give_the_dense_solution() -> None:
    torch.manual_seed(0)
    rows, rhs = torch.randn(20, 6, dtype=torch.float64), torch.randn(3, 6, dtype=torch.float64)
    last = list(conjugate_gradients(rows, 2.0, rhs, 6))[-1]
    damped = rows.T @ rows + 2.0 * torch.eye(6, dtype=torch.float64)
    torch.testing.assert_close(
        last.correction, torch.linalg.solve(damped, rhs.T).T, rtol=1e-10, atol=0
    )


@pytest.mark.parametrize("scale", [1e-150, 1e-20, 1e150])
def test_the_scale_of_the_right_hand_side_drops_out(scale: float) -> None:
    torch.manual_seed(0)
    rows, rhs = torch.randn(9, 5, dtype=torch.float64), torch.randn(2, 5, dtype=torch.float64)
    plain = list(conjugate_gradients(rows, 1.0, rhs, 4))[-1].correction
    scaled = list(conjugate_gradients(rows, 1.0, rhs * scale, 4))[-1].correction
    torch.testing.assert_close(scaled / scale, plain, rtol=1e-9, atol=0)


def test_a_converged_unit_stays_put() -> None:
    rows = torch.eye(3, dtype=torch.float64)
    rhs = torch.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]], dtype=torch.float64)
    steps = list(conjugate_gradients(rows, 1.0, rhs, 4))
    for step in steps:
        assert torch.equal(step.correction, rhs / 2)
        assert not step.correction.isnan().any()
