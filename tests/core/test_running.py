"""The running Gram against an average and a dense solve of the tests' own, in float64."""

from __future__ import annotations

import copy
import math
import pickle

import pytest
import torch
from torch import Tensor, nn

from proxprop import ProxPropConv2d, ProxPropLinear, convert, set_prox
from proxprop.conversion import load_running_state, revert, running_state
from proxprop.diagnostics import NonFiniteWarning
from tests.reference import augmented, patch_columns, relative_error

RUNNING = {"gram": "running", "decay": 0.6}


class Reference:
    """Dense averages of ÃᵀÃ/N and N, each refresh weighted by its age, and their solve."""

    def __init__(self, decay: float, refresh: int, tau: float) -> None:
        self.decay, self.refresh, self.tau = decay, refresh, tau
        self.seen: list[tuple[Tensor, int]] = []
        self.steps = 0

    def direction(self, rows: Tensor, gradient: Tensor) -> Tensor:
        if self.steps % self.refresh == 0:
            self.seen.append((rows.T @ rows / len(rows), len(rows)))
        self.steps += 1
        weights = [self.decay**age for age in reversed(range(len(self.seen)))]
        total = sum(weights)
        moment = sum(w * m for w, (m, _) in zip(weights, self.seen)) / total
        count = sum(w * n for w, (_, n) in zip(weights, self.seen)) / total
        system = count * moment + torch.eye(len(moment), dtype=torch.float64) / self.tau
        return torch.linalg.solve(system, gradient.T).T


def parts(layer: nn.Module) -> Tensor:
    columns = [p.grad.flatten(1) for p in (layer.weight,) if p.grad is not None]
    if layer.bias is not None and layer.bias.grad is not None:
        columns.append(layer.bias.grad[:, None])
    return torch.cat(columns, 1)


def change(layer: nn.Module) -> None:
    """End a step as an optimizer does."""
    with torch.no_grad():
        for parameter in layer.parameters():
            if parameter.requires_grad:
                parameter -= 0.01 * parameter.grad
    layer.zero_grad()


def linear(bias: bool = True, d: int = 6, m: int = 3, dtype=torch.float64, **prox):
    torch.manual_seed(0)
    return ProxPropLinear(d, m, bias, dtype=dtype, tau=0.3, **{**RUNNING, **prox})


