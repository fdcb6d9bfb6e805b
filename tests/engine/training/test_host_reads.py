"""On an accelerator no training step waits for it: losses and times are read in blocks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from proxprop.engine.training import stopwatch
from proxprop.engine.training.session import Session
from tests.accelerator import HostReads, pretend

from .driver import data_of, run, small

RUNNING = {"direction__gram": "running", "direction__refresh": 3}
STEPS = {
    "explicit": {"direction__solver": "explicit"},
    "exact": {},
    "cg": {"direction__solver": "cg"},
    "running": RUNNING,
}


class Event:
    """An accelerator's event, a millisecond after the last."""

    now = 0.0

    def __init__(self, device, enable_timing):
        Event.now += 1.0
        self.at = Event.now

    def record(self):
        pass

    def synchronize(self):
        pass

    def elapsed_time(self, later):
        return later.at - self.at


@pytest.fixture
def accelerator(monkeypatch):
    pretend(monkeypatch)
    monkeypatch.setattr(stopwatch, "torch", SimpleNamespace(Event=Event, stack=torch.stack))
    monkeypatch.setattr(stopwatch, "_BLOCK_STEPS", 8)
    monkeypatch.setattr(stopwatch, "_BLOCK_SECONDS", float("inf"))
    session = "proxprop.engine.training.session.stopwatch_for"
    monkeypatch.setattr(session, lambda device: stopwatch.CudaStopwatch())


@pytest.mark.parametrize("model", ["mlp", "small-convnet"])
@pytest.mark.parametrize("step", STEPS)
def test_a_block_of_steps_is_read_once(step, model, accelerator):
    # An epoch of 12 steps: its order is brought there once, at its start.
    config = small(model__name=model, data__standardize=True, batch_size=12, **STEPS[step])
    dataset = data_of(config)
    session = Session(config, dataset, torch.device("cpu"))
    session.advance()  # brings there what stays
    with HostReads() as mode:
        for _ in range(6):
            assert session.advance() == []
    assert not mode.reads
    assert not mode.copies
    with HostReads() as mode:
        reports = session.advance()
    assert mode.reads == {"tolist": 1}
    assert [report.step for report in reports] == list(range(1, 9))


def test_on_the_host_only_the_loss_is_read_of_an_explicit_step():
    config = small(direction__solver="explicit")
    session = Session(config, data_of(config), torch.device("cpu"))
    session.advance()
    with HostReads() as mode:
        for _ in range(4):
            session.advance()
    assert mode.reads == {"_local_scalar_dense": 4}


def test_all_samples_lie_where_the_run_computes_and_are_prepared_there():
    data = data_of(small(data__standardize=True), device="meta")
    for split in (data.train, data.validation, data.test):
        assert split.inputs.is_meta
        assert split.targets.is_meta
    assert data.prepare(data.train.inputs[:4]).is_meta


@pytest.mark.cuda
@pytest.mark.parametrize("model", ["mlp", "small-convnet"])
@pytest.mark.parametrize("step", STEPS)
def test_torch_itself_sees_no_wait(step, model):
    config = small(model__name=model, data__standardize=True, device="cuda", **STEPS[step])
    dataset = data_of(config, device="cuda")
    session = Session(config, dataset, torch.device("cuda"))
    for _ in range(4):  # libraries are set up, and the running Gram has been refreshed
        session.advance()
    session.flush()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            session.advance()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert [report.step for report in session.flush()][-1] == 7


@pytest.mark.cuda
@pytest.mark.parametrize("step", STEPS)
def test_a_run_on_the_gpu_is_the_cpus(step):
    config = small(precision="float64", **STEPS[step])
    here, there = run(config)[-1], run(config.replace(device="cuda"))[-1]
    assert there.outcome == here.outcome == "finished"
    assert there.summary == pytest.approx(here.summary, rel=1e-6)


@pytest.mark.cuda
@pytest.mark.parametrize("step", STEPS)
def test_bfloat16_trains_on_the_gpu(step):
    config = small(precision="bfloat16", device="cuda", budget__epochs=5.0, **STEPS[step])
    summary = run(config)[-1].summary
    assert summary["train_loss"] < 2.0
