"""A run in a real worker process, killed and resumed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

from proxprop.runs.checkpoints import read_snapshot
from proxprop.runs.service import RunService
from proxprop.runs.store import Store
from tests.runs.waiting import until

from .driver import losses, run, small, weights


@pytest.mark.slow
def test_a_killed_run_with_a_running_gram_resumes_to_the_numbers_of_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))
    config = small(
        direction__gram="running", direction__refresh=7, direction__decay=0.6,
        checkpoint__seconds=0.05, budget__epochs=None, budget__steps=1500,
    )  # fmt: skip
    store = Store()
    service = RunService(store, concurrency=1, prewarm=False)
    try:
        run_id = service.start(config)
        until(lambda: store.run(run_id).step > 100 and store.checkpoints(run_id), "it trains")
        pid = store.run(run_id).pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        until(lambda: store.run(run_id).status == "ended", "its death is noticed")
        assert store.run(run_id).step < 1500
        service.resume(run_id)
        until(lambda: store.run(run_id).outcome == "finished", "it finishes")
        straight = run(config)
        assert store.points(run_id, "steps")["loss"].tolist() == losses(straight)
        last = read_snapshot(store.home / store.checkpoints(run_id)[0].path)
        for name, weight in weights(straight).items():
            assert torch.equal(last.tensors[name], weight), name
    finally:
        service.shutdown()
        store.close()
