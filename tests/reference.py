"""Dense float64 references, written from the paper and sharing no code with the layers."""

from __future__ import annotations

import torch
from torch import Tensor


def augmented(rows: Tensor, train_weight: bool, train_bias: bool) -> Tensor:
    """Ã: the columns of A if the weight trains, then a column of ones if the bias does."""
    ones = torch.ones(rows.shape[0], int(train_bias), dtype=torch.float64)
    return torch.cat([rows.double() if train_weight else rows.double()[:, :0], ones], dim=1)


def proximal_system(columns: Tensor, tau: float) -> Tensor:
    """ÃᵀÃ + I/τ."""
    return columns.T @ columns + torch.eye(columns.shape[1], dtype=torch.float64) / tau


def exact_direction(columns: Tensor, grad_output: Tensor, tau: float) -> Tensor:
    """argmin_θ ½‖Ãθᵀ − (Z − Δ)‖² + 1/(2τ)‖θ − θ_k‖², as θ_k − θ: one dense least-squares fit.

    Stacking √(1/τ)·I under Ã makes it an ordinary least-squares problem, which LAPACK solves by
    orthogonal factors without ever forming ÃᵀÃ.
    """
    below = torch.eye(columns.shape[1], dtype=torch.float64) / tau**0.5
    stacked = torch.cat([columns, below])
    zeros = torch.zeros(columns.shape[1], grad_output.shape[1], dtype=torch.float64)
    target = torch.cat([grad_output.double(), zeros])
    return torch.linalg.lstsq(stacked, target, driver="gelsd").solution.T


def conjugate_gradient(system: Tensor, rhs: Tensor, steps: int) -> Tensor:
    """Hestenes and Stiefel's CG from zero, for one right-hand side at a time."""
    solutions = []
    for b in rhs:
        x, r, p = torch.zeros_like(b), b, b
        for _ in range(steps):
            if not r.any():
                break
            image = system @ p
            alpha = torch.dot(r, r) / torch.dot(p, image)
            x = x + alpha * p
            new = r - alpha * image
            p = new + torch.dot(new, new) / torch.dot(r, r) * p
            r = new
        solutions.append(x)
    return torch.stack(solutions)


def quadratic(system: Tensor, rhs: Tensor, solution: Tensor) -> Tensor:
    """½xᵀSx − bᵀx for every row: what CG decreases and the exact direction minimises."""
    return 0.5 * (solution @ system * solution).sum(1) - (rhs * solution).sum(1)


def relative_error(actual: Tensor, expected: Tensor) -> float:
    """‖actual − expected‖/‖expected‖ in float64."""
    actual, expected = actual.double(), expected.double()
    return float((actual - expected).norm() / expected.norm())


def patch_columns(convolution: torch.nn.Conv2d, x: Tensor) -> Tensor:
    """The patches of a convolution, (groups, N·H_out·W_out, d), by torch's own forward pass.

    The output is linear in the weight, so one unit weight per tap reads that tap's pixels: this
    knows nothing of padding, stride or dilation.
    """
    shape = convolution.weight.shape[1:]
    taps = shape.numel()
    reader = torch.nn.Conv2d(
        convolution.in_channels,
        convolution.groups * taps,
        convolution.kernel_size,
        convolution.stride,
        convolution.padding,
        convolution.dilation,
        convolution.groups,
        bias=False,
        padding_mode=convolution.padding_mode,
        dtype=torch.float64,
    )
    with torch.no_grad():
        unit = torch.eye(taps, dtype=torch.float64).view(taps, *shape)
        reader.weight.copy_(unit.repeat(convolution.groups, 1, 1, 1))
        read = reader(x.double())
    read = read.view(x.shape[0], convolution.groups, taps, -1)
    return read.permute(1, 0, 3, 2).reshape(convolution.groups, -1, taps)


def output_rows(output: Tensor, groups: int) -> Tensor:
    """A convolution's output, or its gradient, as (groups, N·H_out·W_out, units)."""
    samples, units = output.shape[:2]
    grouped = output.double().reshape(samples, groups, units // groups, -1)
    return grouped.permute(1, 0, 3, 2).reshape(groups, -1, units // groups)
