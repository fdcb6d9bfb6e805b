"""The cost of a step, by hand for one layer and by order for the paper's nets."""

import torch
from torch import nn

from proxprop import convert, set_prox
from proxprop.cost import step_cost


def test_one_layer_is_counted_as_by_hand() -> None:
    layer = nn.Linear(20, 30)
    convert(layer, skip_last=False, gram="running", refresh=5)
    cost = step_cost(layer, torch.randn(100, 20))
    assert cost.plain == 6 * 100 * 20 * 30
    (only,) = cost.layers
    assert (only.rows, only.columns) == (100, 21)
    assert only.running == only.extra == 2 * 30 * 21**2 + (100 * 21**2 + 21**3) / 5
    assert only.batch == 21**2 * 100 + 21**3 + 2 * 21**2 * 30
    assert cost.ratio == 1 + only.running / cost.plain
    assert cost.wide == ()


def test_a_wide_layer_with_few_rows_is_named() -> None:
    model = nn.Sequential(nn.Linear(3072, 400), nn.ReLU(), nn.Linear(400, 10))
    convert(model, gram="running")
    cost = step_cost(model, torch.randn(50, 3072))
    assert cost.wide == ("0",)
    assert str(cost).endswith("gram='running' is dearer than 'batch' for 0")
    set_prox(model, gram="batch")
    assert 1 < step_cost(model, torch.randn(50, 3072)).ratio < cost.ratio


def test_convolutions_and_tokens_gain_and_nothing_is_left_behind() -> None:
    model = nn.Sequential(nn.Conv2d(8, 12, 3, padding=1), nn.Flatten(2), nn.Linear(64, 9))
    convert(model, gram="running", skip_last=False)
    model.train()
    example = torch.randn(20, 8, 8, 8)
    cost = step_cost(model, example)
    assert [layer.rows for layer in cost.layers] == [20 * 64, 20 * 12]
    assert cost.layers[0].running < cost.layers[0].batch
    assert model.training
    assert all(not module.running_state() for module in (model[0], model[2]))
    assert not model[0]._forward_hooks
