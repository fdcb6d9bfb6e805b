"""What one store and one server carry: the counts of docs/scale.md.

``python -m benchmarks.scale``, some two minutes, alone on the machine. A default run and a default
race are carried out once; then a store is filled with copies of them for half a minute, written in
as many batches as the recorder did, and looked at. Processes write beside one another as fast as
the store lets them. Streams follow one run that goes on.
"""

from __future__ import annotations

import asyncio
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from benchmarks.drills.clients import cookies, open_events
from benchmarks.drills.dashboard import Dashboard, furnish, running
from benchmarks.provenance import RESULTS, environment, make_console, write_result
from proxprop import paths
from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.runs.threads import child_environment
from proxprop.spec.config import AnyConfig, RunConfig
from proxprop.spec.events import Artifact, Point

_BATCH = 0.2  # seconds between writes of a recorder
_FILLING = 30.0  # seconds
_LOOKS = (500, 2000, 8000)  # runs in the store
_RACES = 10  # every so many-th run is a race
_WRITING = 2.0  # seconds
_WRITERS = (1, 4, 16)
_POINTS = (1, 100)  # a batch
_STREAMS = (100, 400)
_WATCHING = 5.0  # seconds
_PERIOD = 0.5  # between points that viewers see


class Recorded(NamedTuple):
    """A run as it was written down: its batches of points, and what they take.

    Attributes:
        config: The run.
        batches: Points as they were written together.
        artifacts: The latest of each.
        seconds: How long it took to its end.
        saved: Bytes of checkpoints.
    """

    config: AnyConfig
    batches: list[list[Point]]
    artifacts: list[Artifact]
    seconds: float
    saved: int

    @property
    def points(self) -> int:
        """How many it has."""
        return sum(map(len, self.batches))


