"""CUDA-graph capturability: nothing in a step reads a value back from the device.

Without an accelerator the property is tested where it lives: a dispatch mode counts every read-back
(``item``, ``bool``, ``nonzero``) and every copy from the host, on the path that accelerators take.
"""

import pytest
import torch
import torch.nn.functional as F

from tests.accelerator import HostReads, pretend

from .models import MODELS, SETTINGS, data

EVERY = [*SETTINGS, {"gram": "running", "refresh": 1}, {"gram": "running", "refresh": 3}]


@pytest.mark.parametrize(
    "wait",
    [
        lambda: bool(torch.ones(())),
        lambda: torch.ones(3).nonzero(),
        lambda: torch.ones(3)[torch.ones(3, dtype=torch.bool)],
        lambda: torch.equal(torch.ones(2), torch.ones(2)),
        lambda: torch.ones(2).tolist(),
    ],
)
def test_waits_are_seen(wait):
    with HostReads() as mode:
        wait()
    assert mode.reads.total() > 0


def test_data_of_the_host_are_seen():
    with HostReads() as mode:
        torch.tensor([1.0, 2.0])
        torch.ones(2).new_tensor(3.0)
    assert mode.copies == 2
    assert not mode.reads


@pytest.mark.parametrize("settings", EVERY)
@pytest.mark.parametrize("kind", MODELS)
def test_a_step_reads_nothing_back(monkeypatch, kind, settings):
    pretend(monkeypatch)
    build, shape = MODELS[kind]
    model = build(**settings)
    inputs, labels = data(*shape)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with HostReads() as mode:
        for _ in range(5):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), labels).backward()
            optimizer.step()
    assert not mode.reads
    assert not mode.copies


@pytest.mark.cuda
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", MODELS)
def test_a_captured_step_replays(kind, settings):
    build, shape = MODELS[kind]
    model = build(torch.float32, **settings).cuda()
    inputs, labels = (tensor.cuda() for tensor in data(*shape, dtype=torch.float32))
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            model.zero_grad(set_to_none=True)
            F.cross_entropy(model(inputs), labels).backward()
    torch.cuda.current_stream().wait_stream(side)
    expected = [parameter.grad.clone() for parameter in model.parameters()]
    graph = torch.cuda.CUDAGraph()
    model.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        F.cross_entropy(model(inputs), labels).backward()
    graph.replay()
    for parameter, direction in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, direction, rtol=1e-3, atol=1e-6)
