"""Modules whose class changed after they were converted: reports say what they are now."""

import copy

import pytest
import torch
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.nn.utils import parametrizations, parametrize

from proxprop import ProxPropLinear, convert, param_groups, revert
from proxprop.conversion import iter_prox_layers


class Own(ProxPropLinear):
    def forward(self, input):
        return 2 * super().forward(input)


@pytest.fixture
def one_process(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'rendezvous'}", rank=0, world_size=1
    )
    yield
    torch.distributed.destroy_process_group()


def model(first: nn.Module | None = None) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(first or nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))


def gradients(net: nn.Module) -> list[torch.Tensor]:
    net.zero_grad()
    net(torch.linspace(-1, 1, 20).view(5, 4)).square().mean().backward()
    return [p.grad for p in net.parameters()]


def check_agreement(net: nn.Module, converted: list[str]) -> None:
    solved = []
    for name, layer in iter_prox_layers(net):
        layer.observer = lambda record, name=name: solved.append((name, record.solver))
    gradients(net)
    assert [name for name, solver in solved if solver != "explicit"] == converted


def test_a_weight_norm_on_a_converted_layer():
    net, plain = model(), model()
    convert(net, tau=0.5)
    for layer in (net[0], plain[0]):
        parametrizations.weight_norm(layer)
    assert revert(net) == ["0"]
    assert type(net[0]).__name__ == type(plain[0]).__name__ == "ParametrizedLinear"
    assert not isinstance(net[0], ProxPropLinear)
    for ours, theirs in zip(gradients(net), gradients(plain), strict=True):
        assert torch.equal(ours, theirs)
    assert type(copy.deepcopy(net)[0]).__name__ == "ParametrizedLinear"
    parametrize.remove_parametrizations(net[0], "weight")
    assert type(net[0]) is nn.Linear
    assert revert(net) == []


def test_converting_again_makes_a_parametrized_layer_plain():
    net = model()
    convert(net)
    parametrizations.weight_norm(net[0])
    with pytest.warns(UserWarning, match="nothing was converted"):
        report = convert(net)
    assert "a parametrization" in dict(report.skipped)["0"]
    check_agreement(net, [])


def test_a_subclass_with_its_own_behaviour_takes_the_plain_step():
    net = model(Own(4, 4))
    check_agreement(net, ["0"])
    assert convert(net).converted == ["0"]
    assert revert(net) == ["0"]
    assert type(net[0]) is Own
    check_agreement(net, [])
    assert [group["name"] for group in param_groups(net, 1.0)] == ["explicit"]
    assert revert(net) == []


def test_a_lazy_layer_is_converted_once_it_has_a_shape():
    net = model(nn.LazyLinear(4))
    with pytest.warns(UserWarning, match="nothing was converted"):
        convert(net)
    net(torch.ones(1, 4))
    assert convert(net).converted == ["0"]
    check_agreement(net, ["0"])


@pytest.mark.parametrize("order", ["convert first", "shard first"])
@pytest.mark.usefixtures("one_process")
def test_a_sharded_layer(order):
    net, plain = model(), model()
    steps = [lambda: convert(net, tau=0.5), lambda: fully_shard(net[0])]
    for step in steps if order == "convert first" else reversed(steps):
        step()
    assert type(net[0]).__name__ == "FSDPProxPropLinear"
    assert convert(net, tau=0.5).converted == ["0"]
    check_agreement(net, ["0"])
    whole = model()
    convert(whole, tau=0.5)
    for ours, theirs in zip(gradients(net), gradients(whole), strict=True):
        torch.testing.assert_close(
            ours.full_tensor() if hasattr(ours, "full_tensor") else ours, theirs
        )
    assert revert(net) == ["0"]
    assert type(net[0]).__name__ == "FSDPLinear"
    for ours, theirs in zip(gradients(net), gradients(plain), strict=True):
        torch.testing.assert_close(
            ours.full_tensor() if hasattr(ours, "full_tensor") else ours, theirs
        )
    assert revert(net) == []
