"""The observed and the predicted limit of full-batch descent, each against its definition."""

from __future__ import annotations

import pytest
import torch

from benchmarks.limits import LOSSES, METHODS, Problem, measure

STEPS = 8


def tiny(loss: str) -> Problem:
    return Problem((4,), "tanh", loss, seed=0, samples=60)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("method", METHODS, ids=[m.name for m in METHODS])
def test_the_observed_limit_parts_runs_that_descend_from_one_that_does_not(loss, method) -> None:
    problem = tiny(loss)
    found = measure(problem, method, STEPS)
    assert problem.descends(method, found["descends"], STEPS)
    assert not problem.descends(method, found["fails"], STEPS)
    assert found["descends"] < found["fails"] <= found["descends"] * 1.02
    assert found["ratio"] == pytest.approx(found["fails"] / found["predicted"])
    assert found["within_factor"] == (1 / 1.2 <= found["ratio"] <= 1.2)


def test_the_predicted_limit_of_plain_descent_is_that_of_the_dense_hessian() -> None:
    problem = tiny("squared error")
    model = problem.model(METHODS[0])
    names = [name for name, _ in model.named_parameters()]
    values = tuple(p.detach() for p in model.parameters())

    def loss(*parts: torch.Tensor) -> torch.Tensor:
        scores = torch.func.functional_call(model, dict(zip(names, parts)), problem.inputs)
        return problem.loss(scores, problem.targets)

    blocks = torch.autograd.functional.hessian(loss, values)
    rows = [torch.cat([b.reshape(v.numel(), -1) for b in row], 1) for v, row in zip(values, blocks)]
    largest = float(torch.linalg.eigvalsh(torch.cat(rows)).max())
    assert problem.predicted(METHODS[0]) == pytest.approx(2 / largest, rel=1e-3)
