"""What the network limits predict of training, and what they do not, by running it full batch."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from proxprop import convert, param_groups
from proxprop.analysis.curvature import NetworkCurvature

from .cases import digits, mlp

STEPS = 40


def losses(
    model: nn.Module, loss, target: Tensor, lr: float, ratio: float = 1.0, **options
) -> list[float]:
    """Full-batch losses along a run that starts at the model; explicit layers step at lr·ratio."""
    running = copy.deepcopy(model)
    optimizer = torch.optim.SGD(param_groups(running, lr, lr * ratio), lr=lr, **options)
    values = []
    for _ in range(STEPS + 1):
        optimizer.zero_grad()
        value = loss(running(digits()[0]), target)
        value.backward()
        values.append(value.item())
        optimizer.step()
    return values


def first_rise(values: list[float]) -> int | None:
    """The first step that does not lower the loss (NaN included)."""
    return next((i for i in range(1, len(values)) if not values[i] < values[i - 1]), None)


def one_hot() -> Tensor:
    return F.one_hot(digits()[1], 10).double()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("method", ["explicit", "proximal", "proximal-slow-last-layer"])
def test_loss_first_fails_to_decrease_near_the_limit(method: str, seed: int) -> None:
    model = mlp(64, 128, 64, 10, seed=seed)
    ratio = 0.01 if method == "proximal-slow-last-layer" else 1.0
    if method != "explicit":
        convert(model, tau=0.05)
    curvature = NetworkCurvature(model, F.mse_loss, digits()[0], one_hot())
    if method == "explicit":
        limit = curvature.explicit_limit().limit
    else:
        limit = curvature.proximal_limit(explicit_ratio=ratio).limit
    assert first_rise(losses(model, F.mse_loss, one_hot(), limit / 1.2, ratio)) is None
    assert first_rise(losses(model, F.mse_loss, one_hot(), limit * 1.2, ratio)) is not None


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_moves_the_limit_as_its_roots_say(nesterov: bool) -> None:
    model = mlp(64, 32, 16, 10)
    convert(model, tau=0.05)
    curvature = NetworkCurvature(model, F.mse_loss, digits()[0], one_hot())
    limit = curvature.proximal_limit(0.9, nesterov=nesterov).limit
    options = {"momentum": 0.9, "nesterov": nesterov}
    below = losses(model, F.mse_loss, one_hot(), limit / 1.2, **options)
    above = losses(model, F.mse_loss, one_hot(), limit * 1.3, **options)
    assert below[-1] < below[0]
    assert not above[-1] < 10 * above[0]


def test_the_hessian_of_cross_entropy_grows_so_the_first_limit_is_too_high() -> None:
    """Plain descent at half the first limit does rise, once the limit where it stands has passed.

    This is why the limit is drawn for a point, never for a run.
    """
    model, (x, y) = mlp(64, 32, 16, 10), digits()
    lr = NetworkCurvature(model, F.cross_entropy, x, y).explicit_limit().limit / 2
    rise = first_rise(losses(model, F.cross_entropy, y, lr))
    assert rise is not None
    limits = []
    for _ in range(rise):
        limits.append(NetworkCurvature(model, F.cross_entropy, x, y).explicit_limit().limit)
        loss = F.cross_entropy(model(x), y)
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients):
                parameter -= lr * gradient
    assert limits[0] == pytest.approx(2 * lr)
    assert limits[-1] < lr  # the step that raised the loss was beyond the limit there
    assert limits[-1] < limits[0] / 3


@pytest.mark.parametrize("seed", [0, 1])
def test_cross_entropy_bounds_the_oscillation_past_the_proximal_limit(seed: int) -> None:
    """Softmax saturates: past the limit the steps oscillate, yet the loss still falls."""
    model, (x, y) = mlp(64, 32, 16, 10, seed=seed), digits()
    convert(model, tau=0.05)
    limit = NetworkCurvature(model, F.cross_entropy, x, y).proximal_limit().limit
    assert first_rise(losses(model, F.cross_entropy, y, 1.25 * limit)) is None
    assert first_rise(losses(model, F.cross_entropy, y, 3 * limit)) is not None


def test_proximal_training_is_not_stable_for_every_step() -> None:
    model = mlp(64, 32, 16, 10)
    convert(model, tau=0.05, skip_last=False)
    limit = NetworkCurvature(model, F.mse_loss, digits()[0], one_hot()).proximal_limit().limit
    values = losses(model, F.mse_loss, one_hot(), 3 * limit)
    assert not max(values) < 2 * values[0]
