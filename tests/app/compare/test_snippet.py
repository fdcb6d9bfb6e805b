"""The script that a race gives away runs, and reaches the same numbers."""

from __future__ import annotations

import os
import subprocess
import sys

from app.routes.scripts import script
from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.racing import default_race


def test_the_script_of_a_race_races_it(store: Store) -> None:
    small = {"data.samples": 200, "model.widths": (8,), "batch_size": 50, "budget.epochs": 2}
    config = default_race().replace(seeds=2, **small)
    race = store.create_run(config, name='my "race"', process=Process.current())
    text = script(store.run(race), config)
    done = subprocess.run(
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("explicit, SGD + Nesterov, seed 0: epoch 0 ")
    for name in ("explicit, SGD + Nesterov", "implicit (exact), SGD + Nesterov", "explicit, Adam"):
        for seed in (0, 1):
            assert sum(line.startswith(f"{name}, seed {seed}: epoch 2 ") for line in lines) == 1
    assert lines[-1].startswith("race: ")


def test_the_script_of_an_endless_run_makes_the_steps_it_had_made(store: Store) -> None:
    config = RunConfig().replace(budget={"endless": True}, pace=2.0)
    run_id = store.create_run(config, process=Process.current())
    store.append(run_id, fields={"step": 123})
    text = script(store.run(run_id), config)
    assert "this makes the 123 steps that it had made, at full speed." in text
    assert "'steps': 123, 'endless': False" in text
    assert "'pace': None" in text
    compile(text, "snippet", "exec")
