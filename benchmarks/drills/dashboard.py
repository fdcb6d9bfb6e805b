"""A dashboard of its own for a drill, with a run and a race in its store."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.config import RaceConfig, RunConfig
from proxprop.spec.events import Point

ROOT = Path(__file__).resolve().parents[2]
FORGOTTEN = 190.0  # seconds after which nothing is kept of a page that was left
SERIES = 20  # beside the loss: a message with all of them has some 400 kB
CONTENDERS = [
    {"direction": {"solver": "explicit"}, "optimizer": {"lr": 0.1}},
    {"direction": {"solver": "exact"}, "optimizer": {"lr": 1.0}},
]


@dataclass(frozen=True)
class Footprint:
    """What a server takes of the machine.

    Attributes:
        resident: MB in memory, shared libraries with it.
        anonymous: MB of them that are its own.
        files: Open files.
        threads: Its threads.
        children: Its processes, workers among them.
        zombies: Those of them that have ended and that nobody waited for.
    """

    resident: float
    anonymous: float
    files: int
    threads: int
    children: int
    zombies: int

    @classmethod
    def of(cls, pid: int) -> Footprint:
        """Look at a process."""
        status = _status(pid)
        others = [_status(int(place.name)) for place in Path("/proc").glob("[0-9]*")]
        children = [other for other in others if other.get("PPid") == str(pid)]
        return cls(
            int(status["VmRSS"].split()[0]) / 1024,
            int(status["RssAnon"].split()[0]) / 1024,
            len(os.listdir(f"/proc/{pid}/fd")),
            int(status["Threads"]),
            len(children),
            sum(child["State"].startswith("Z") for child in children),
        )


@dataclass
class Dashboard:
    """A server that is up.

    Attributes:
        home: Its data directory.
        port: Where it listens on 127.0.0.1.
        process: The server.
        log: What it prints.
    """

    home: Path
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        """Address of the first page."""
        return f"http://127.0.0.1:{self.port}"

    def store(self) -> Store:
        """Return its store."""
        return Store(self.home / "proxprop.db")

    def memory(self) -> float:
        """Return the server's own memory in MB."""
        return self.footprint().anonymous

    def footprint(self) -> Footprint:
        """Return what the server takes of the machine."""
        return Footprint.of(self.process.pid)

    def tracebacks(self) -> int:
        """Return how many tracebacks it has printed."""
        return self.log.read_text(errors="replace").count("Traceback (most recent call last)")

    def wait(self, seconds: float = 60.0) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended: {self.log.read_text()[-2000:]}")
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError("the server does not answer")


def start(home: Path, **environment: str) -> Dashboard:
    """Start a dashboard with its data in `home`; the caller ends it."""
    home.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = home / "server.log"
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app" / "server.py")]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, f"--server.port={port}"],
            cwd=ROOT,
            env={**os.environ, "PROXPROP_HOME": str(home), "OMP_NUM_THREADS": "1", **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    dashboard = Dashboard(home, port, process, log)
    dashboard.wait()
    return dashboard


def stop(dashboard: Dashboard, number: int = signal.SIGTERM) -> None:
    """End a dashboard."""
    if dashboard.process.poll() is None:
        dashboard.process.send_signal(number)
    try:
        dashboard.process.wait(20)
    except subprocess.TimeoutExpired:
        dashboard.process.kill()
        dashboard.process.wait()


@contextmanager
def running(home: Path, **environment: str) -> Iterator[Dashboard]:
    """Run a dashboard for as long as the drill takes."""
    dashboard = start(home, **environment)
    try:
        yield dashboard
    finally:
        stop(dashboard)


def _status(pid: int) -> dict[str, str]:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return {}
    return {
        name: value.strip()
        for name, _, value in (line.partition(":") for line in text.splitlines())
    }


def furnish(store: Store) -> tuple[str, str]:
    """Write a run with points and a race down; return their ids."""
    run = store.create_run(RunConfig(), process=Process.current())
    values = {f"layer{number}": 1.0 / (number + 3) for number in range(SERIES)} | {"loss": 1.0}
    points = [Point("steps", step, step / 4, step / 8, values) for step in range(2000)]
    store.append(run, points, fields={"status": "running"})
    race = RaceConfig.parse({"contenders": CONTENDERS})
    return run, store.create_run(race, process=Process.current())
