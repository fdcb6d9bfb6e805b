"""Measured spectra of layers, against dense eigenvalues of unfolded inputs."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from proxprop.analysis.filters import angle_bound
from proxprop.analysis.layer_problem import LayerProblem, layer_spectrum
from proxprop.analysis.rows import layer_rows

from .cases import digits, fashion_mnist, layer_inputs, mlp, with_ones


def dense_gram_eigenvalues(rows: Tensor) -> np.ndarray:
    return np.linalg.eigvalsh((rows.T @ rows).numpy())[::-1]


def unfolded(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Patches by the layer itself: one output channel for each kernel entry."""
    channels = conv.in_channels
    taps = channels * conv.kernel_size[0] * conv.kernel_size[1]
    probe = nn.Conv2d(
        channels,
        taps,
        conv.kernel_size,
        conv.stride,
        conv.padding,
        conv.dilation,
        bias=False,
        padding_mode=conv.padding_mode,
    ).to(x.dtype)
    with torch.no_grad():
        probe.weight.copy_(torch.eye(taps).reshape(probe.weight.shape))
        return probe(x).transpose(0, 1).flatten(1).T


CONVS = {
    "plain": lambda: nn.Conv2d(3, 4, 3),
    "padded-strided": lambda: nn.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(1, 2)),
    "dilated-no-bias": lambda: nn.Conv2d(3, 4, 2, dilation=(1, 2), bias=False),
    "same-circular": lambda: nn.Conv2d(3, 4, (2, 4), padding="same", padding_mode="circular"),
    "valid-1x1": lambda: nn.Conv2d(3, 4, 1, padding="valid"),
}


@pytest.mark.parametrize("name", CONVS)
def test_rows_of_a_convolution_are_its_patches(name: str) -> None:
    torch.manual_seed(0)
    conv, x = CONVS[name]().double(), torch.randn(5, 3, 6, 7, dtype=torch.float64)
    expected = unfolded(conv, x)
    if conv.bias is not None:
        expected = with_ones(expected)
    (rows,) = layer_rows(conv, x)
    gram = expected.T @ expected
    assert (rows.count, rows.columns) == tuple(expected.shape)
    torch.testing.assert_close(rows.gram(), gram, rtol=1e-12, atol=1e-12)
    assert rows.trace() == pytest.approx(gram.trace().item(), rel=1e-12)
    vector = torch.randn(rows.columns, dtype=torch.float64)
    torch.testing.assert_close(rows.gram_times(vector), gram @ vector, rtol=1e-11, atol=1e-11)
    close = {"rtol": 1e-11, "atol": 1e-11}
    torch.testing.assert_close(rows.row_gram(), expected @ expected.T, **close)
    theta = torch.randn(4, rows.columns, dtype=torch.float64)
    torch.testing.assert_close(rows.product(theta).flatten(0, -2), expected @ theta.T, **close)
    delta = torch.randn(rows.count, 4, dtype=torch.float64)
    torch.testing.assert_close(rows.gradient(delta), delta.T @ expected, **close)


def test_groups_are_blocks() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 6, 3, groups=2).double()
    x = torch.randn(5, 4, 6, 6, dtype=torch.float64)
    half = nn.Conv2d(2, 3, 3)
    blocks = [
        dense_gram_eigenvalues(with_ones(unfolded(half, part.contiguous())))
        for part in x.chunk(2, dim=1)
    ]
    found = layer_spectrum(conv, x)
    expected = np.sort(np.concatenate(blocks))[::-1]
    np.testing.assert_allclose(found.eigenvalues, expected, rtol=1e-10)
    assert found.lambda_max == pytest.approx(expected[0], rel=1e-12)


@pytest.mark.parametrize("frozen", ["weight", "bias"])
def test_frozen_parameters_leave_the_rows(frozen: str) -> None:
    x = digits()[0][:40]
    layer = nn.Linear(64, 3).double()
    getattr(layer, frozen).requires_grad_(False)
    expected = x if frozen == "bias" else torch.ones(40, 1).double()
    found = layer_spectrum(layer, x)
    assert found.lambda_max == pytest.approx(dense_gram_eigenvalues(expected)[0], rel=1e-12)
    assert found.columns == expected.shape[1]
    layer.requires_grad_(False)
    with pytest.raises(ValueError, match="must have a parameter that trains"):
        layer_spectrum(layer, x)


