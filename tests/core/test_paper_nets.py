"""float32 on real images: every layer's exact direction of the paper's MLP against float64."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from proxprop import convert, set_prox
from proxprop.conversion import iter_prox_layers
from proxprop.core.linear import linear_direction
from proxprop.settings import SolveSpec
from tests.reference import augmented, relative_error

STEPS = 15

pytestmark = pytest.mark.slow


def paper_mlp() -> nn.Sequential:
    torch.manual_seed(0)
    widths = [(3072, 4000), (4000, 1000), (1000, 4000)]
    hidden = [layer for pair in widths for layer in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(4000, 10))


@pytest.fixture(scope="module")
def problems(cifar_batch):
    """(name, rows, Δ of every 25th unit) of each hidden layer, fresh and after some training."""
    (inputs, labels), model, found = cifar_batch, paper_mlp(), []
    convert(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.95, nesterov=True)
    for step in range(STEPS + 1):
        for _, layer in iter_prox_layers(model):
            layer.observer = None
        if step in (0, STEPS):
            set_prox(model, solver="exact")
            for name, layer in iter_prox_layers(model):
                layer.observer = lambda record, name=name, step=step: found.append(
                    (f"{name} after {step} steps", record.input, record.grad_output[:, ::25])
                )
        optimizer.zero_grad()
        F.cross_entropy(model(inputs.flatten(1)), labels).backward()
        set_prox(model, solver="explicit")
        optimizer.step()
    return found


@pytest.fixture(scope="module")
def decomposed(problems):
    """Each problem with the float64 singular value decomposition of its Ã."""
    return [
        (name, rows, units, torch.linalg.svd(augmented(rows, True, True), full_matrices=False))
        for name, rows, units in problems
    ]


@pytest.mark.parametrize("tau", [0.05, 1.0, 100.0, 1e4])
def test_mlp_directions_are_within_two_per_mille(decomposed, tau):
    assert len(decomposed) == 6
    for name, rows, units, (left, singular, right) in decomposed:
        found = linear_direction(rows, units, SolveSpec(tau, "exact", 1, 0.0), True, True)
        direction = torch.cat([found.weight, found.bias[:, None]], dim=1)
        # Ã = UΣVᵀ, so D = Δᵀ U Σ/(Σ² + 1/τ) Vᵀ: no Gram, no product of squares.
        filtered = units.double().T @ left * (singular / (singular.square() + 1 / tau))
        assert relative_error(direction, filtered @ right) < 2e-3, (name, tau)
