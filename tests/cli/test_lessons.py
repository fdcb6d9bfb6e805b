"""`proxprop lessons`: the list, the verdict with its numbers, and the exit status."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxprop.cli import app
from proxprop.lessons import checking
from proxprop.lessons.verdict import at_most

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))


def test_a_check_is_printed_kept_and_listed() -> None:
    checked = run(app, ["lessons", "--check", "1"])
    assert checked.exit_code == 0
    assert "Algorithm 1 and autograd differ by" in checked.output
    assert "≤ 1e-12" in checked.output
    listed = run(app, ["lessons"]).output
    assert listed.count("holds") == 1
    assert listed.count("not run") == 8


def test_a_claim_that_fails_ends_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = {**checking.EXPERIMENTS, "penalty": lambda: [at_most("error", 1.0, 0.5)]}
    monkeypatch.setattr(checking, "EXPERIMENTS", failing)
    checked = run(app, ["lessons", "--check", "1", "2"])
    assert checked.exit_code == 1
    assert "does not hold on this machine" in checked.output
    assert "holds (" in checked.output  # the other is carried out all the same


def test_an_unknown_lesson_is_refused() -> None:
    refused = run(app, ["lessons", "--check", "10"])
    assert refused.exit_code == 2
    assert "must be in 1…9, got 10" in refused.output
