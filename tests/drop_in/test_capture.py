"""CUDA-graph capturability: nothing in a step reads a value back from the device.

Without an accelerator the property is tested where it lives: a dispatch mode fails the test at
every read-back (``item``, ``bool``, ``nonzero``), on the path that accelerators take.
"""

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from proxprop.diagnostics import TroubleMonitor

from .models import MODELS, SETTINGS, data


class NoReadBack(TorchDispatchMode):
    """Raise where an accelerator would have to wait for a value."""

    FORBIDDEN = ("aten._local_scalar_dense", "aten.item", "aten.nonzero", "aten.is_nonzero")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if str(func).startswith(self.FORBIDDEN):
            raise AssertionError(f"{func} waits for the device")
        return func(*args, **(kwargs or {}))


@pytest.fixture
def as_on_an_accelerator(monkeypatch):
    for module in ("linear", "solvers.cg", "solvers.cholesky"):
        monkeypatch.setattr(f"proxprop.core.{module}.host_can_read", lambda tensor: False)
    monkeypatch.setattr(TroubleMonitor, "_is_remote", staticmethod(lambda status: True))
    zeros = torch.zeros
    monkeypatch.setattr(torch, "zeros", lambda *a, pin_memory=False, **k: zeros(*a, **k))


def test_the_mode_catches_read_backs():
    with NoReadBack(), pytest.raises(AssertionError, match="waits for the device"):
        bool(torch.ones(()))


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", MODELS)
def test_a_step_reads_nothing_back(as_on_an_accelerator, kind, settings):
    build, shape = MODELS[kind]
    model = build(**settings)
    inputs, labels = data(*shape)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with NoReadBack():
        for _ in range(2):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), labels).backward()
            optimizer.step()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
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
