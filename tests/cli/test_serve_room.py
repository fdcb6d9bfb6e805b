"""Whom `proxprop serve` serves, and what it tells the server of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from proxprop.cli import app, serve
from proxprop.exposure import LINK, OPEN, PASSPHRASE, RUNS, TOKEN, is_loopback, refusal

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs `serve` up to the point where it becomes the server; returns output and command."""
    calls: list[list[str]] = []
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "server.py").touch()
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(serve, "find_app", lambda *candidates: tmp_path)
    monkeypatch.setattr(serve.os, "execv", lambda program, command: calls.append(command))
    monkeypatch.setattr(serve.os, "environ", environment := {**os.environ})
    monkeypatch.chdir(tmp_path)

    def run(*options: str) -> tuple[Result, list[list[str]], dict[str, str]]:
        options = ("serve", "--no-browser", "--port", "28513", *options)
        return CliRunner().invoke(app, options), calls, environment

    return run


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_which_hosts_reach_this_machine_alone(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone
    assert (refusal(host, {}) == "") is alone
    assert refusal(host, {PASSPHRASE: "x"}) == refusal(host, {OPEN: "1"}) == ""


def test_a_cluster_of_this_machine_is_held_for_all_runs(
    started, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setattr(serve, "hold_local", lambda: "127.0.0.1:1234")
    result, calls, environment = started("--ray", "local", "--ray-gpus", "0.5")
    assert result.exit_code == 0, result.output
    assert (environment["PROXPROP_RAY"], environment["PROXPROP_RAY_GPUS"]) == (
        "127.0.0.1:1234",
        "0.5",
    )
    assert len(calls) == 1
    _, _, environment = started("--ray", "head:6379")
    assert environment["PROXPROP_RAY"] == "head:6379"


def test_a_network_is_not_served_by_accident(started) -> None:
    result, calls, _ = started("--host", "0.0.0.0")
    assert result.exit_code == 2
    assert "--present" in result.output
    assert "--open" in result.output
    assert calls == []


def test_it_is_served_to_all_who_means_it(started) -> None:
    result, calls, environment = started("--host", "0.0.0.0", "--open")
    assert result.exit_code == 0
    assert "--server.address=0.0.0.0" in calls[0]
    assert environment[OPEN] == "1"


def test_presenting_prints_both_links_and_tells_the_server(started) -> None:
    result, calls, environment = started("--present", "--audience-runs", "2")
    assert "--server.address=0.0.0.0" in calls[0]
    assert f"Passphrase: {environment[PASSPHRASE]}" in result.output
    assert f"Audience: {environment[LINK]}" in result.output
    assert re.search(rf"present\?token={re.escape(environment[TOKEN])}&to=", result.output)
    assert environment[RUNS] == "2"
    assert environment[LINK].endswith(":28513")


def test_a_passphrase_of_ones_own_is_kept_and_not_printed(started, monkeypatch) -> None:
    serve.os.environ[PASSPHRASE] = "of my own"
    result, calls, _ = started("--host", "127.0.0.1")
    assert "--server.address=127.0.0.1" in calls[0]
    assert "of my own" not in result.output
    assert "/present?token=" in result.output


def test_the_server_started_by_hand_refuses_a_network_in_words(tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in (PASSPHRASE, OPEN)}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "streamlit", "run", "app/server.py"),
            *("--server.address=0.0.0.0", "--server.port=28514"),
        ],
        cwd=ROOT,
        env={**clean, "PROXPROP_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "--present" in done.stderr
    assert "Traceback" not in done.stderr
