"""What a map's runs did, held against what was predicted, in words."""

from __future__ import annotations

import json
import math

import pytest
from rich.console import Console

from app.stability.limits import WHY, reading
from benchmarks.provenance import RESULTS
from proxprop.cli.reports import sweep_report
from proxprop.spec.sweeping import Board
from tests.app.stability.conftest import SWEEP, RunResult

LOSSES = {0: 1.0, 1: 0.2}  # of the explicit cells η = 0.1, 1; the third, 10, fails
PREDICTED = (4.0, 9.0)  # of both seeds


def payload(failure: str = "diverged", *, every: bool = True, limits: bool = True):
    """Return the map of two methods at three step sizes each; the second never fails."""
    board = Board(SWEEP, 2.3)
    for member in range(12 if every else 11):
        cell = member // 2
        bad = cell == 2 and member % 2 == 1  # one seed is enough
        loss = math.nan if bad else LOSSES.get(cell, 0.1)
        board.results[member] = RunResult(failure if bad else "finished", "", 5, loss, 0.5)
    for seed, s in enumerate(PREDICTED if limits else ()):
        point = {"lr": s, "tau": None, "s": s}
        board.limits[0, seed] = {"seed": seed, "points": [point], "sharpness": 1.0, "words": ""}
        point = {"lr": 2.0, "tau": s / 200, "s": s / 100}
        board.limits[1, seed] = {"seed": seed, "points": [point], "sharpness": 1.0, "words": ""}
    return board.payload()


@pytest.mark.parametrize("failure", ["diverged", "collapsed"])
def test_failure_is_told_beside_the_limit(failure: str) -> None:
    explicit, implicit = reading(payload(failure))
    # √(4·9) = 6 predicted, η = 10 the first to fail.
    assert explicit == "**explicit**: predicted s < 6, fails from 10 on (×1.7)"
    # τ up to 1 at η = 2: s = 2 is 33 times the limit of 0.06.
    assert implicit.endswith("predicted s < 0.06, no failure up to 2 (×33)")


def test_steps_too_small_to_learn_are_no_failure() -> None:
    found = payload()
    found["methods"][0]["outcomes"][0] = ["collapsed", "collapsed"]
    assert "fails from 10 on" in reading(found)[0]


def test_without_a_limit_only_what_happened_is_told() -> None:
    assert reading(payload(limits=False))[0] == "**explicit**: fails from 10 on"


def test_methods_still_running_are_left_out() -> None:
    assert len(reading(payload(every=False))) == 1


def test_the_page_quotes_the_recorded_limits() -> None:
    rows = json.loads((RESULTS / "limits.json").read_text())["rows"]
    squared = [row for row in rows if row["loss"] == "squared error"]
    plain = [row for row in squared if row["method"] == "plain"]
    implicit = [row for row in squared if row["method"] != "plain"]
    assert all(row["within_factor"] for row in implicit)
    assert f"in all {len(implicit)} runs" in WHY
    held = [row for row in plain if row["within_factor"]]
    assert f"plain descent in {len(held)} of {len(plain)}" in WHY
    assert {row["activation"] for row in held} == {"tanh"}


def test_the_terminal_says_the_same_limit() -> None:
    console = Console(record=True, width=120)
    for part in sweep_report({"id": "abc", "words": "12 finished", "map": payload()}):
        console.print(part)
    shown = console.export_text()
    assert "predicted s < 6 at" in shown
    assert "predicted s < 0.06 at" in shown
