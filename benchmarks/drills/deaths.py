"""Workers and servers are killed, disks fill up: nothing that was recorded is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pandas as pd

from benchmarks.drills.dashboard import start, stop
from proxprop.runs.record import Run
from proxprop.runs.service import CONCURRENCY_VARIABLE
from proxprop.runs.steering import begins_again, requeue
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig

LONG = RunConfig.parse({"budget": {"epochs": 200}, "checkpoint": {"seconds": 0.5}})
DEADLINE = 180.0
DASHBOARDS, TOGETHER = 2, 2  # at the same time, and runs that go on at once on each


def kills(home: Path, workers: int, servers: int, both: int, seed: int = 0) -> str:
    """Kill workers, servers or both, again and again, at moments of chance.

    A worker's death takes all that work for one dashboard, as a full memory does; each dashboard
    dies beside the others. After each death its runs go on from their last checkpoint; at their
    end they have to equal one that nobody touched, bit for bit.
    """
    chance = random.Random(seed)
    deaths = ["worker"] * -(-workers // TOGETHER) + ["server"] * servers + ["both"] * both
    chance.shuffle(deaths)
    with ThreadPoolExecutor() as threads:
        untouched = threads.submit(_untouched, home / "untouched")
        houses = [
            threads.submit(_die, home / str(number), deaths[number::DASHBOARDS], number)
            for number in range(DASHBOARDS)
        ]
    toll = sum((house.result()[0] for house in houses), Counter[str]())
    ends = [end for house in houses for end in house.result()[1]]
    equal = sum(end.equals(untouched.result()) for end in ends)
    return (
        f"{toll['workers']} workers and {toll['servers']} servers killed, "
        f"{toll['both']} times both at once: {toll['resumed']} resumed, {toll['anew']} of them "
        f"before a checkpoint, {toll['lost']} points lost, {equal} of {len(ends)} runs equal to "
        f"an untouched one; {toll['tracebacks']} tracebacks"
    )


def _die(home: Path, deaths: Sequence[str], seed: int) -> tuple[Counter[str], list[pd.DataFrame]]:
    """Let deaths come over a dashboard; return what they cost and what its runs recorded."""
    chance, toll, ends = random.Random(seed), Counter[str](), []
    dashboard = start(home, **{CONCURRENCY_VARIABLE: str(TOGETHER)})
    store = dashboard.store()
    runs = [store.create_run(LONG) for _ in range(TOGETHER)]
    try:
        for death in deaths:
            for place, run in enumerate(runs):
                if store.run(run).outcome == "finished":
                    ends.append(_numbers(store, run))
                    runs[place] = store.create_run(LONG)
            _wait(store, runs, "running", "ended")
            time.sleep(chance.uniform(0.05, 1.0))
            steps = {run: len(store.points(run, "steps")) for run in runs}
            toll["both"] += death == "both"
            if death in ("worker", "both"):
                toll["workers"] += sum(_kill(store.run(run)) for run in runs)
            if death in ("server", "both"):
                toll["servers"] += 1
                dashboard.process.kill()
                dashboard.process.wait()
                dashboard = start(home, **{CONCURRENCY_VARIABLE: str(TOGETHER)})
            _wait(store, runs, "ended")
            for run in runs:
                toll["lost"] += max(0, steps[run] - len(store.points(run, "steps")))
                if store.run(run).outcome != "finished":
                    toll["anew"] += begins_again(store, store.run(run))
                    requeue(store, run, begin_again=True)
                    toll["resumed"] += 1
        _wait(store, runs, "ended")
        ends += [_numbers(store, run) for run in runs]
    finally:
        stop(dashboard)
        store.close()
    toll["tracebacks"] = dashboard.tracebacks()
    return toll, ends


def _kill(run: Run) -> bool:
    """Kill the worker of a run; return whether there was one."""
    if run.status == "ended" or not run.pid:
        return False
    try:
        os.kill(run.pid, signal.SIGKILL)
    except ProcessLookupError:  # it was through
        return False
    return True


def _untouched(home: Path) -> pd.DataFrame:
    """Return what a run records that nothing happens to."""
    home.mkdir(parents=True)
    config = home / "config.json"
    config.write_text(LONG.model_dump_json())
    command = [sys.executable, "-m", "proxprop", "train", "--config", str(config)]
    environment = {**os.environ, "PROXPROP_HOME": str(home), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    store = Store(home / "proxprop.db")
    (run,) = store.runs()
    numbers = _numbers(store, run.id)
    store.close()
    return numbers


def disk(home: Path) -> str:
    """Let a disk of 3 MB fill up under a run, for a moment and for good; needs root."""
    figures = []
    for name, seconds in (("short", 2.0), ("long", None)):
        place = home / name
        place.mkdir(parents=True)
        mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
        if subprocess.run(mount, capture_output=True).returncode != 0:
            return "left out: no disk can be mounted here"
        try:
            figures.append(f"{name}: {_on_full_disk(place, seconds)}")
        finally:
            subprocess.run(["umount", "-l", str(place)], check=False)
    return "; ".join(figures)


def _on_full_disk(place: Path, seconds: float | None) -> str:
    command = [sys.executable, "-m", "proxprop", "train", "--epochs", "60", "--name", "drill"]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PROXPROP_HOME": str(place), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    store = Store(place / "proxprop.db")
    _until(lambda: any(run.step > 50 for run in store.runs()), "it trains")
    filler = place / "filler"
    with suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(bytes(4096))
            file.flush()
    if seconds is not None:
        time.sleep(seconds)
        filler.unlink()
    began = time.monotonic()
    output, _ = process.communicate(timeout=DEADLINE)
    took = time.monotonic() - began
    told = "No space" in output or "space on its disk" in output or "full" in output.lower()
    filler.unlink(missing_ok=True)
    (run,) = store.runs()
    steps = len(store.points(run.id, "steps"))
    return (
        f"exit {process.returncode} {took:.0f} s later, {'the disk is named' if told else 'done'}, "
        f"{steps} points kept, {output.count('Traceback')} tracebacks"
    )


def _numbers(store: Store, run: str) -> pd.DataFrame:
    frame = store.points(run, "evaluations")
    return frame[[name for name in frame if not name.startswith("seconds")]]


def _wait(store: Store, runs: Sequence[str], *statuses: str) -> None:
    """Wait until all runs are in one of these statuses."""
    _until(
        lambda: all(run.status in statuses for run in store.get(runs).values()),
        f"they are {' or '.join(statuses)}",
    )


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {DEADLINE:.0f} s: {what}")
        time.sleep(0.05)
