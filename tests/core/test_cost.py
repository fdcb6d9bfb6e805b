"""The cost of a step, by hand for one layer and by order for the paper's nets."""

import pytest
import torch
from torch import nn

from proxprop import convert, set_prox
from proxprop.conversion import iter_prox_layers
from proxprop.cost import step_cost


def test_one_layer_is_counted_as_by_hand() -> None:
    layer = nn.Linear(20, 30)
    convert(layer, skip_last=False, gram="running", refresh=5)
    cost = step_cost(layer, torch.randn(100, 20))
    assert cost.plain == 4 * 100 * 20 * 30  # nobody asks for the input's gradient
    (only,) = cost.layers
    assert (only.rows, only.columns) == (100, 21)
    assert only.running == only.extra == 2 * 30 * 21**2 + (100 * 21**2 + 21**3) / 5
    assert only.batch == 21**2 * 100 + 21**3 + 2 * 21**2 * 30
    assert cost.ratio == 1 + only.running / cost.plain
    assert cost.wide == ()


def test_a_plain_step_has_the_products_that_are_taken() -> None:
    model = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 4), nn.Linear(4, 2))
    model[2].weight.requires_grad_(requires_grad=False)
    sizes, products = (48, 24, 8), (2, 2, 3)
    example = torch.randn(10, 8)
    with torch.no_grad():  # whatever holds outside
        found = step_cost(model, example).plain
    assert found == sum(2 * p * 10 * n for p, n in zip(products, sizes, strict=True))
    with torch.inference_mode():
        assert step_cost(model, example).plain == found


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


def mixed() -> nn.Module:
    """A layer of 3,072 columns, for which 50 rows are few; one of 8, for which they are many."""
    return nn.Sequential(nn.Linear(3072, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2))


def test_auto_chooses_by_the_count_and_reports_it() -> None:
    model, example = mixed(), torch.randn(50, 3072)
    model.train()
    report = convert(model, example, gram="auto", refresh=4)
    assert [(name, layer.gram) for name, layer in iter_prox_layers(model)] == [
        ("0", "batch"),
        ("2", "running"),
    ]
    assert report.cost.running == ("2",)
    assert report.cost == step_cost(model, example)
    assert str(report.cost).endswith("by its arithmetic; gram='running' in 2")
    assert report.cost.ratio < report.cost.batch_ratio
    assert all(not layer.running_state() for _, layer in iter_prox_layers(model))
    for gram in ("batch", "running"):
        set_prox(model, gram=gram)
        assert step_cost(model, example).ratio > report.cost.ratio
    assert step_cost(model, example).batch_ratio == report.cost.batch_ratio


@pytest.mark.parametrize("solver", ["cg", "explicit"])
def test_auto_leaves_other_steps_the_batchs_gram(solver: str) -> None:
    model = mixed()
    convert(model, torch.randn(50, 3072), gram="auto", solver=solver)
    assert {layer.gram for _, layer in iter_prox_layers(model)} == {"batch"}


def test_auto_without_an_example_is_refused_and_changes_nothing() -> None:
    model = mixed()
    with pytest.raises(ValueError, match="gram='auto' needs example_input"):
        convert(model, gram="auto")
    assert type(model[0]) is nn.Linear
    convert(model)
    with pytest.raises(ValueError, match="gram must be one of batch, running, got 'auto'"):
        set_prox(model, gram="auto")


def test_the_report_tells_the_cost_where_it_has_an_example() -> None:
    model, example = mixed(), torch.randn(50, 3072)
    assert convert(model).cost is None
    report = convert(model, (example,), gram="running")
    assert report.cost.wide == ("0",)
    assert report.cost == step_cost(model, {"input": example})
