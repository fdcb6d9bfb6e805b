"""`proxprop serve --ray` as a person uses it: a real cluster, the real server, a real browser."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxprop.runs.store import Store
from tests.browser.conftest import Server, free_port, page
from tests.cluster.conftest import ROOT, TwoNodes

__all__ = ["page"]
pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture
def served(cluster: TwoNodes, tmp_path: Path) -> Iterator[Server]:
    port, home = free_port(), tmp_path / "home"
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "proxprop", "serve", "--no-browser"),
                *("--port", str(port), "--ray", cluster.address),
            ],
            cwd=ROOT,
            env={**os.environ, "PROXPROP_HOME": str(home), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(f"http://127.0.0.1:{port}", home, process, log)
    try:
        server.wait_until_healthy()
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


# The page is asked for last, so that it is closed before its server.
def test_a_run_and_a_race_are_carried_out_there_and_say_where(served: Server, page: Any) -> None:
    node = f"on {socket.gethostname()}"
    page.goto(f"{served.url}/train?budget.epochs=20000")
    page.click(".st-key-start button:not(:disabled)")
    page.wait_for_selector(f".pp-status:has-text('{node}')")
    page.click(".st-key-pause button:not(:disabled)")
    page.wait_for_selector(".pp-status:has-text('Paused')")
    page.click(".st-key-go button:has-text('Go on')")
    page.wait_for_selector(".pp-status:has-text('Running')")
    page.click(".st-key-stop button")
    page.wait_for_selector(".pp-status:has-text('Stopped')")

    page.goto(f"{served.url}/compare")
    page.click(".st-key-start button:not(:disabled)")
    page.wait_for_selector(f".pp-status:has-text('{node}'):has-text(': seed 0')")

    store = Store(served.home / "proxprop.db")
    race, run = store.runs()
    assert (run.kind, run.outcome, race.kind) == ("run", "stopped", "race")
    page.goto(f"{served.url}/runs?run={run.id}")
    page.wait_for_selector(f"text=On a cluster: 1 part {node}")
