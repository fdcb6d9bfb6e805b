"""The real server and a real Chromium, shared by all browser tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from proxprop.runs.store import Store
from tests.browser.writer import Writer
from tests.runs.waiting import until

ROOT = Path(__file__).resolve().parents[2]
LONG = 120_000  # milliseconds; a deadline on a condition, not a measurement


@dataclass
class Server:
    """A running dashboard."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]
    log: Path

    def wait_until_healthy(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended at start:\n{self.log.read_text()}")
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise TimeoutError(f"no healthy server in {seconds} s:\n{self.log.read_text()}")
            time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(
    home: Path, script: str = "app/server.py", port: int | None = None, **environment: str
) -> Server:
    """Start `streamlit run` on a free port with its data in `home`; the caller stops it."""
    port = port or free_port()
    log = home / f"server-{port}.log"
    home.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", script),
                *("--server.port", str(port), "--server.address", "127.0.0.1"),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "PROXPROP_HOME": str(home),
                "OMP_NUM_THREADS": "1",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Server(f"http://127.0.0.1:{port}", home, process, log)


def stop_server(server: Server) -> None:
    server.process.send_signal(signal.SIGTERM)
    try:
        server.process.wait(15)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The dashboard as a person starts it, with an empty store of its own."""
    running = start_server(tmp_path_factory.mktemp("home"))
    try:
        running.wait_until_healthy()
        yield running
    finally:
        stop_server(running)


@pytest.fixture
def store(server: Server) -> Iterator[Store]:
    """The server's store, read as another process would; what a test leaves running is stopped."""
    opened = Store(server.home / "proxprop.db")
    yield opened
    for run in opened.runs():
        if run.alive:
            os.kill(run.pid, signal.SIGTERM)
            until(lambda run=run: opened.run(run.id).status == "ended", "it stops", LONG / 1000)
    opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A fresh window of 1280×720; the test fails if the page logged an error."""
    # To wait for a condition is to evaluate a string, which the dashboard's policy forbids a page.
    context = browser.new_context(viewport={"width": 1280, "height": 720}, bypass_csp=True)
    window = context.new_page()
    window.set_default_timeout(LONG)
    errors: list[str] = []
    window.on("pageerror", lambda error: errors.append(str(error)))
    window.on(
        "console",
        lambda message: errors.append(message.text) if message.type == "error" else None,
    )
    window.console_errors = errors
    yield window
    context.close()
    assert not errors, f"the browser's console reports: {errors}"


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """Every live component on one page, apart from the dashboard's pages."""
    running = start_server(tmp_path_factory.mktemp("gallery"), "tests/browser/gallery/server.py")
    try:
        running.wait_until_healthy()
        yield running
    finally:
        stop_server(running)


@pytest.fixture
def writer(gallery):
    made = Writer(gallery.home)
    yield made
    made.fall_silent()
