"""On one linear layer the explicit step's overshoot crosses 1 where theory says: s = 2/λ."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from proxprop.analysis.slow_motion.frames import matched_overshoot
from proxprop.penalty import PenaltyNetwork, Variables


@pytest.mark.parametrize("which", [-1, -3, 0])
def test_overshoot_crosses_one_at_two_over_lambda(which):
    torch.manual_seed(3)
    layer = nn.Linear(5, 4).double()
    network = PenaltyNetwork.from_model(layer)
    inputs = torch.randn(20, 5, dtype=torch.float64)
    rows = torch.cat([inputs, torch.ones(20, 1, dtype=torch.float64)], 1)
    values, vectors = torch.linalg.eigh(rows.T @ rows)
    start = Variables({1: network.layer(1).theta()}, {0: inputs}, {})
    # A request along one eigenvector: rows @ v is an eigenvector of ÃÃᵀ.
    request = (rows @ vectors[:, which])[:, None] * torch.randn(1, 4, dtype=torch.float64)
    half = network.layer(1)(start.theta[1], inputs) + request
    low, high = 1e-9, 1e3

    def over(step):
        return matched_overshoot(network, start, 1, half, step) > 1

    assert not over(low)
    assert over(high)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if over(middle) else (middle, high)
    assert low == pytest.approx(2 / float(values[which]), rel=1e-9)


def test_the_implicit_step_never_crosses_one():
    torch.manual_seed(4)
    rows = torch.randn(12, 6, dtype=torch.float64)
    request = torch.randn(12, 3, dtype=torch.float64)
    for tau in (1e-3, 1.0, 1e3, 1e6):
        system = rows.T @ rows + torch.eye(6, dtype=torch.float64) / tau
        left = request - rows @ torch.linalg.solve(system, rows.T @ request)
        assert left.norm() < request.norm()