@pytest.mark.parametrize("frozen", ["weight", "bias"])
def test_frozen_parameters_leave_the_patches(frozen: str) -> None:
    torch.manual_seed(0)
    conv, x = CONVS["plain"]().double(), torch.randn(5, 3, 6, 7, dtype=torch.float64)
    getattr(conv, frozen).requires_grad_(False)
    patches = unfolded(conv, x)
    expected = patches if frozen == "bias" else torch.ones(len(patches), 1).double()
    (rows,) = layer_rows(conv, x)
    torch.testing.assert_close(rows.gram(), expected.T @ expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(rows.row_gram(), expected @ expected.T, rtol=1e-12, atol=1e-12)
    assert rows.trace() == pytest.approx(expected.square().sum().item(), rel=1e-12)
    theta = torch.randn(4, rows.columns, dtype=torch.float64)
    torch.testing.assert_close(rows.product(theta).flatten(0, -2), expected @ theta.T)


@pytest.mark.parametrize("groups", [1, 2])
def test_an_explicit_step_is_that_of_dense_rows(groups: int) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 6, 3, padding=1, groups=groups).double()
    x, delta = torch.randn(3, 4, 5, 6).double(), torch.randn(3, 6, 5, 6).double()
    weight, bias = (torch.zeros_like(part, requires_grad=True) for part in conv.parameters())
    z = torch.func.functional_call(conv, {"weight": weight, "bias": bias}, (x,))
    slopes = torch.autograd.grad(z, (weight, bias), delta)
    moved = torch.func.functional_call(conv, dict(zip(("weight", "bias"), slopes)), (x,)).detach()
    problem = LayerProblem(conv, x)
    left, length, _ = problem.explicit_step(problem.request(delta), 0.3)
    torch.testing.assert_close(left.movedim(-1, 1), delta - 0.3 * moved, rtol=1e-11, atol=1e-11)
    assert length.item() == pytest.approx(sum(s.square().sum() for s in slopes).sqrt().item())


def spectrum_agrees(layer: nn.Module, x: Tensor, rows: Tensor) -> None:
    """Dense route to rounding; Lanczos to 1e-3, and within its own error estimate."""
    expected = dense_gram_eigenvalues(rows)
    dense = layer_spectrum(layer, x)
    known = dense.eigenvalues
    np.testing.assert_allclose(known, expected[: len(known)], rtol=1e-9, atol=1e-11 * expected[0])
    assert dense.method == ("primal" if rows.shape[1] <= rows.shape[0] else "dual")
    assert dense.trace == pytest.approx(expected.sum(), rel=1e-10)
    above = expected[expected > 1e-9 * expected[0]]
    assert dense.lambda_min <= above[-1] * (1 + 1e-6)
    iterated = layer_spectrum(layer, x, dense_limit=0)
    assert iterated.method == "lanczos"
    assert iterated.lambda_max == pytest.approx(expected[0], rel=1e-3)
    assert abs(iterated.lambda_max - expected[0]) <= iterated.lambda_max_error + 1e-9 * expected[0]
    assert iterated.lambda_max_error < 1e-3 * expected[0]
    assert iterated.trace == pytest.approx(expected.sum(), rel=1e-10)


@pytest.mark.parametrize("count", [30, 1797])
def test_lambda_max_on_digits(count: int) -> None:
    x = digits()[0][:count]
    spectrum_agrees(nn.Linear(64, 5).double(), x, with_ones(x))


def test_lambda_max_on_patches_of_digits() -> None:
    x = digits()[0][:200].reshape(200, 1, 8, 8)
    conv = nn.Conv2d(1, 4, 5, padding=2).double()
    spectrum_agrees(conv, x, with_ones(unfolded(conv, x)))


@pytest.mark.parametrize("count", [300, 1500])
def test_lambda_max_on_fashion_mnist(count: int) -> None:
    x = fashion_mnist(count)
    spectrum_agrees(nn.Linear(784, 5).double(), x, with_ones(x))


