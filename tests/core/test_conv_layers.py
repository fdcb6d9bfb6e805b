"""``ProxPropConv2d`` as a module: settings, shapes, records, compilation, batched models."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from proxprop import ProxPropConv2d, convert, revert
from proxprop.diagnostics import SolveRecord
from tests.core.gram.cases import GEOMETRIES, convolution, images
from tests.reference import relative_error


def small_net(**settings: object) -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(6, 6, 4, padding="same", padding_mode="circular"),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, stride=2, groups=2),
        nn.Flatten(),
        nn.Linear(32, 5),
    )
    convert(net, tau=0.5, **settings)  # type: ignore[arg-type]
    return net


def gradients(net: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    net.zero_grad()
    net(x).logsumexp(1).mean().backward()
    return {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}


def test_signature_is_torchs_with_keyword_settings() -> None:
    layer = ProxPropConv2d(3, 4, 5, 1, 2, tau=1.0, solver="cg", cg_steps=7)
    assert isinstance(layer, nn.Conv2d)
    assert (layer.tau, layer.solver, layer.cg_steps) == (1.0, "cg", 7)
    assert repr(layer) == (
        "ProxPropConv2d(3, 4, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2), "
        "tau=1, solver='cg', cg_steps=7)"
    )
    nn.Conv2d(3, 4, 5).load_state_dict(layer.state_dict())


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("tau", 0.0, "tau must be finite and > 0"),
        ("tau", float("nan"), "tau must be finite and > 0"),
        ("solver", "lbfgs", "solver must be one of"),
        ("cg_steps", 0, "cg_steps must be >= 1"),
        ("cg_rtol", 1.0, "cg_rtol must be in"),
    ],
)
def test_settings_are_checked(setting: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ProxPropConv2d(3, 4, 5, **{setting: value})  # type: ignore[arg-type]


def test_complex_weights_are_refused_at_construction() -> None:
    with pytest.raises(NotImplementedError, match="dtype must be real"):
        ProxPropConv2d(3, 4, 5, dtype=torch.complex64)


def test_unbatched_input_is_a_batch_of_one() -> None:
    layer = ProxPropConv2d(4, 6, 3, padding=1, dtype=torch.float64)
    x = images(1, 6, 7)
    layer(x).square().sum().backward()
    assert layer.weight.grad is not None
    batched = layer.weight.grad.clone()
    layer.zero_grad()
    output = layer(x[0])
    assert output.shape == (6, 6, 7)
    output.square().sum().backward()
    assert torch.equal(layer.weight.grad, batched)


def test_channels_last_gives_the_same_direction() -> None:
    net, x = small_net(), torch.rand(5, 3, 10, 10)
    usual = gradients(net, x)
    last = gradients(
        net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    )
    for name, value in usual.items():
        assert relative_error(last[name], value) < 1e-4, name


@pytest.mark.parametrize("solver", ["exact", "cg", "explicit"])
@pytest.mark.parametrize("samples", [1, 12])
@pytest.mark.parametrize("name", ["3 padded", "reflect strided", "2 same"])
def test_observer_gets_a_record_of_the_solve(name: str, samples: int, solver: str) -> None:
    layer = convolution(GEOMETRIES[name], bias=name != "2 same")
    convert(layer, tau=0.5, solver=solver, cg_steps=2, skip_last=False)
    records: list[SolveRecord] = []
    layer.observer = records.append  # type: ignore[assignment]
    output = layer(images(samples, 7, 7))
    output.square().mean().backward()
    (record,) = records
    assert (record.solver, record.tau) == (solver, 0.5)
    assert record.rows == output.numel() // 8
    assert record.columns == layer.weight[0].numel() + (layer.bias is not None)
    assert record.grad_output.shape == output.shape
    assert layer.weight.grad is not None
    assert torch.equal(record.weight_direction, layer.weight.grad)
    residual = float(record.relative_residual)
    assert residual < 1e-12 if solver == "exact" else residual > 1e-6


def test_state_travels_by_copy_and_pickle() -> None:
    layer = ProxPropConv2d(3, 4, 3, tau=2.0, solver="cg")
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert (twin.tau, twin.solver) == (2.0, "cg")
        assert torch.equal(twin.weight, layer.weight)


def test_convert_and_revert_convolutions_in_place() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(4, 2))
    weight = net[0].weight
    report = convert(net, tau=0.2)
    assert report.converted == ["0", "1"]
    assert isinstance(net[0], ProxPropConv2d)
    assert net[0].weight is weight
    assert revert(net) == ["0", "1"]
    assert type(net[0]) is nn.Conv2d


@pytest.mark.parametrize("solver", ["exact", "cg"])
def test_compiled_equals_eager_without_a_graph_break(solver: str) -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 2, padding="same"), nn.ReLU(), nn.Flatten())
    convert(net, tau=0.5, solver=solver, skip_last=False)
    x = torch.rand(6, 2, 5, 5)
    eager = gradients(net, x)
    compiled = gradients(torch.compile(net, backend="aot_eager", fullgraph=True), x)
    for name, value in eager.items():
        found = compiled.get(name, compiled.get(f"_orig_mod.{name}"))
        assert found is not None
        assert relative_error(found, value) < 1e-4, name


@pytest.mark.parametrize("solver", ["exact", "cg"])
def test_vmapped_models_get_their_own_directions(solver: str) -> None:
    net, x = small_net(solver=solver).double(), torch.rand(6, 3, 10, 10, dtype=torch.float64)
    scales = torch.tensor([1.0, 0.7, 1.4], dtype=torch.float64)
    stacked = {
        name: torch.stack([p.detach() * scale for scale in scales])
        for name, p in net.named_parameters()
    }

    def loss(parameters: dict[str, torch.Tensor]) -> torch.Tensor:
        return functional_call(net, parameters, (x,)).logsumexp(1).mean()

    together = vmap(grad(loss))(stacked)
    for index, scale in enumerate(scales):
        alone = copy.deepcopy(net)
        with torch.no_grad():
            for parameter in alone.parameters():
                parameter.mul_(scale)
        for name, value in gradients(alone, x).items():
            assert relative_error(together[name][index], value) < 1e-9, name


def test_autocast_keeps_the_solve_in_single_precision() -> None:
    torch.manual_seed(0)
    layer = ProxPropConv2d(3, 4, 3, padding=1, tau=0.5)
    x = torch.rand(8, 3, 10, 10)
    with torch.autocast("cpu", torch.bfloat16):
        output = layer(x)
    assert output.dtype == torch.bfloat16
    delta = torch.randn(output.shape).bfloat16()
    output.backward(delta)
    double = copy.deepcopy(layer).double()
    double.zero_grad()
    double(x.double()).backward(delta.double())
    for mine, exact in zip(layer.parameters(), double.parameters()):
        assert mine.grad is not None
        assert exact.grad is not None
        assert mine.grad.dtype == torch.float32
        assert relative_error(mine.grad, exact.grad) < 1e-4


def test_non_finite_input_gives_a_non_finite_direction() -> None:
    layer = ProxPropConv2d(3, 4, 3, padding=1)
    x = torch.rand(9, 3, 8, 8)
    x[0, 0, 0, 0] = float("inf")
    with pytest.warns(UserWarning, match="not finite"):
        layer(x).nan_to_num().sum().backward()
    assert layer.weight.grad is not None
    assert not layer.weight.grad.isfinite().all()