def record(command: str, home: Path) -> Recorded:
    """Carry out a command of proxprop with its defaults."""
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "proxprop", command, "--json"],
        env={**child_environment(), "PROXPROP_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    seconds = time.monotonic() - began
    store = Store(home / "proxprop.db")
    (run,) = store.runs(kind="run" if command == "train" else command)
    batches: dict[float, list[Point]] = {}
    for chunk in store.chunks_after([run.id], 0):
        columns = {name: column.tolist() for name, column in chunk.columns.items()}
        rows = [dict(zip(columns, values)) for values in zip(*columns.values())]
        place = ("step", "epoch", "seconds")
        points = [
            Point(
                chunk.table,
                int(row["step"]),
                row["epoch"],
                row["seconds"],
                {name: value for name, value in row.items() if name not in place},
                chunk.member,
            )
            for row in rows
        ]
        batches.setdefault(points[-1].seconds // _BATCH, []).extend(points)
    artifacts = []
    for name in store.artifact_versions(run.id):
        member, _, kind = name.partition("/")
        row = store.artifact(run.id, int(member), kind)
        assert row is not None
        artifacts.append(Artifact(kind, row.step, row.payload, int(member)))
    files = paths.checkpoints(run.id, store.home).rglob("*")
    saved = sum(file.stat().st_size for file in files if file.is_file())
    return Recorded(run.config, [*batches.values()], artifacts, seconds, saved)


def copy(store: Store, run: Recorded) -> str:
    """Write a recorded run down again."""
    run_id = store.create_run(run.config, process=Process.current())
    for batch in run.batches:
        fields = {"status": "running", "heartbeat": time.time(), "step": batch[-1].step}
        store.append(run_id, batch, artifacts=run.artifacts, fields=fields)
    store.end(run_id, "finished", "finished", {"train_loss": 0.1, "validation_accuracy": 0.9})
    return run_id


def fill(folder: Path, run: Recorded, race: Recorded) -> list[dict[str, float]]:
    """Fill a store for a while; return what it is like at some numbers of runs."""
    # Late: it loads Streamlit, of no use where nobody looks.
    from app.runs.search import RunsState, listed

    store, rows, written, spent = Store(folder / "proxprop.db"), [], 0, 0.0
    while spent < _FILLING and written < _LOOKS[-1]:
        began = time.monotonic()
        run_id = copy(store, race if written % _RACES == 0 else run)
        written, spent = written + 1, spent + time.monotonic() - began
        if written in _LOOKS or spent >= _FILLING:
            size = sum(file.stat().st_size for file in folder.glob("proxprop.db*"))
            row: dict[str, float] = {"runs": written, "megabytes": size / 1e6}
            looks: dict[str, Callable[[], object]] = {
                "hundred": lambda: store.runs(limit=100),
                "list": lambda: listed(store, RunsState()),
                "search": lambda: listed(store, RunsState(search="nesterov 0.05")),
                "points": lambda run_id=run_id: store.points(run_id, "steps"),
            }
            rows.append(row | {f"{name}_seconds": _timed(look) for name, look in looks.items()})
    return rows


def _timed(look: Callable[[], object], times: int = 3) -> float:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        look()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def write(path: Path, points: int) -> list[float]:
    """Append batches of one run as fast as it goes; return the seconds of each."""
    store = Store(path)
    run_id = store.create_run(RunConfig(), process=Process.current())
    values = {"loss": 1.0, "seconds_forward": 0.1, "seconds_backward": 0.1}
    taken: list[float] = []
    step = 0
    (path.parent / f"ready-{run_id}").touch()
    while not (path.parent / "go").exists():
        time.sleep(0.01)
    start = time.time()
    while time.time() < start + _WRITING:
        rows = [Point("steps", step + i, step / 15, step / 100, values) for i in range(points)]
        began = time.perf_counter()
        store.append(run_id, rows, fields={"step": step, "heartbeat": time.time()})
        taken.append(time.perf_counter() - began)
        step += points
    return taken


def write_beside(folder: Path, writers: int, points: int) -> dict[str, float]:
    """Let processes write beside one another."""
    path = folder / f"{writers}-{points}" / "proxprop.db"
    Store(path).close()
    with ProcessPoolExecutor(writers, mp_context=get_context("spawn")) as pool:
        tasks = [pool.submit(write, path, points) for _ in range(writers)]
        while len([*path.parent.glob("ready-*")]) < writers:
            time.sleep(0.05)
        (path.parent / "go").touch()
        taken = sorted(seconds for task in tasks for seconds in task.result())
    return {
        "writers": writers,
        "points_a_batch": points,
        "batches_a_second": len(taken) / _WRITING,
        "points_a_second": points * len(taken) / _WRITING,
        "late_seconds": taken[int(0.99 * len(taken))],
    }


async def watch(dashboard: Dashboard, run: str, count: int) -> dict[str, float]:
    """Let streams follow a run; return what that costs the server, and when they see a point."""
    address, store = f"/api/stream?runs={run}&tables=steps", dashboard.store()
    browsers = [cookies(secrets.token_hex(16)) for _ in range(count)]
    streams = [await open_events(dashboard, address, browser) for browser in browsers]
    for each in streams:
        await each.next("update")  # all points so far
    delays: list[float] = []
    step = int(store.run(run).step) + 2000
    cpu, began = _cpu(dashboard), time.monotonic()
    while time.monotonic() - began < _WATCHING:
        step, written = step + 1, time.monotonic()
        point = Point("steps", step, step / 4, step / 8, {"loss": 1.0})
        store.append(run, [point], fields={"step": step, "heartbeat": time.time()})

        async def seen(each: Any, written: float = written) -> float:
            await each.next("update")
            return time.monotonic() - written

        delays += await asyncio.gather(*map(seen, streams))
        await asyncio.sleep(max(0.0, written + _PERIOD - time.monotonic()))
    busy = (_cpu(dashboard) - cpu) / (time.monotonic() - began)
    for each in streams:
        each.close()
    delays.sort()
    return {
        "viewers": count,
        "cores": busy,
        "median_seconds": statistics.median(delays),
        "last_seconds": delays[-1],
    }


def _cpu(dashboard: Dashboard) -> float:
    """Return the seconds that the server has computed."""
    fields = Path(f"/proc/{dashboard.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def main() -> None:
    """Measure all of it, print it, and write it down."""
    console, began = make_console(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        folder = Path(name)
        (folder / "one").mkdir()
        run, race = (record(command, folder / "one") for command in ("train", "race"))
        kinds = [
            {
                "kind": recorded.config.kind,
                "points": recorded.points,
                "seconds": recorded.seconds,
                "checkpoint_megabytes": recorded.saved / 1e6,
            }
            for recorded in (run, race)
        ]
        (folder / "term").mkdir()
        stores = fill(folder / "term", run, race)
        console.print(_table("stores", stores))
        writers = [write_beside(folder, n, points) for points in _POINTS for n in _WRITERS]
        console.print(_table("writers", writers))
        with running(folder / "server", PROXPROP_CONCURRENCY="1") as dashboard:
            watched, _ = furnish(dashboard.store())
            viewers = [asyncio.run(watch(dashboard, watched, count)) for count in _STREAMS]
    result = {"kinds": kinds, "stores": stores, "writers": writers, "viewers": viewers}
    console.print(_table("kinds", kinds))
    console.print(_table("viewers", viewers))
    # Late: it is of no use to what is measured.
    import torch

    about = environment(torch.device("cpu")) | {"took_seconds": time.monotonic() - began}
    console.print(f"Written to {write_result('scale', {'environment': about, **result}, RESULTS)}")


def _table(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    grid = Table(*rows[0], title=title)
    for row in rows:
        grid.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()))
    return grid


if __name__ == "__main__":
    main()