def test_lambda_max_on_patches_of_fashion_mnist() -> None:
    x = fashion_mnist(30).reshape(30, 1, 28, 28)
    conv = nn.Conv2d(1, 4, 5, padding=2).double()
    spectrum_agrees(conv, x, with_ones(unfolded(conv, x)))


@pytest.mark.parametrize("index", [0, 2])
def test_explicit_steps_on_the_layers_own_problem_diverge_past_the_limit(index: int) -> None:
    """Bisect the step size by running it on the real subproblem of a digits MLP."""
    x, _ = digits()
    model = mlp(64, 32, 10)
    inputs = layer_inputs(model, x)[str(index)]
    found = layer_spectrum(model[index], inputs)
    layer = nn.Linear(inputs.shape[1], 4).double()
    torch.manual_seed(3)
    target = torch.randn(len(x), 4, dtype=torch.float64)

    def grows(step: float) -> bool:
        weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
        first = None
        for _ in range(2000):
            misfit = F.linear(inputs, weight, bias) - target
            size = misfit.square().sum().item()
            first = size if first is None else first
            if size > 1e3 * first:
                return True
            weight, bias = weight - step * misfit.T @ inputs, bias - step * misfit.sum(dim=0)
        return False

    low, high = found.subproblem_limit / 10, found.subproblem_limit * 10
    while high / low > 1.003:
        step = (low * high) ** 0.5
        low, high = (low, step) if grows(step) else (step, high)
    assert (low * high) ** 0.5 == pytest.approx(found.subproblem_limit, rel=0.02)


def test_condition_and_angle_bound_follow_the_spectrum() -> None:
    found = layer_spectrum(nn.Linear(64, 5).double(), digits()[0][:30])
    condition = (1 + 0.3 * found.lambda_max) / (1 + 0.3 * found.lambda_min)
    assert found.condition(0.3) == pytest.approx(condition)
    expected = 2 * condition**0.5 / (1 + condition)
    assert found.angle_bound(0.3) == pytest.approx(expected)
    assert found.subproblem_limit == pytest.approx(2 / found.lambda_max)
    assert found.lambda_min > 0


def test_directions_of_a_few_samples_keep_the_bound_on_the_range() -> None:
    """With fewer samples than inputs λ = 0 exists, yet D and G never leave the range of Ãᵀ."""
    x, tau = digits()[0][:30], 0.3
    found = layer_spectrum(nn.Linear(64, 5).double(), x)
    rows = with_ones(x)
    system = rows.T @ rows + torch.eye(65).double() / tau
    torch.manual_seed(0)
    gradient = torch.randn(2000, 30, dtype=torch.float64) @ rows
    direction = torch.linalg.solve(system, gradient.T).T
    assert F.cosine_similarity(direction, gradient).min() >= found.angle_bound(tau)
    assert found.angle_bound(tau) > angle_bound(0.0, found.lambda_max, tau)


def test_each_layer_is_measured_at_its_own_input() -> None:
    x = digits()[0][:50]
    model = nn.Sequential(mlp(64, 8, 8, 4), nn.Tanh())
    inputs = layer_inputs(model, x)
    assert list(inputs) == ["0.0", "0.2", "0.4"]
    hidden = torch.tanh(model[0][0](x)).detach()
    expected = dense_gram_eigenvalues(with_ones(hidden))[0]
    found = layer_spectrum(model.get_submodule("0.2"), inputs["0.2"])
    assert found.lambda_max == pytest.approx(expected, rel=1e-12)
    assert not any(module._forward_hooks for module in model.modules())


def test_uses_of_a_shared_layer_are_pooled() -> None:
    x = digits()[0][:20]
    shared = nn.Linear(64, 64).double()
    model = nn.Sequential(shared, nn.Tanh(), shared)
    inputs = layer_inputs(model, x)
    assert list(inputs) == ["0"]
    second = torch.tanh(shared(x)).detach()
    torch.testing.assert_close(inputs["0"], torch.cat([x, second]))


def test_other_layers_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="must be Linear or Conv2d, got Conv1d"):
        layer_spectrum(nn.Conv1d(1, 1, 1), torch.zeros(1, 1, 3))
