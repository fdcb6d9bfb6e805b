"""Every entry of the optimizer × direction table runs, descends, and means what it says."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from proxprop import convert
from proxprop.data.dataset import load
from proxprop.engine.training import train
from proxprop.models import build_model, weight_layers
from proxprop.optimizers import build_optimizer
from proxprop.spec.catalog.optimizers import OPTIMIZERS, SOLVERS
from proxprop.spec.config import ModelConfig, OptimizerConfig, RunConfig
from proxprop.spec.controls import NoControls

TORCHS_OWN = {name: spec for name, spec in OPTIMIZERS.items() if not spec.package}
TABLE = [(name, solver) for name in TORCHS_OWN for solver in SOLVERS]


def sensible_lr(name, solver):
    spec = OPTIMIZERS[name]
    return spec.lr if solver == "explicit" else spec.proximal_lr


@pytest.mark.parametrize(("name", "solver"), TABLE)
def test_five_steps_on_digits_are_finite(name, solver, digits):
    lr = sensible_lr(name, solver)
    config = RunConfig().replace(
        **{
            "device": "cpu", "model.widths": (16, 8), "optimizer.name": name, "optimizer.lr": lr,
            "direction.solver": solver, "budget.steps": 5, "evaluation.every": 1000,
            "instruments.tier": "off",
        }
    )  # fmt: skip
    *events, ended = train(config, NoControls(), dataset=digits)
    losses = [e.values["loss"] for e in events if getattr(e, "table", "") == "steps"]
    assert len(losses) == 5
    assert all(map(math.isfinite, losses))
    assert ended.outcome == "finished"


@pytest.mark.parametrize("solver", SOLVERS)
def test_hidden_layers_have_their_own_step_size_whatever_the_solver(solver):
    model = build_model(ModelConfig(widths=(12,)), (6,), 3, seed=1)
    convert(model, solver=solver)
    optimizer = build_optimizer(OptimizerConfig(name="sgd", lr=0.5, explicit_lr=0.1), model)
    hidden, last = weight_layers(model).values()
    sizes = {
        id(p): group["lr"] for group in optimizer.parts[0].param_groups for p in group["params"]
    }
    assert [sizes[id(p)] for p in (hidden.weight, last.weight)] == [0.5, 0.1]


@pytest.mark.parametrize(("name", "solver"), TABLE)
def test_a_small_full_batch_problem_gets_better(name, solver):
    inputs, targets = skewed_problem()
    lr = sensible_lr(name, solver)
    model = build_model(ModelConfig(widths=(12,), activation="tanh"), (6,), 3, seed=1)
    convert(model, tau=0.5, solver=solver)
    config = OptimizerConfig(
        name=name,
        lr=lr * (5 if lr < 0.1 else 1),
        explicit_lr=None if name in ("lbfgs", "adadelta") else min(0.05, lr * 5),
        momentum=0.5,
        eps=1e-6 if name == "adadelta" else 1e-8,  # torch's own: its first steps are √eps long
    )
    optimizer = build_optimizer(config, model)

    def loss_and_directions():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        return loss

    first = loss_and_directions().item()
    for _ in range(120):
        if optimizer.spec.closure:
            optimizer.minimise(loss_and_directions)
        else:
            loss_and_directions()
            optimizer.step()
    assert loss_and_directions().item() < 0.8 * first


PLAIN = [name for name, spec in TORCHS_OWN.items() if not (spec.partner or spec.closure)]


@pytest.mark.parametrize("name", PLAIN)
def test_one_step_equals_the_torch_class_with_the_same_options(name):
    spec = OPTIMIZERS[name]
    config = OptimizerConfig(
        name=name, lr=0.02, explicit_lr=0.003, momentum=0.7, betas=(0.8, 0.95), eps=1e-5,
        alpha=0.9, rho=0.8, weight_decay=0.0 if name == "rprop" else 0.1,
    )  # fmt: skip
    options = {field: getattr(config, field) for field in spec.fields}
    if name != "rprop":
        options["weight_decay"] = 0.1
    if name == "nesterov":
        options["nesterov"] = True
    model, reference = small_model(), small_model()
    optimizer = build_optimizer(config, model)
    *hidden, last = weight_layers(reference).values()
    groups = [
        {"params": [p for layer in hidden for p in layer.parameters()], "lr": 0.02},
        {"params": list(last.parameters()), "lr": 0.003},
    ]
    plain = getattr(torch.optim, spec.torch_name)(groups, foreach=False, **options)
    for step in range(3):
        for p, q in zip(model.parameters(), reference.parameters()):
            p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(step)).double()
            q.grad = p.grad.clone()
        optimizer.step()
        plain.step()
    for p, q in zip(model.parameters(), reference.parameters()):
        torch.testing.assert_close(p, q, rtol=1e-12, atol=1e-12)


def test_muon_takes_hidden_matrices_and_leaves_the_rest_to_its_partner():
    model = build_model(ModelConfig(name="small-convnet", widths=(3,)), (1, 8, 8), 4, seed=0)
    optimizer = build_optimizer(OptimizerConfig(name="muon", lr=0.1, explicit_lr=0.01), model)
    assert [type(part).__name__ for part in optimizer.parts] == ["AdamW"]  # no hidden matrix
    model = small_model()
    optimizer = build_optimizer(OptimizerConfig(name="muon", lr=0.1, explicit_lr=0.01), model)
    muon, _ = optimizer.parts
    assert type(muon).__name__ == "Muon"
    assert {id(p) for g in muon.param_groups for p in g["params"]} == {
        id(model.linear1.weight),
        id(model.linear2.weight),
    }
    assert sum(len(g["params"]) for part in optimizer.parts for g in part.param_groups) == 6
    optimizer.set_lr(0.5, 0.25)
    assert [part.param_groups[0]["lr"] for part in optimizer.parts] == [0.5, 0.25]


def test_step_sizes_change_while_it_goes_on():
    """Two half steps move explicit and proximal layers by their own amounts."""
    model = small_model()
    convert(model, solver="exact")
    optimizer = build_optimizer(OptimizerConfig(name="sgd", lr=1.0), model)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer.set_lr(0.5, 0.125)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        amount = 0.125 if name.startswith("linear3") else 0.5
        torch.testing.assert_close(before[name] - parameter, torch.full_like(parameter, amount))


def test_clipping_bounds_the_joint_direction():
    model = small_model()
    optimizer = build_optimizer(OptimizerConfig(name="sgd", lr=1.0, clip_norm=0.5), model)
    before = [p.detach().clone() for p in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 3.0)
    optimizer.step()
    moved = torch.cat([(b - p).flatten() for b, p in zip(before, model.parameters())])
    assert moved.norm().item() == pytest.approx(0.5, rel=1e-5)
    torch.testing.assert_close(moved, torch.full_like(moved, moved[0].item()))


def test_what_an_optimizer_cannot_honour_is_said():
    model = small_model()
    ignored = build_optimizer(OptimizerConfig(name="rprop", weight_decay=0.1), model).ignored
    assert ignored == ("Rprop has no weight decay; 0.1 is ignored",)
    assert not build_optimizer(OptimizerConfig(name="lbfgs"), model).ignored


def test_the_state_of_another_optimizer_is_refused():
    model = small_model()
    state = build_optimizer(OptimizerConfig(name="muon"), model).state()
    with pytest.raises(ValueError, match="another optimizer or model"):
        build_optimizer(OptimizerConfig(name="adam"), model).load_state(state)


@pytest.fixture(scope="module")
def digits():
    return load(RunConfig().data)


def small_model():
    model = build_model(ModelConfig(widths=(6, 5)), (4,), 3, seed=0, dtype=torch.float64)
    convert(model, solver="exact")
    return model


def skewed_problem():
    """Thirty points whose axes differ in scale, so that D and G point different ways."""
    generator = torch.Generator().manual_seed(5)
    inputs = torch.randn(30, 6, generator=generator) * torch.tensor([3, 1, 1, 0.5, 0.5, 0.2])
    return inputs, (inputs @ torch.randn(6, 3, generator=generator)).argmax(1)
