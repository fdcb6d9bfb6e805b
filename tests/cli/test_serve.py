"""`proxprop serve` finds the dashboard and a port, or says what to do."""

import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from typer.testing import CliRunner

from proxprop.cli import app, serve
from proxprop.runs.store import Store
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
    suggested = int(result.output.split("try: proxprop serve --port ")[1])
    assert serve.is_free("127.0.0.1", suggested)
    monkeypatch.setenv("PROXPROP_PORT_HINT", "make app PORT=")
    result = runner.invoke(app, ["serve", "--port", str(taken)])
    assert serve.is_free("127.0.0.1", int(result.output.split("try: make app PORT=")[1]))


def test_a_missing_dashboard_is_told_and_a_strangers_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "server.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(serve, "INSTALLED", (tmp_path / "elsewhere",))
    monkeypatch.setattr(serve.os, "execv", lambda *call: pytest.fail("it is run"))
    result = runner.invoke(app, ["serve"])
    assert result.exit_code == 1
    assert "pip install 'proxprop[app]'" in result.output


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


def test_a_lecture_opens_on_its_first_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "My talk.toml").write_text(
        'title = "Mine"\n[[scenes]]\ntitle = "One"\nlink = "stability?s=2.2"\n'
    )
    monkeypatch.setattr(serve, "find_app", lambda *candidates: tmp_path)
    monkeypatch.setattr(serve.os, "execv", lambda program, command: None)
    monkeypatch.delenv("PROXPROP_LECTURE", raising=False)
    monkeypatch.chdir(tmp_path)
    given = ["serve", "--no-browser", "--port", "28513", "--lecture"]
    result = runner.invoke(app, [*given, "My talk.toml"])
    assert result.output.strip().endswith("28513/stability?s=2.2&lecture=my-talk.1")
    assert os.environ["PROXPROP_LECTURE"] == str(tmp_path / "My talk.toml")
    shipped = runner.invoke(app, [*given, "ten-minutes"])
    assert shipped.output.strip().endswith("28513/?lecture=ten-minutes.1")
    (tmp_path / "bad.toml").write_text('title = "Mine"\n[[scenes]]\nlink = "hom"\ntitle = "One"\n')
    refused = runner.invoke(app, [*given, "bad.toml"])
    assert refused.exit_code == 2
    assert "bad.toml, line 3: scene 1, link: must begin with a page" in refused.output


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


@contextmanager
def anybody() -> Iterator[None]:
    """Be nobody in particular: root may write everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def newer(home: Path) -> None:
    with sqlite3.connect(home / "proxprop.db") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()


def no_store(home: Path) -> None:
    (home / "proxprop.db").write_bytes(b"somebody's notes" * 1000)


def read_only(home: Path) -> None:
    Store().close()
    (home / "proxprop.db").chmod(0o444)
    home.chmod(0o555)


def no_folder(home: Path) -> None:
    home.rmdir()
    home.write_text("a file")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (newer, "was written by a newer proxprop"),
        (no_store, "is damaged or no run store"),
        (read_only, "cannot be opened for writing"),
        (no_folder, "cannot be written"),
    ],
)
def test_a_store_that_cannot_serve_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None], words: str
) -> None:
    with anybody(), TemporaryDirectory(dir="/tmp") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        monkeypatch.setenv("PROXPROP_HOME", str(home))
        spoil(home)
        result = runner.invoke(app, ["serve", "--no-browser"])
        home.chmod(0o755)
    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
