"""A process that is killed ends the run, in words, and it goes on with those that are left."""

from __future__ import annotations

import os
import signal
import time

import pytest
import torch.distributed as dist

from proxprop.runs.service import RunService
from proxprop.runs.store import Store
from proxprop.spec.controls import Control
from proxprop.spec.events import Ended, Snapshot
from tests.engine.training.driver import Desk, at_step, losses, of, run_until
from tests.runs.waiting import until

from .leading import LOOPS, difference, followers, is_follower, run, short

SAVED = {"checkpoint__seconds": 1e-3, "budget__steps": 60}


def test_a_killed_process_interrupts_the_run_within_seconds_and_one_goes_on():
    events = LOOPS["run"](short(devices=2, **SAVED), Desk())
    before = run_until(events, at_step(5))
    (follower,) = followers()
    os.kill(follower, signal.SIGKILL)
    killed = time.monotonic()
    before += list(events)
    assert time.monotonic() - killed < 10
    ended = before[-1]
    assert isinstance(ended, Ended)
    assert ended.outcome == "interrupted"
    assert ended.words.startswith("Process 2 of 2 was killed (SIGKILL). Resume continues")
    assert 5 <= ended.step < 60
    assert not dist.is_initialized()
    assert not followers()
    last = of(before, Snapshot)[-1]
    after, straight = run(short(**SAVED), snapshot=last), run(short(**SAVED))
    assert difference(after, straight) < 1e-10
    assert losses(after) == pytest.approx(losses(straight)[last.step :], rel=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(("victim", "devices"), [("follower", 2), ("leader", 1)])
def test_a_workers_run_is_interrupted_and_resumes(victim, devices, tmp_path, monkeypatch):
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    store = Store()
    service = RunService(store, concurrency=1, prewarm=False)
    try:
        run_id = service.start(short(devices=2, **{**SAVED, "budget__steps": 4000}))
        until(lambda: store.run(run_id).step > 20 and store.checkpoints(run_id), "it trains")
        leader = store.run(run_id).pid
        (follower,) = followers(leader)
        os.kill(follower if victim == "follower" else leader, signal.SIGKILL)
        killed = time.monotonic()
        until(lambda: store.run(run_id).status == "ended", "its end is recorded")
        assert time.monotonic() - killed < 10
        ended = store.run(run_id)
        assert ended.outcome == "interrupted"
        assert "was killed (SIGKILL)" in ended.words
        until(lambda: not is_follower(follower), "the follower is gone")
        longer = ended.config.replace(devices=devices)
        service.resume(run_id, longer)
        until(lambda: store.run(run_id).step > ended.step + 20, "it goes on")
        service.control(run_id, Control("stop"))
        until(lambda: store.run(run_id).outcome == "stopped", "it stops")
        steps = store.points(run_id, "steps")["step"].tolist()
        assert steps == list(range(1, len(steps) + 1))
    finally:
        service.shutdown()
        store.close()
