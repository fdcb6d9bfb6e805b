"""torch.func: a stack of models takes its steps in one vectorised call (batched sweeps)."""

import copy

import pytest
import torch
import torch.nn.functional as F

from .models import MODELS, SETTINGS, data, directions


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("shared_batch", [True, False])
def test_vmap_of_grad_gives_each_models_directions(kind, settings, shared_batch):
    build, shape = MODELS[kind]
    models = [build(seed=seed, **settings) for seed in range(3)]
    batches = [data(*shape, seed=0 if shared_batch else seed) for seed in range(3)]
    parameters, _ = torch.func.stack_module_state(models)
    base = copy.deepcopy(models[0])

    def loss(values, inputs, labels):
        return F.cross_entropy(torch.func.functional_call(base, values, (inputs,)), labels)

    if shared_batch:
        step = torch.vmap(torch.func.grad(loss), in_dims=(0, None, None))
        stacked = step(parameters, *batches[0])
    else:
        inputs, labels = (torch.stack(part) for part in zip(*batches, strict=True))
        stacked = torch.vmap(torch.func.grad(loss))(parameters, inputs, labels)
    for index, (model, batch) in enumerate(zip(models, batches, strict=True)):
        for name, direction in directions(model, *batch).items():
            torch.testing.assert_close(stacked[name][index], direction, rtol=1e-9, atol=1e-14)


def test_functional_call_uses_the_given_parameters():
    build, shape = MODELS["mlp"]
    model, other = build(seed=0), build(seed=1)
    inputs, labels = data(*shape)
    values = {name: p.detach().clone().requires_grad_() for name, p in other.named_parameters()}
    F.cross_entropy(torch.func.functional_call(model, values, (inputs,)), labels).backward()
    for name, direction in directions(other, inputs, labels).items():
        torch.testing.assert_close(values[name].grad, direction)
