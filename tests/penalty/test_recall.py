"""What is remembered is what would be computed, and nothing stale."""

import torch
from torch import nn

from proxprop.penalty import PenaltyNetwork, collect, explicit_sweep, proximal_sweep
from proxprop.penalty.recall import Recall

from .cases import mlp


def test_the_same_tensors_are_computed_once_and_changed_ones_again() -> None:
    recall, calls = Recall(kept=2), []

    def twice(x: torch.Tensor) -> torch.Tensor:
        calls.append(x)
        return 2 * x

    x, y = torch.ones(3), torch.ones(3)
    assert recall("twice", twice, x) is recall("twice", twice, x.detach())
    assert len(calls) == 1
    recall("twice", twice, y)  # equal, but not the same memory
    assert len(calls) == 2
    x.add_(1)
    assert torch.equal(recall("twice", twice, x), torch.full((3,), 4.0))
    assert len(calls) == 3
    recall("twice", twice, y)
    assert len(calls) == 3
    recall("other name", twice, y)
    assert len(calls) == 4


def test_what_autograd_follows_is_computed_anew() -> None:
    recall, x = Recall(), torch.ones(2, requires_grad=True)
    results = [recall("double", lambda given: 2 * given, x) for _ in range(2)]
    assert results[0] is not results[1]
    assert all(result.requires_grad for result in results)


def test_the_oldest_goes_first() -> None:
    recall, calls = Recall(kept=2), []
    tensors = [torch.zeros(1) for _ in range(3)]
    for x in [*tensors, tensors[0]]:
        recall("note", lambda given: calls.append(1) or given + 1, x)
    assert len(calls) == 4


def test_sweeps_that_share_a_network_give_what_they_give_alone() -> None:
    case = mlp()
    batch = (case.inputs, case.target, case.loss)
    network = PenaltyNetwork.from_model(case.model)
    for sweep, settings in ((explicit_sweep, {}), (proximal_sweep, {"tau": 0.5, "cg_steps": 3})):
        alone, own = collect(sweep(case.model, *batch, lr=0.3, **settings))
        shared, together = collect(sweep(network, *batch, lr=0.3, **settings))
        for one, two in zip(alone, shared, strict=True):
            assert torch.equal(one.after, two.after)
            assert one.energy == two.energy
        for key, value in own.parameters.items():
            assert torch.equal(value, together.parameters[key])


def test_weights_changed_in_place_are_read_again() -> None:
    layer = nn.Linear(3, 2)
    affine = PenaltyNetwork.from_model(layer).layer(1)
    before = affine.theta()
    assert affine.theta() is before
    torch.nn.init.zeros_(layer.weight)
    assert torch.equal(affine.theta()[:, :-1], torch.zeros(2, 3))