def rows_of(step: int, count: int, d: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(step)
    return torch.randn(count, d, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("count", [4, 25])
@pytest.mark.parametrize("refresh", [1, 4, 10])
@pytest.mark.parametrize("decay", [0.0, 0.7])
def test_linear_equals_the_reference_over_thirty_steps(decay, refresh, count, bias) -> None:
    layer = linear(bias, decay=decay, refresh=refresh)
    reference = Reference(decay, refresh, layer.tau)
    for step in range(30):
        x = rows_of(step, count + step % 3)  # batches of unequal length
        delta = rows_of(100 + step, len(x), 3)
        layer(x).backward(delta)
        rows = augmented(x, True, bias)
        expected = reference.direction(rows, delta.T @ rows)
        assert relative_error(parts(layer), expected) < 1e-9
        change(layer)


@pytest.mark.parametrize("refresh", [1, 4, 10])
@pytest.mark.parametrize(
    "geometry",
    [{"padding": 1}, {"stride": 2, "padding": 1}, {"padding": 1, "padding_mode": "reflect"}],
)
@pytest.mark.parametrize("bias", [True, False])
def test_conv_equals_the_reference_over_thirty_steps(bias, geometry, refresh) -> None:
    torch.manual_seed(0)
    layer = ProxPropConv2d(
        2, 4, 3, bias=bias, dtype=torch.float64, tau=0.3, refresh=refresh, **geometry, **RUNNING
    )
    reference = Reference(0.6, refresh, layer.tau)
    for step in range(30):
        x = rows_of(step, 3, 2 * 6 * 7).view(3, 2, 6, 7)
        out = layer(x)
        delta = rows_of(100 + step, 1, out.numel()).view(out.shape)
        out.backward(delta)
        rows = augmented(patch_columns(layer, x)[0], True, bias)
        gradient = delta.permute(1, 0, 2, 3).reshape(4, -1) @ rows
        assert relative_error(parts(layer), reference.direction(rows, gradient)) < 1e-9
        change(layer)


def test_groups_have_averages_of_their_own() -> None:
    torch.manual_seed(0)
    prox = {"dtype": torch.float64, "tau": 0.3, "groups": 2}
    layer = ProxPropConv2d(4, 6, 3, **prox, gram="running", decay=0.0, refresh=1)
    batch = ProxPropConv2d(4, 6, 3, **prox)
    for step in range(3):
        batch.load_state_dict(layer.state_dict())
        x = rows_of(step, 2, 4 * 36).view(2, 4, 6, 6)
        for module in (layer, batch):
            module.zero_grad()
            module(x).square().mean().backward()
        assert relative_error(parts(layer), parts(batch)) < 1e-9
        change(layer)


@pytest.mark.parametrize("frozen", ["weight", "bias"])
def test_frozen_columns_leave_the_system_and_may_return(frozen) -> None:
    layer = linear(refresh=3)
    x, delta = rows_of(0, 9), rows_of(1, 9, 3)
    layer(x).backward(delta)
    layer.zero_grad()
    getattr(layer, frozen).requires_grad_(False)
    layer(x).backward(delta)
    rows = augmented(x, frozen != "weight", frozen != "bias")
    expected = Reference(0.6, 3, layer.tau).direction(rows, delta.T @ rows)
    assert relative_error(parts(layer), expected) < 1e-9
    layer.zero_grad()
    getattr(layer, frozen).requires_grad_(True)
    layer(x).backward(delta)
    assert parts(layer).shape == (3, 7)


def test_evaluation_and_no_grad_never_enter() -> None:
    layer = linear(refresh=1)
    layer(rows_of(0, 9)).sum().backward()
    change(layer)
    before = layer.running_state()
    with torch.no_grad():
        layer(rows_of(1, 9))
    layer.eval()
    layer(rows_of(2, 9)).sum().backward()
    after = layer.running_state()
    torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_before_anything_entered_the_step_is_the_batchs_own() -> None:
    layer, batch = linear().eval(), linear(gram="batch")
    x, delta = rows_of(0, 9), rows_of(1, 9, 3)
    layer(x).backward(delta)
    batch(x).backward(delta)
    torch.testing.assert_close(parts(layer), parts(batch), rtol=0, atol=0)


def test_the_inverse_stands_between_refreshes_and_follows_tau() -> None:
    layer = linear(refresh=5)
    layer(rows_of(0, 9)).sum().backward()
    standing = layer._running.inverse(1 / 0.3, torch.float64, torch.device("cpu"), slice(0, 7))
    change(layer)
    layer(rows_of(1, 9)).sum().backward()
    again = layer._running.inverse(1 / 0.3, torch.float64, torch.device("cpu"), slice(0, 7))
    assert again is standing
    set_prox(layer, tau=30.0)
    x, delta = rows_of(0, 9), rows_of(5, 9, 3)
    layer.zero_grad()
    layer(x).backward(delta)
    rows = augmented(x, True, True)
    expected = Reference(0.6, 5, 30.0).direction(rows, delta.T @ rows)
    assert relative_error(parts(layer), expected) < 1e-9


def test_an_empty_batch_neither_enters_nor_uses_up_the_refresh() -> None:
    layer = linear(refresh=4)
    layer(rows_of(0, 0)).sum().backward()
    change(layer)
    x, delta = rows_of(0, 9), rows_of(1, 9, 3)
    layer(x).backward(delta)
    rows = augmented(x, True, True)
    expected = Reference(0.6, 4, layer.tau).direction(rows, delta.T @ rows)
    assert relative_error(parts(layer), expected) < 1e-9


def test_an_empty_batch_ends_its_step_although_nothing_of_it_tells() -> None:
    # As in a process whose part of a short batch is empty, under an optimizer that writes to .data.
    layer = linear(refresh=2)
    for count in (9, 0, 7):
        layer(rows_of(count, count)).sum().backward()
        for parameter in layer.parameters():
            parameter.data -= 0.01
        layer.zero_grad()
    assert float(layer.running_state()["weight"]) == pytest.approx(1 - 0.6**2)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_batch_that_is_not_finite_never_enters_and_is_reported(value) -> None:
    layer = linear(refresh=1)
    layer(rows_of(0, 9)).sum().backward()
    change(layer)
    before = layer.running_state()
    weight = layer.weight.detach().clone()
    x = rows_of(1, 9)
    x[2, 3] = value
    with pytest.warns(NonFiniteWarning):
        layer(x).sum().backward()
    layer.zero_grad()
    torch.testing.assert_close(layer.weight.detach(), weight, rtol=0, atol=0)
    after = layer.running_state()
    for name in ("moment", "rows", "weight"):
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=0)
    change_nothing = torch.optim.SGD(layer.parameters(), lr=0.1)
    layer(rows_of(2, 9)).sum().backward()
    change_nothing.step()
    assert layer.weight.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_types_are_close_to_float64(dtype) -> None:
    layer, exact = linear(dtype=dtype, refresh=2), linear(refresh=2)
    exact.load_state_dict(layer.state_dict())
    for step in range(5):
        x, delta = rows_of(step, 40).to(dtype), rows_of(50 + step, 40, 3).to(dtype)
        for module, kind in ((layer, dtype), (exact, torch.float64)):
            module.zero_grad()
            module(x.to(kind)).backward(delta.to(kind))
        assert layer.weight.grad.dtype == dtype
        bound = 1e-5 if dtype == torch.float32 else 1e-2
        assert relative_error(parts(layer).double(), parts(exact)) < bound
        for module in (layer, exact):
            module.zero_grad()


def test_autocast_keeps_the_average_exact() -> None:
    layer = linear(dtype=torch.float32, refresh=1)
    x = rows_of(0, 40).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = layer(x)
    assert out.dtype == torch.bfloat16
    out.sum().backward()
    rows = augmented(x.double(), True, True)
    state = layer.running_state()
    moment = state["moment"][0] / state["weight"]
    assert relative_error(moment, rows.T @ rows / len(rows)) < 1e-12


def test_a_moved_layer_takes_its_average_along() -> None:
    layer = linear(dtype=torch.float32, refresh=10)
    layer(rows_of(0, 9).float()).sum().backward()
    change(layer)
    layer.double()
    layer(rows_of(1, 9)).sum().backward()
    assert layer.weight.grad.dtype == torch.float64


@pytest.mark.parametrize("way", ["pickle", "deepcopy", "state"])
def test_copies_continue_to_the_same_bits(way) -> None:
    layer = linear(refresh=3)
    for step in range(5):
        layer(rows_of(step, 9)).sum().backward()
        change(layer)
    if way == "pickle":
        other = pickle.loads(pickle.dumps(layer))
    elif way == "deepcopy":
        other = copy.deepcopy(layer)
    else:
        other = linear(refresh=3)
        other.load_state_dict(layer.state_dict())
        load_running_state(nn.Sequential(other), running_state(nn.Sequential(layer)))
    for step in range(5, 12):
        for module in (layer, other):
            module(rows_of(step, 9)).square().sum().backward()
        torch.testing.assert_close(parts(other), parts(layer), rtol=0, atol=0)
        change(layer)
        change(other)


def test_plain_checkpoints_load_strictly_both_ways() -> None:
    layer, plain = linear(), nn.Linear(6, 3, dtype=torch.float64)
    layer(rows_of(0, 9)).sum().backward()
    plain.load_state_dict(layer.state_dict())
    layer.load_state_dict(plain.state_dict())


def test_cg_is_refused_in_words_and_changes_nothing() -> None:
    with pytest.raises(ValueError, match="gram must be 'batch' with solver 'cg'"):
        ProxPropLinear(3, 2, solver="cg", gram="running")
    model = nn.Sequential(linear(), nn.ReLU(), linear(d=3))
    with pytest.raises(ValueError, match="use solver='exact'"):
        set_prox(model, solver="cg")
    with pytest.raises(ValueError, match="use solver='exact'"):
        model[0].solver = "cg"
    assert [layer.solver for layer in model if not isinstance(layer, nn.ReLU)] == ["exact"] * 2
    set_prox(model, solver="cg", gram="batch")
    set_prox(model, solver="exact", gram="running", decay=0.1, refresh=2)
    assert "gram='running', decay=0.1, refresh=2" in repr(model)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"gram": "other"}, ValueError, "gram must be one of batch, running, got 'other'"),
        ({"decay": 1.0}, ValueError, "decay must be in"),
        ({"decay": "x"}, TypeError, "decay must be a number"),
        ({"refresh": 0}, ValueError, "refresh must be >= 1"),
        ({"refresh": 1.5}, TypeError, "refresh must be an integer"),
    ],
)
def test_settings_without_meaning_are_refused(settings, error, words) -> None:
    with pytest.raises(error, match=words):
        ProxPropLinear(3, 2, **settings)
    with pytest.raises(error, match=words):
        convert(nn.Linear(3, 2), skip_last=False, **settings)


