"""The running Gram's direction is linear in the gradient while its inverse stands."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from proxprop import ProxPropLinear
from proxprop.conversion import iter_prox_layers
from tests.reference import augmented, relative_error

from .models import MODELS, data, directions
from .test_ddp import trained_ranks

RUNNING = {"gram": "running", "refresh": 10}


def warmed(kind: str, **prox) -> nn.Module:
    """A model two steps after its first refresh."""
    build, shape = MODELS[kind]
    model = build(**{**RUNNING, **prox})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for seed in (10, 11):
        directions(model, *data(*shape, seed=seed))
        optimizer.step()
    return model


@pytest.mark.parametrize("kind", MODELS)
def test_accumulated_batches_leave_the_joined_batchs_direction(kind):
    model, shape = warmed(kind), MODELS[kind][1]
    batches = [data(*shape, seed=seed) for seed in (1, 2, 3)]
    joined = directions(model, *(torch.cat(parts) for parts in zip(*batches, strict=True)))
    model.zero_grad()
    for inputs, labels in batches:
        (F.cross_entropy(model(inputs), labels) / 3).backward()
    for name, parameter in model.named_parameters():
        assert relative_error(parameter.grad, joined[name]) < 1e-10


def test_an_accumulated_step_refreshes_once_with_all_its_rows():
    layer = ProxPropLinear(6, 3, tau=0.4, dtype=torch.float64, gram="running", refresh=2, decay=0)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    parts = [data(n, 6, seed=n)[0] for n in (5, 8)]
    for part in parts:
        layer(part).sum().backward()
    standing = torch.eye(7, dtype=torch.float64) / 0.4
    rows = augmented(parts[0], True, True)
    both = augmented(torch.cat(parts), True, True)
    ones = torch.ones(3, len(both), dtype=torch.float64)
    expected = torch.linalg.solve(standing + rows.T @ rows, (ones @ both).T).T
    assert relative_error(layer.weight.grad, expected[:, :-1]) < 1e-10
    optimizer.step()
    optimizer.zero_grad()
    layer(parts[0]).sum().backward()  # the rows that came late are in the next step's inverse
    expected = torch.linalg.solve(standing + both.T @ both, (ones[:, : len(rows)] @ rows).T).T
    assert relative_error(layer.weight.grad, expected[:, :-1]) < 1e-10


def test_all_uses_of_a_shared_layer_enter_one_refresh_before_the_first_direction():
    layer = ProxPropLinear(5, 5, tau=0.4, dtype=torch.float64, **RUNNING)
    inputs = data(4, 5)[0]
    below = layer(inputs)
    hidden = below.tanh()
    output = layer(hidden)
    for tensor in (below, output):
        tensor.retain_grad()
    output.square().mean().backward()
    rows = augmented(torch.cat([inputs, hidden.detach()]), True, True)
    delta = torch.cat([below.grad, output.grad])
    system = rows.T @ rows + torch.eye(6, dtype=torch.float64) / 0.4
    expected = torch.linalg.solve(system, rows.T @ delta).T
    actual = torch.cat([layer.weight.grad, layer.bias.grad[:, None]], dim=1)
    assert relative_error(actual, expected) < 1e-10


def test_descends_where_the_sum_of_batch_directions_does_not():
    # The counterexample of `test_a_sum_of_directions_from_different_batches_need_not_descend`.
    tau = 1e6
    shards = [([[10.0, 0.0]], [[-1.0]]), ([[1.0, 1.0]], [[2.0]])]
    layer = ProxPropLinear(2, 1, bias=False, dtype=torch.float64, tau=tau, **RUNNING)
    gradient = torch.zeros(1, 2, dtype=torch.float64)
    for input, grad_output in shards:
        input, grad_output = torch.tensor(input).double(), torch.tensor(grad_output).double()
        layer(input).backward(grad_output)
        gradient += grad_output.T @ input
    assert (layer.weight.grad * gradient).sum() > 0


@pytest.mark.slow
def test_two_processes_take_the_joined_batchs_step(tmp_path):
    ranks = trained_ranks(tmp_path, "running")
    model = MODELS["mlp"][0](**RUNNING, decay=0.5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(12):
        shards = [data(10, 6, seed=100 * step + rank) for rank in range(2)]
        directions(model, *(torch.cat(parts) for parts in zip(*shards, strict=True)))
        optimizer.step()
    for rank in ranks:
        for name, parameter in model.named_parameters():
            assert relative_error(rank[name], parameter.grad) < 1e-10


def test_compiled_equals_eager():
    # The schedule is Python's: compiled code breaks its graph there.
    eager, compiled = MODELS["mlp"][0](**RUNNING), MODELS["mlp"][0](**RUNNING)
    forward = torch.compile(compiled, backend="aot_eager")
    for step in range(3):
        inputs, labels = data(10, 6, seed=step)
        directions(eager, inputs, labels)
        compiled.zero_grad()
        F.cross_entropy(forward(inputs), labels).backward()
        for one, other in zip(eager.parameters(), compiled.parameters(), strict=True):
            assert relative_error(other.grad, one.grad) < 1e-12


def test_transforms_are_refused_in_words():
    layer = ProxPropLinear(5, 3, **RUNNING)
    with pytest.raises(NotImplementedError, match=r"use gram='batch'"):
        torch.vmap(layer)(torch.randn(2, 4, 5))

    def loss(weight):
        given = {"weight": weight, "bias": layer.bias.detach()}
        return torch.func.functional_call(layer, given, torch.randn(4, 5)).sum()

    with pytest.raises(NotImplementedError, match=r"use gram='batch'"):
        torch.func.grad(loss)(layer.weight.detach())
    assert not layer.running_state()


def test_grad_scaler_passes_through():
    plain, scaled = warmed("mlp"), warmed("mlp")
    inputs, labels = data(10, 6, seed=5)
    expected = directions(plain, inputs, labels)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    optimizer = torch.optim.SGD(scaled.parameters(), lr=0.1)
    scaled.zero_grad()
    scaler.scale(F.cross_entropy(scaled(inputs), labels)).backward()
    scaler.unscale_(optimizer)
    for name, parameter in scaled.named_parameters():
        assert relative_error(parameter.grad, expected[name]) < 1e-12
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaler.step(optimizer)


@pytest.mark.parametrize("set_to_none", [True, False])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW", "RMSprop", "LBFGS"])
def test_every_optimizers_step_ends_a_step(optimizer, set_to_none):
    layer = ProxPropLinear(5, 3, gram="running", refresh=1, decay=0.0)
    made = getattr(torch.optim, optimizer)(layer.parameters(), lr=0.1)
    for seed in range(3):
        inputs = data(6, 5, seed=seed, dtype=torch.float32)[0]

        def closure(inputs=inputs):
            made.zero_grad(set_to_none=set_to_none)
            loss = layer(inputs).square().mean()
            loss.backward()
            return loss

        made.step(closure)
    rows = augmented(inputs, True, True)
    state = layer.running_state()
    assert relative_error(state["moment"][0], rows.T @ rows / len(rows)) < 1e-6


def test_an_overflowing_scale_skips_the_step_and_leaves_the_average():
    scaled, plain = (warmed("mlp", refresh=1) for _ in range(2))
    inputs, labels = data(10, 6, seed=5)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**100)
    optimizer = torch.optim.SGD(scaled.parameters(), lr=0.1)
    before = [parameter.detach().clone() for parameter in scaled.parameters()]
    scaled.zero_grad()
    scaler.scale(1e300 * F.cross_entropy(scaled(inputs), labels)).backward()
    scaler.step(optimizer)
    scaler.update()
    for parameter, old in zip(scaled.parameters(), before, strict=True):
        assert torch.equal(parameter, old)
    directions(plain, inputs, labels)
    for name, layer in iter_prox_layers(scaled):
        other = plain.get_submodule(name).running_state()
        assert torch.equal(layer.running_state()["moment"], other["moment"])
