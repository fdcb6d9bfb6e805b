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

from tests.browser.writer import Writer

ROOT = Path(__file__).resolve().parents[2]


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


def start_server(home: Path, script: str = "app/server.py", port: int | None = None) -> Server:
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
            env={**os.environ, "PROXPROP_HOME": str(home), "OMP_NUM_THREADS": "1"},
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


def _is_ours(message: Any) -> bool:
    # On a deep link Streamlit looks for its endpoints below the page's path first, in vain.
    probing = "/_stcore/" in message.location.get("url", "")
    return message.type == "error" and not probing


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A fresh window of 1280×720; the test fails if the page logged an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    window = context.new_page()
    errors: list[str] = []
    window.on("pageerror", lambda error: errors.append(str(error)))
    window.on(
        "console",
        lambda message: errors.append(message.text) if _is_ours(message) else None,
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
