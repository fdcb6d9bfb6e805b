"""How long a finished run's layers take to appear: `python -m benchmarks.layers_open`.

Stores runs of the paper's MLP with 10,000 recorded points of every cheap measure in each of the
four layers, starts the dashboard, and opens "Along a run" in Chromium. Timed inside the page, from
the start of the navigation to the first frame in which every panel has its lines. The server is
warm: it has shown another run before. Each browser opens one run when it has never seen the
dashboard and so has three megabytes of scripts to load and compile; the same run again; and another
run that the server has never read. The bar of 1 s is for the last.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.browsing import conclude, dashboard
from benchmarks.provenance import RESULTS
from proxprop.analysis.recorder import EVERY_LAYER, PROXIMAL
from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Point
from tests.browser.conftest import Server

POINTS = 10_000
OPENINGS = ("new browser, run not yet read", "same browser, same run", "same browser, another run")
DRAWN = """() => {
  const grid = document.querySelector('.st-key-multiples .js-plotly-plot')
  const lines = [...document.querySelectorAll('.st-key-multiples .scatterlayer .js-line')]
  const filled = grid?.data?.filter((line) => line.y.some((value) => value !== null)).length
  return filled >= PANELS && lines.length >= filled && performance.now() / 1000
}"""


def record(store: Store, name: str, points: int) -> tuple[str, int]:
    """Store a finished run of the paper's MLP; return its id, and how many lines are drawn."""
    config = RunConfig().replace(**{"data.name": "cifar10", "model.name": "paper-mlp"})
    run = store.create_run(config, process=Process.current(), name=name)
    layers = [f"linear{number}" for number in range(1, 5)]
    columns = [
        f"{measure}/{layer}"
        for layer in layers
        for measure in (EVERY_LAYER if layer == layers[-1] else EVERY_LAYER + PROXIMAL)
    ]
    generator = np.random.default_rng(0)
    walks = np.exp(0.02 * generator.standard_normal((points, len(columns))).cumsum(axis=0))
    for start in range(0, points, 1000):  # as a worker does: some rows at a time
        rows = [
            Point(
                "layers",
                step=20 * index,
                epoch=index / 5,
                seconds=20.0 * index,
                values=dict(zip(columns, walks[index].tolist())),
            )
            for index in range(start, min(start + 1000, points))
        ]
        store.append(run, rows, fields={"status": "running", "step": rows[-1].step})
    store.end(run, "finished", "")
    drawn = [column for column in columns if column.startswith(("overshoot", "update/"))]
    return run, len(drawn)


def open_once(page: Any, server: Server, run: str, lines: int) -> float:
    """Open a run's measures; return the seconds until they are drawn."""
    page.goto(f"{server.url}/layers?view=time&run={run}", wait_until="commit")
    script = DRAWN.replace("PANELS", str(lines))
    return float(page.wait_for_function(script, timeout=60_000).json_value())


def measure(browsers: int, points: int) -> dict[str, list[float]]:
    """Return the seconds of each kind of opening."""
    found: dict[str, list[float]] = {name: [] for name in OPENINGS}
    with tempfile.TemporaryDirectory() as home:
        store = Store(Path(home) / "proxprop.db")
        stored = [record(store, f"run {number}", points) for number in range(2 * browsers + 2)]
        store.close()
        with dashboard(Path(home)) as (server, browser):
            for number in range(browsers + 1):
                context = browser.new_context(viewport={"width": 1280, "height": 720})
                page = context.new_page()
                one, other = stored[2 * number : 2 * number + 2]
                times = [open_once(page, server, *run) for run in (one, one, other)]
                context.close()
                if number:  # the very first warms the server
                    for name, seconds in zip(OPENINGS, times):
                        found[name].append(seconds)
    return found


def main() -> int:
    """Measure, print, write the JSON; fail above the bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--browsers", type=int, default=7, help="default 7")
    parser.add_argument("--points", type=int, default=POINTS, help=f"default {POINTS}")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the JSON")
    arguments = parser.parse_args()
    found = measure(arguments.browsers, arguments.points)
    points = arguments.points
    return conclude("layers_open", found, OPENINGS[-1:], arguments.output, points=points)


if __name__ == "__main__":
    sys.exit(main())
