"""The step's cost in pieces: runs that merge, and a profile whose parts are parts of the step."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmarks.cases import CASES, Case
from benchmarks.step_profile import PARTS, TIMED, profile_step, table
from benchmarks.step_time import merged, rounds_of


def result(*cases: str, **environment: Any) -> dict[str, Any]:
    return {
        "environment": {"date": "now", "torch": "2.15", **environment},
        "took_seconds": 10.0,
        "rounds": 32,
        "cases": {name: {"from": environment.get("date", "now")} for name in cases},
    }


def test_a_later_run_replaces_its_cases_and_keeps_the_others_in_order() -> None:
    first, second = CASES[0].name, CASES[1].name
    found = merged(result(second, first), result(second, date="later"))
    assert list(found["cases"]) == [first, second]
    assert found["cases"][second] == {"from": "later"}
    assert found["cases"][first] == {"from": "now"}
    assert found["took_seconds"] == 20.0


def test_runs_of_different_software_do_not_merge() -> None:
    with pytest.raises(SystemExit, match=r"torch was 2\.15 and is 3\.0"):
        merged(result(CASES[0].name), result(CASES[1].name, torch="3.0"))


def test_large_batches_take_fewer_rounds_and_no_case_takes_none() -> None:
    assert [rounds_of(Case("", "", "", batch), 32) for batch in (50, 500, 1000, 2000)] == [
        32,
        32,
        20,
        20,
    ]
    assert rounds_of(Case("", "", "", 2000), 4) == 4


def test_a_profile_splits_the_step_and_leaves_the_library_as_it_was() -> None:
    before = [getattr(owner, name) for owner, name, _ in TIMED]
    case = Case("ConvNet, batch 16", "paper-convnet", "adam", 16)
    found = profile_step(case, steps=2)
    assert [getattr(owner, name) for owner, name, _ in TIMED] == before
    assert list(found["layers"]) == ["conv1", "conv2", "conv3"]
    layers = found["layers"].values()
    assert all(entry[part] > 0 for entry in layers for part in PARTS if part != "input gradient")
    assert [entry["input gradient"] > 0 for entry in layers] == [False, True, True]
    spent = sum(entry[part] for entry in layers for part in PARTS)
    assert spent < 1.2 * found["step"]["exact"]  # medians of parts: not exactly additive
    assert "ratio" in str(table(case, found).caption)
    assert torch.is_grad_enabled()
