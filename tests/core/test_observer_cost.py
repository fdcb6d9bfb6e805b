"""Statistics cost nothing when unused: no record, no clock, not one operation more."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from proxprop import convert, revert
from proxprop.conversion import iter_prox_layers
from tests.drop_in.models import MODELS, data

SOLVERS = ("exact", "cg", "explicit")


class Counted(TorchDispatchMode):
    """Note every operation that reaches the dispatcher."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operations.append(str(func))
        return func(*args, **(kwargs or {}))


def operations(model: nn.Module, shape: tuple[int, ...]) -> list[str]:
    inputs, labels = data(*shape)
    model.zero_grad()
    with Counted() as counted:
        nn.functional.cross_entropy(model(inputs), labels).backward()
    return counted.operations


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", MODELS)
def test_without_an_observer_no_record_is_made(
    kind: str, solver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def used(*_: Any) -> None:
        raise AssertionError("statistics were made for nobody")

    monkeypatch.setattr("proxprop.autograd.solve_record", used)
    monkeypatch.setattr("proxprop.autograd.time", None)
    monkeypatch.setattr("proxprop.layers.explicit_report", used)
    build, shape = MODELS[kind]
    operations(build(solver=solver), shape)


@pytest.mark.parametrize("solver", ["exact", "cg"])
@pytest.mark.parametrize("kind", MODELS)
def test_a_record_computes_nothing_until_it_is_asked(kind: str, solver: str) -> None:
    build, shape = MODELS[kind]
    model, records = build(solver=solver), []
    operations(model, shape)  # the first step also sets up what later ones keep
    unobserved = operations(model, shape)
    for _, layer in iter_prox_layers(model):
        layer.observer = records.append
    observed = operations(model, shape)
    # Beside views: autograd copies a direction into .grad where the record holds it too.
    held = ("aten.detach.", "aten.view.", "aten.new_empty_strided.", "aten.copy_.")
    assert [o for o in observed if not o.startswith(held)] == [
        o for o in unobserved if not o.startswith(held)
    ]
    assert len(records) == 2
    with Counted() as counted:
        assert records[0].relative_residual >= 0
    assert any("mm" in operation or "convolution" in operation for operation in counted.operations)


@pytest.mark.parametrize("kind", MODELS)
def test_an_explicit_layer_is_torchs_own(kind: str) -> None:
    build, shape = MODELS[kind]
    model = build(solver="explicit")
    converted = operations(model, shape)
    revert(model)
    assert converted == operations(model, shape)
    convert(model, solver="explicit")
    assert converted == operations(model, shape)
