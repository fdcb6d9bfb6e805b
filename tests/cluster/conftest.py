"""One thread, so that numbers agree bit for bit; a cluster of two nodes and commands for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from proxprop.cluster.settings import ADDRESS
from proxprop.runs.store import Store

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 240.0  # seconds; the cluster shares two cores with all else


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class TwoNodes(NamedTuple):
    address: str
    nodes: list[int]

    def workers(self, node: int) -> list[Path]:
        """Return where the kernel lists the processes of a node that carry out parts."""
        threads = Path(f"/proc/{self.nodes[node]}/task").iterdir()
        children = [pid for each in threads for pid in (each / "children").read_text().split()]
        places = [Path("/proc", pid) for pid in children]
        return [place for place in places if b"RayWorker" in (place / "cmdline").read_bytes()]


@pytest.fixture(scope="module")
def cluster() -> Iterator[TwoNodes]:
    """One for all tests of a module: the last of them may kill a node."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cluster.two_nodes"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address, *nodes = process.stdout.readline().split()
        yield TwoNodes(address, [int(pid) for pid in nodes])
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def ending(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return what a command has printed, once it is through; the next one needs its workers."""
    try:
        return process.communicate(timeout=PATIENCE)
    finally:
        process.kill()


class Home:
    """A data directory, and commands that use it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environment = {**os.environ, "PROXPROP_HOME": str(path), "OMP_NUM_THREADS": "1"}

    def start(self, *words: str, ray: str = "") -> subprocess.Popen[str]:
        return self.call("proxprop", *words, "--json", ray=ray)

    def call(self, module: str, *words: str, ray: str = "") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=ROOT,
            env={**self.environment, ADDRESS: ray},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, ray: str = "") -> Any:
        output, errors = ending(self.start(*words, ray=ray))
        assert errors == ""
        return json.loads(output)

    @property
    def store(self) -> Store:
        return Store(self.path / "proxprop.db")

    def numbers(self) -> list[Any]:
        """Return all points of all runs, clocks left out."""
        store = self.store
        rows = []
        for run in sorted(store.runs(), key=lambda run: run.name):
            for member in range(run.config.members):
                for table in ("steps", "evaluations"):
                    points = store.points(run.id, table, member)
                    kept = points[[name for name in points if "seconds" not in name]]
                    rows.append((run.name, member, table, kept.to_csv()))
        return rows


@pytest.fixture
def here(tmp_path: Path) -> Home:
    return Home(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> Home:
    return Home(tmp_path / "there")
