"""DistributedDataParallel with two gloo processes: the mean of the local directions."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from proxprop import ProxPropLinear
from proxprop.conversion import iter_prox_layers

from .models import data as make_data
from .models import directions, mlp


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def trained_ranks(folder, gram):
    """What two data-parallel processes left in ``.grad``, as written by each of them."""
    root = Path(__file__).parents[2]
    environment = {
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": "2",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(root),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.drop_in.ddp_worker", str(folder / f"{rank}.pt"), gram],
            env={**environment, "RANK": str(rank)},
            cwd=root,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=240)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    return trained_ranks(tmp_path_factory.mktemp("ddp"), "batch")


@pytest.mark.slow
def test_gradients_are_the_mean_of_the_local_directions(ranks):
    model = mlp()
    local = [directions(model, *make_data(10, 6, seed=seed)) for seed in (0, 1)]
    for rank in ranks:
        for name, direction in rank.items():
            expected = (local[0][name] + local[1][name]) / 2
            torch.testing.assert_close(direction, expected, rtol=1e-9, atol=1e-14)


@pytest.mark.slow
def test_joined_layers_leave_the_joined_batchs_direction(tmp_path):
    shards = [make_data(10, 6, seed=seed) for seed in (0, 1)]
    expected = directions(mlp(), *(torch.cat(parts) for parts in zip(*shards, strict=True)))
    for rank in trained_ranks(tmp_path, "joined"):
        for name, direction in rank.items():
            torch.testing.assert_close(direction, expected[name], rtol=1e-10, atol=1e-15)


def test_a_joined_layer_alone_is_a_layer():
    model, joined = mlp(), mlp()
    for _, layer in iter_prox_layers(joined):
        layer.joined = True
    batch = make_data(10, 6)
    for one, other in zip(directions(joined, *batch).values(), directions(model, *batch).values()):
        assert torch.equal(one, other)


def test_a_sum_of_directions_from_different_batches_need_not_descend():
    # Documented counterexample. Two shards of one sample, one output unit, two inputs:
    # shard 1 sees a₁ = (10, 0) with Δ₁ = −1, shard 2 sees a₂ = (1, 1) with Δ₂ = 2.
    # Explicitly the first dominates the gradient of the mean loss along x: −10 + 2 = −8, 2.
    # Implicitly a large input shrinks its own step (Δ/(‖a‖² + 1/τ) a): −0.1 against +1 along x.
    tau = 1e6
    shards = [
        (torch.tensor([[10.0, 0.0]]), torch.tensor([[-1.0]])),
        (torch.tensor([[1.0, 1.0]]), torch.tensor([[2.0]])),
    ]
    layer = ProxPropLinear(2, 1, bias=False, dtype=torch.float64, tau=tau)
    summed = torch.zeros(1, 2, dtype=torch.float64)
    gradient = torch.zeros(1, 2, dtype=torch.float64)
    for input, grad_output in shards:
        input, grad_output = input.double(), grad_output.double()
        layer.zero_grad()
        layer(input).backward(grad_output)
        one = grad_output.T @ input
        assert (layer.weight.grad * one).sum() > 0, "each descends on its own loss"
        summed += layer.weight.grad
        gradient += one
    torch.testing.assert_close(summed, torch.tensor([[0.9, 1.0]]).double(), rtol=1e-5, atol=0)
    assert (summed * gradient).sum() < -1, "their sum ascends on the sum of the losses"

    # The direction of the joined batch does descend.
    layer.zero_grad()
    layer(torch.cat([shard[0] for shard in shards]).double()).backward(
        torch.cat([shard[1] for shard in shards]).double()
    )
    assert (layer.weight.grad * gradient).sum() > 0
