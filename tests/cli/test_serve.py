"""`proxprop serve` finds the dashboard and a port, or says what to do."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxprop.cli import app, serve
from tests.runs.waiting import until

runner = CliRunner()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_is_told_with_a_free_one(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "find_app", lambda *candidates: Path("/nowhere"))
    result = runner.invoke(app, ["serve", "--port", str(taken)])
    assert result.exit_code == 1
    assert f"Port {taken} of 127.0.0.1 is in use" in result.output
    suggested = int(result.output.split("--port")[1])
    assert serve.is_free("127.0.0.1", suggested)


def test_a_missing_dashboard_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "find_app", lambda *candidates: None)
    result = runner.invoke(app, ["serve"])
    assert result.exit_code == 1
    assert "checkout of the repository" in result.output


def test_the_server_starts_where_its_config_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "server.py").touch()
    calls: list[list[str]] = []
    monkeypatch.setattr(serve, "find_app", lambda *candidates: tmp_path)
    monkeypatch.setattr(serve.os, "execv", lambda program, command: calls.append(command))
    monkeypatch.chdir("/")
    result = runner.invoke(app, ["serve", "--no-browser", "--port", "28512"])
    assert Path.cwd() == tmp_path
    assert "http://127.0.0.1:28512" in result.output
    (command,) = calls
    assert command[:4] == [sys.executable, "-m", "streamlit", "run"]
    assert command[4] == str(tmp_path / "app" / "server.py")
    assert {"--server.port=28512", "--server.headless=true"} <= set(command)


def test_the_first_folder_with_a_dashboard_is_taken(tmp_path: Path) -> None:
    (tmp_path / "b" / "app").mkdir(parents=True)
    (tmp_path / "b" / "app" / "server.py").touch()
    assert serve.find_app(tmp_path / "a", tmp_path / "b") == tmp_path / "b"
    assert serve.find_app(tmp_path / "a") is None


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://localhost:80"),
        ("::1", "http://[::1]:80"),
    ],
)
def test_the_address_can_be_typed_into_a_browser(host: str, address: str) -> None:
    assert serve.address(host, 80) == address


def test_the_page_opens_once_the_server_is_healthy(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    script.chmod(0o755)

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert not opened.exists()
            self.send_response(200 if self.path == "/_stcore/health" else 404)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        subprocess.run(
            [sys.executable, "-m", "proxprop.cli.browser", "--detach", url],
            check=True,
            env={**os.environ, "BROWSER": str(script)},
        )
        until(lambda: opened.exists() and opened.read_text(), "the page is opened")
        server.shutdown()
    assert opened.read_text().strip() == url
