"""Algorithm 1 is gradient descent (Proposition 1), variable by variable."""

import copy

import pytest
import torch
from torch import Tensor, nn

from proxprop.penalty import StageKind, collect, explicit_sweep

from .cases import CASES, Case, mlp


def relative_error(actual: Tensor, expected: Tensor) -> float:
    return ((actual - expected).norm() / expected.norm()).item()


def sensitivities(case: Case) -> tuple[list[Tensor], list[Tensor]]:
    """Backpropagate J once and return η-free ∂J/∂z_l and ∂J/∂a_l of the hidden layers."""
    model = copy.deepcopy(case.model)
    flat = [m for m in model.modules() if not isinstance(m, nn.Sequential)]
    affine = [i for i, m in enumerate(flat) if isinstance(m, nn.Linear | nn.Conv2d)]
    x, z, a = case.inputs, [], []
    for position, module in enumerate(flat):
        if position in affine and position != affine[0]:
            x.retain_grad()
            a.append(x)
        # An in-place activation would otherwise overwrite the z whose gradient is asked for.
        x = module(x.clone()) if getattr(module, "inplace", False) else module(x)
        if position in affine[:-1]:
            x.retain_grad()
            z.append(x)
    case.loss(x, case.target).backward()
    return [v.grad for v in z], [v.grad for v in a]


@pytest.mark.parametrize("lr", [0.05, 3.0])
@pytest.mark.parametrize("name", CASES)
def test_parameters_take_the_gradient_step(name: str, lr: float) -> None:
    case = CASES[name]()
    before = {key: value.detach().clone() for key, value in case.model.named_parameters()}
    gradients = torch.autograd.grad(case.objective(), list(case.model.parameters()))
    _, result = collect(explicit_sweep(case.model, case.inputs, case.target, case.loss, lr=lr))
    assert result.parameters.keys() == before.keys()
    for (key, value), gradient in zip(before.items(), gradients):
        assert relative_error(result.parameters[key], value - lr * gradient) < 1e-12
        # The step itself, not only θ, which might hide it.
        assert relative_error(value - result.parameters[key], lr * gradient) < 1e-11
    assert result.loss == pytest.approx(case.objective().item(), rel=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_half_steps_are_the_sensitivities(name: str) -> None:
    case, lr = CASES[name](), 0.3
    _, result = collect(explicit_sweep(case.model, case.inputs, case.target, case.loss, lr=lr))
    z_grads, a_grads = sensitivities(case)
    assert list(result.z_half) == list(range(1, len(z_grads) + 1))
    for layer, (z_grad, a_grad) in enumerate(zip(z_grads, a_grads), start=1):
        z, a = result.start.z[layer], result.start.a[layer]
        assert relative_error(result.z_half[layer], z - lr * z_grad) < 1e-12
        assert relative_error(result.a_half[layer], a - lr * a_grad) < 1e-12
        assert relative_error(z - result.z_half[layer], lr * z_grad) < 1e-10
        assert relative_error(a - result.a_half[layer], lr * a_grad) < 1e-10


def test_the_model_is_left_alone() -> None:
    case = CASES["convnet-padded-inplace"]()
    before = copy.deepcopy(case.model.state_dict())
    inputs = case.inputs.clone()
    collect(explicit_sweep(case.model, case.inputs, case.target, case.loss, lr=1.0))
    for key, value in case.model.state_dict().items():
        assert torch.equal(value, before[key])
    assert torch.equal(case.inputs, inputs)
    assert all(parameter.grad is None for parameter in case.model.parameters())


def test_precision_is_the_models() -> None:
    case = mlp()
    model, inputs = case.model.float(), case.inputs.float()
    gradients = torch.autograd.grad(case.loss(model(inputs), case.target), list(model.parameters()))
    stages, result = collect(explicit_sweep(model, inputs, case.target, case.loss, lr=0.5))
    assert {stage.after.dtype for stage in stages} == {torch.float32}
    for (key, value), gradient in zip(model.named_parameters(), gradients):
        expected = (value - 0.5 * gradient).detach()
        assert relative_error(result.parameters[key], expected) < 1e-6


def test_stages_come_in_the_order_of_the_algorithm() -> None:
    case = mlp()
    stages, _ = collect(explicit_sweep(case.model, case.inputs, case.target, case.loss, lr=0.1))
    forward = [(kind, layer) for layer in (1, 2, 3) for kind in ("forward_z", "forward_a")]
    backward = [("z_half", 3), ("a_half", 2), ("theta_explicit", 3)]
    backward += [("z_half", 2), ("a_half", 1), ("theta_explicit", 2)]
    backward += [("z_half", 1), ("theta_explicit", 1)]
    top = [("loss", 4), ("theta_explicit", 4), ("a_half", 3)]
    assert [(stage.kind.value, stage.layer) for stage in stages] == forward + top + backward
    assert {stage.name for stage in stages} == {"0", "2", "4", "6"}


def test_frozen_parameters_do_not_move() -> None:
    case, lr = mlp(), 0.2
    case.model[0].bias.requires_grad_(False)
    case.model[2].weight.requires_grad_(False)
    case.model[6].weight.requires_grad_(False)
    case.objective().backward()
    _, result = collect(explicit_sweep(case.model, case.inputs, case.target, case.loss, lr=lr))
    for key, value in case.model.named_parameters():
        if value.grad is None:
            assert torch.equal(result.parameters[key], value)
        else:
            assert relative_error(result.parameters[key], value - lr * value.grad) < 1e-12


def test_the_last_layer_may_have_its_own_step_size() -> None:
    case = mlp()
    case.objective().backward()
    sweep = explicit_sweep(case.model, case.inputs, case.target, case.loss, lr=2.0, explicit_lr=0.1)
    _, result = collect(sweep)
    for key, value in case.model.named_parameters():
        step = 0.1 if key.startswith("6.") else 2.0
        assert relative_error(result.parameters[key], value - step * value.grad) < 1e-12


def test_a_single_affine_layer_is_its_own_top() -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2).double()
    inputs, target = torch.randn(5, 3).double(), torch.randn(5, 2).double()
    nn.functional.mse_loss(model(inputs), target).backward()
    sweep = explicit_sweep(model, inputs, target, nn.functional.mse_loss, lr=0.5)
    stages, result = collect(sweep)
    assert [stage.kind for stage in stages] == [StageKind.LOSS, StageKind.THETA_EXPLICIT]
    expected = (model.weight - 0.5 * model.weight.grad).detach()
    assert relative_error(result.parameters["weight"], expected) < 1e-12
