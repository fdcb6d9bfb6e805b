"""An optimizer that exists already gets a step size of its own for explicit layers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, Optimizer, lr_scheduler

from proxprop import convert, param_groups
from proxprop.groups import set_explicit_lr

Schedule = Callable[[Optimizer], Any]
SCHEDULES: dict[str, Schedule] = {
    "none": lambda optimizer: None,
    "warm-up": lambda o: lr_scheduler.LambdaLR(o, lambda step: min(1.0, step / 4)),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 8),
    "steps": lambda o: lr_scheduler.StepLR(o, 2, 0.5),
    "one cycle": lambda o: lr_scheduler.OneCycleLR(
        o, max_lr=[group["lr"] for group in o.param_groups], total_steps=8, cycle_momentum=False
    ),
    "sequential": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o, 0.5, 2), lr_scheduler.ExponentialLR(o, 0.9)], [3]
    ),
}


def rates(optimizer: Optimizer, schedule: Any) -> list[dict[int, float]]:
    """Return every parameter's learning rate over six steps."""
    seen = []
    for _ in range(6):
        seen.append({id(p): g["lr"] for g in optimizer.param_groups for p in g["params"]})
        optimizer.step()
        if schedule is not None:
            schedule.step()
    return seen


@pytest.mark.parametrize("name", SCHEDULES)
def test_split_groups_are_scheduled_as_groups_made_before(name: str) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    convert(model)
    made = SGD(param_groups(model, lr=8.0, explicit_lr=0.5), lr=8.0)
    expected = rates(made, SCHEDULES[name](made))
    optimizer = SGD(model.parameters(), lr=8.0)
    schedule = SCHEDULES[name](optimizer)
    set_explicit_lr(model, optimizer, 0.5, [schedule] if schedule else [])
    for now, before in zip(rates(optimizer, schedule), expected, strict=True):
        assert now == pytest.approx(before, rel=1e-12)


def test_options_stay_with_their_parameters() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    convert(model)
    decayed = [model[0].weight, model[2].weight]
    rest = [p for p in model.parameters() if all(p is not d for d in decayed)]
    optimizer = SGD([{"params": decayed, "weight_decay": 0.1}, {"params": rest}], lr=4.0)
    set_explicit_lr(model, optimizer, 0.25)
    found = {
        id(p): (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for p in group["params"]
    }
    assert found == {
        id(model[0].weight): (4.0, 0.1),
        id(model[0].bias): (4.0, 0.0),
        id(model[1].weight): (0.25, 0.0),
        id(model[1].bias): (0.25, 0.0),
        id(model[2].weight): (0.25, 0.1),
        id(model[2].bias): (0.25, 0.0),
    }


def test_a_layer_never_called_moves_to_the_explicit_group() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.read, self.last = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(nn.functional.linear(self.used(x), self.read.weight))

    model = Model()
    convert(model)
    optimizer = SGD(model.parameters(), lr=4.0)
    set_explicit_lr(model, optimizer, 0.25)
    with pytest.warns(match="read"):
        model(torch.ones(2, 3)).sum().backward()
    rate = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert rate[id(model.read.weight)] == 0.25
    copied = copy.deepcopy(optimizer)
    assert [type(group) for group in copied.param_groups] == [dict, dict]


def test_l_bfgs_is_refused() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    convert(model)
    with pytest.raises(ValueError, match="one step size"):
        set_explicit_lr(model, torch.optim.LBFGS(model.parameters()), 0.1)
