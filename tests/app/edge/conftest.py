"""A dashboard whose network swallows everything, and what it holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.config import RaceConfig, RunConfig
from proxprop.spec.events import Point
from tests.browser.conftest import Server, page, start_server, stop_server

# Loaded by every Python process of the server: whoever looks beyond this machine is written down
# and waits for an answer that never comes.
SWALLOWING = """
import os, sys, time
def hook(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if not isinstance(address, tuple):
            return
        host = address[0]
    else:
        return
    if isinstance(host, bytes):
        host = host.decode()
    if host in (None, "", "localhost", "::1", "::", "0.0.0.0") or host.startswith("127."):
        return
    with open(os.environ["SWALLOWED"], "a") as log:
        log.write(f"{event} {host}\\n")
    time.sleep(20)
    raise TimeoutError("swallowed")
sys.addaudithook(hook)
"""
CONTENDERS = [
    {"label": "=1+1", "direction": {"solver": "explicit"}, "optimizer": {"lr": 0.1}},
    {"direction": {"solver": "exact"}, "optimizer": {"lr": 1.0}},
]


__all__ = ["page", "site"]


@dataclass
class Site:
    """A dashboard, its store, a run, a race, and what was asked of the network."""

    server: Server
    store: Store
    run: str
    race: str
    swallowed: Path

    @property
    def port(self) -> int:
        return int(self.server.url.rsplit(":", 1)[1])

    def outgoing(self) -> str:
        return self.swallowed.read_text() if self.swallowed.exists() else ""


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home, extra = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("extra")
    (extra / "sitecustomize.py").write_text(SWALLOWING)
    path = os.pathsep.join(filter(None, [str(extra), os.environ.get("PYTHONPATH", "")]))
    swallowed = extra / "swallowed"
    server = start_server(home, PYTHONPATH=path, SWALLOWED=str(swallowed))
    try:
        server.wait_until_healthy()
        store = Store(home / "proxprop.db")
        run = store.create_run(RunConfig(), process=Process.current())
        points = [Point("steps", step, step / 4, step / 8, {"loss": 1.0}) for step in range(500)]
        store.append(run, points, fields={"status": "running"})
        race = store.create_run(
            RaceConfig.parse({"contenders": CONTENDERS}), process=Process.current()
        )
        yield Site(server, store, run, race, swallowed)
    finally:
        stop_server(server)
