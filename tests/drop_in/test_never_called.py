"""A converted layer whose weight the model reads without calling the layer."""

import gc
import warnings
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from proxprop import ProxPropLinear, convert, param_groups
from proxprop.diagnostics import NeverSolvedWarning


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, input):
        return F.linear(input, self.inner.weight, self.inner.bias)


def test_it_becomes_plain_at_the_first_backward_and_is_named():
    model = nn.Sequential(nn.Linear(4, 4), Reader(), nn.Linear(4, 2))
    report = convert(model)
    optimizer = torch.optim.SGD(param_groups(model, 10.0, 0.05), lr=1.0)
    with pytest.warns(NeverSolvedWarning, match=r"^1\.inner: ") as caught:
        model(torch.ones(3, 4)).sum().backward()
    assert len(caught) == 1
    assert type(model[1].inner) is nn.Linear
    assert type(model[0]) is ProxPropLinear
    assert report.converted == ["0"]
    assert ("1.inner", "the model reads its weight without calling it") in report.skipped
    proximal, explicit = optimizer.param_groups
    assert [id(p) for p in proximal["params"]] == [id(p) for p in model[0].parameters()]
    assert {id(p) for p in explicit["params"]} == {
        id(p) for layer in (model[1].inner, model[2]) for p in layer.parameters()
    }
    before = model[1].inner.weight.detach().clone()
    gradient = model[1].inner.weight.grad.clone()
    optimizer.step()
    torch.testing.assert_close(model[1].inner.weight.detach(), before - 0.05 * gradient)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(torch.ones(3, 4)).sum().backward()


@pytest.mark.parametrize("compiled", [False, True])
def test_layers_that_are_called_stay_and_are_watched_no_more(compiled):
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    convert(model)
    run = torch.compile(model, backend="aot_eager", fullgraph=True) if compiled else model
    with warnings.catch_warnings():
        warnings.simplefilter("error", NeverSolvedWarning)
        run(torch.ones(3, 4)).sum().backward()
    assert type(model[0]) is ProxPropLinear
    assert not model[0]._use.handles


@pytest.mark.parametrize("solver", ["exact", "explicit"])
def test_a_model_that_is_dropped_is_freed_at_once(solver):
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    convert(model, solver=solver)
    model(torch.ones(3, 4)).sum().backward()
    gone = weakref.ref(model[0])
    gc.disable()  # cycles would wait for it
    try:
        del model
        assert gone() is None
    finally:
        gc.enable()
