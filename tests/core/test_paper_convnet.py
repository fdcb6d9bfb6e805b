"""float32 on real images: every conv layer's exact direction of the paper's net against float64."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from proxprop import ProxPropConv2d, convert, set_prox
from proxprop.conversion import iter_prox_layers
from proxprop.core.conv import Convolution
from proxprop.models import build_model
from proxprop.settings import SolveSpec
from proxprop.spec.config import ModelConfig
from tests.reference import output_rows, patch_columns, relative_error

STEPS = 15
THREADS = (1, 2, 4)  # the order of a sum depends on them
TAUS = (0.05, 1.0, 100.0, 1e4)

pytestmark = pytest.mark.slow

Problem = tuple[str, ProxPropConv2d, Tensor, Tensor]


@pytest.fixture(scope="module")
def problems(cifar_batch: tuple[Tensor, Tensor]) -> list[Problem]:
    """(name, layer, input, Δ) of each conv layer, fresh and after some training."""
    inputs, labels = cifar_batch
    model = build_model(ModelConfig(name="paper-convnet"), tuple(inputs.shape[1:]), 10, seed=0)
    convert(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    found: list[Problem] = []
    for step in range(STEPS + 1):
        set_prox(model, solver="exact" if step in (0, STEPS) else "explicit")
        for name, layer in iter_prox_layers(model):
            assert isinstance(layer, ProxPropConv2d)
            layer.observer = None
            if step in (0, STEPS):
                layer.observer = lambda record, told=(f"{name}, step {step}", layer): found.append(
                    (*told, record.input, record.grad_output)
                )
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    return found


@contextmanager
def thread_count(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def gram_and_gradient(layer: nn.Conv2d, x: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
    """ÃᵀÃ and G in float64, from patches read a few images at a time."""
    gram = gradient = None
    for part, of_part in zip(x.split(50), delta.split(50)):
        columns = patch_columns(layer, part)[0]
        columns = torch.cat([columns, columns.new_ones(len(columns), 1)], dim=1)
        products = columns.T @ columns, output_rows(of_part, 1)[0].T @ columns
        gram = products[0] if gram is None else gram + products[0]
        gradient = products[1] if gradient is None else gradient + products[1]
    assert gram is not None
    assert gradient is not None
    return gram, gradient


def test_conv_directions_are_within_two_per_mille(problems: list[Problem]) -> None:
    assert len(problems) == 6
    errors = {}
    for name, layer, x, delta in problems:
        gram, gradient = gram_and_gradient(layer, x, delta)
        # In float64 the eigenbasis is good to 1e-16 times the condition, at most 1e12 here.
        values, vectors = torch.linalg.eigh(gram)
        for tau in TAUS:
            expected = gradient @ vectors / (values.clamp(min=0) + 1 / tau) @ vectors.T
            spec = SolveSpec(tau, "exact", 1, 0.0)
            for threads in THREADS:
                with thread_count(threads):
                    found = Convolution(layer.geometry).direction(x, delta, spec, True, True)
                assert found.weight is not None
                assert found.weight.dtype == torch.float32
                assert found.bias is not None
                direction = torch.cat([found.weight.flatten(1), found.bias[:, None]], dim=1)
                errors[name, tau, threads] = relative_error(direction, expected)
    assert max(errors.values()) < 2e-3, errors
