"""Which screens there are, and runs and races in every state to show on them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.drills.dashboard import Dashboard
from proxprop.runs.store import Store

# What is trained for the pictures: command and options; seconds each.
DONE = {
    "finished": ("train", "--epochs", "6"),
    "again": ("train", "--epochs", "6", "--seed", "1"),
    "explicit": ("train", "--epochs", "6", "--solver", "explicit", "--lr", "0.05"),
    "diverged": ("train", "--epochs", "6", "--solver", "explicit", "--lr", "50"),
    "race": ("race", "--epochs", "4"),
}
LIVE = {
    "live": ("train", "--epochs", "100000", "--set", "evaluation.every=20"),
    "racing": ("race", "--epochs", "100000", "--set", "evaluation.every=20"),
}
EXPERIMENTS = ("mlp", "mlp-adam", "convnet", "mlp-controls", "batch", "stability")


@dataclass(frozen=True)
class Screen:
    """One thing to look at.

    Attributes:
        name: Of its picture.
        link: Path and query.
        clicks: Selectors of what is clicked before.
        long: Whether the page's end is taken, too.
    """

    name: str
    link: str
    clicks: tuple[str, ...] = ()
    long: bool = False


def screens(runs: Mapping[str, str]) -> list[Screen]:
    """Return what to look at with these runs (state → id); without any, pages as they open."""
    if not runs:
        return [
            Screen("home", "", long=True),
            Screen("lessons", "lessons", long=True),
            Screen("train-empty", "train", long=True),
            *(
                Screen(f"train-{group}", "train", (f".st-key-group-{group} button",))
                for group in ("data", "model", "budget", "more")
            ),
            Screen("compare-empty", "compare", long=True),
            Screen("stability-quadratic", "stability", long=True),
            Screen("stability-layers", "stability?view=Real+layers", long=True),
            Screen("stability-network", "stability?view=Whole+network", long=True),
            Screen("layers-step", "layers", long=True),
            Screen("layers-exact", "layers?step=exact", long=True),
            Screen("layers-time-empty", "layers?view=time"),
            *(
                Screen(f"paper-{each}", f"paper?experiment={each}", long=True)
                for each in EXPERIMENTS
            ),
            Screen("runs-empty", "runs"),
            Screen("unknown-run", "train?run=nothere"),
        ]
    one, other = runs["finished"], runs["explicit"]
    return [
        *(
            Screen(f"train-{state}", f"train?run={runs[state]}", long=True)
            for state in ("live", "finished", "diverged")
        ),
        Screen("compare-live", f"compare?race={runs['racing']}", long=True),
        Screen("compare-finished", f"compare?race={runs['race']}", long=True),
        Screen("layers-time", f"layers?view=time&run={runs['finished']}", long=True),
        Screen(
            "layers-time-two",
            f"layers?view=time&run={runs['finished']}&with={runs['explicit']}",
            long=True,
        ),
        Screen("layers-time-live", f"layers?view=time&run={runs['live']}"),
        Screen("layers-run", f"layers?run={one}"),
        Screen("runs", "runs"),
        Screen("runs-one", f"runs?run={one}", long=True),
        Screen("runs-two", f"runs?run={one},{other}", long=True),
        Screen("runs-no-match", "runs?q=nothing+like+it"),
        Screen("home-again", ""),
    ]


@contextmanager
def furnished(dashboard: Dashboard, furnish: bool) -> Iterator[dict[str, str]]:
    """Train what is to be seen, and keep the live ones going meanwhile."""
    if not furnish:
        yield {}
        return
    store = dashboard.store()
    runs: dict[str, str] = {}
    for state, command in DONE.items():
        _command(dashboard, command).wait()
        runs[state] = _newest(store, runs)
    going = []
    try:
        for state, command in LIVE.items():
            going.append(_command(dashboard, command))
            while len(store.runs()) == len(runs):
                if going[-1].poll() is not None:
                    raise RuntimeError(f"no {state} run: {' '.join(command)} ended at once")
            runs[state] = _newest(store, runs)
            _seen_to_run(store, runs[state], going[-1])
        yield runs
    finally:
        for process in going:
            process.send_signal(signal.SIGINT)
        for process in going:
            process.wait(60)
        store.close()


def _command(dashboard: Dashboard, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "proxprop", *command],
        env={**os.environ, "PROXPROP_HOME": str(dashboard.home), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def _seen_to_run(store: Store, run: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a live run has something to show."""
    while not len(store.points(run, "evaluations", 0).get("step", ())):
        if process.poll() is not None:
            raise RuntimeError(f"run {run} ended before it was measured")
        time.sleep(0.2)


def _newest(store: Store, known: Mapping[str, str]) -> str:
    (run,) = [run.id for run in store.runs() if run.id not in known.values()]
    return run