def test_reverting_leaves_nothing_behind() -> None:
    model = nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 2))
    before = set(model[0].__dict__)
    convert(model, gram="running")
    model(rows_of(0, 9).float()).sum().backward()
    revert(model)
    assert set(model[0].__dict__) == before


def test_states_that_do_not_fit_are_refused() -> None:
    layer = linear()
    layer(rows_of(0, 9)).sum().backward()
    state = layer.running_state()
    with pytest.raises(ValueError, match="must have 5 columns, got 7"):
        linear(d=4).load_running_state(state)
    with pytest.raises(ValueError, match="has moment, rows, weight, age"):
        layer.load_running_state({"moment": state["moment"]})
    with pytest.raises(ValueError, match="no proximal layer is called other"):
        load_running_state(nn.Sequential(layer), {"other": state})


def test_a_short_batch_counts_by_its_rows_in_n_and_as_one_step_in_the_moment() -> None:
    layer = linear(decay=0.5, refresh=1)
    batches = [rows_of(0, 20), rows_of(1, 3)]
    for x in batches:
        layer(x).sum().backward()
        change(layer)
    long, short = (augmented(x, True, True) for x in batches)
    state = layer.running_state()
    moment = (0.5 * long.T @ long / 20 + short.T @ short / 3) / 1.5
    assert relative_error(state["moment"][0] / state["weight"], moment) < 1e-12
    assert float(state["rows"] / state["weight"]) == pytest.approx((0.5 * 20 + 3) / 1.5)


@pytest.mark.cuda
def test_a_layer_moved_to_another_device_takes_its_average_along() -> None:
    layer, moved = linear(refresh=2), linear(refresh=2)
    for step in range(4):
        if step == 2:
            moved.cuda()
        for module in (layer, moved):
            x = rows_of(step, 9).to(module.weight.device)
            module(x).square().sum().backward()
        assert relative_error(parts(moved).cpu(), parts(layer)) < 1e-9
        change(layer)
        change(moved)
