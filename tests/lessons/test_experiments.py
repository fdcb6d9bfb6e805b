"""Each claim holds; and an experiment notices when what it speaks of is broken on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxprop import conversion, settings
from proxprop.analysis import layer_problem
from proxprop.analysis.lanczos import LanczosResult
from proxprop.core.solvers import cg
from proxprop.lessons.checking import EXPERIMENTS, examine
from proxprop.lessons.verdict import known_verdict

SECONDS = 30


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))


@pytest.mark.parametrize("lesson", EXPERIMENTS)
def test_the_claim_holds(lesson: str) -> None:
    verdict = examine(lesson)
    assert [number for number in verdict.numbers if not number.holds] == []
    assert not verdict.problem
    assert verdict.seconds < SECONDS
    assert sum(bool(number.rule) for number in verdict.numbers) >= 1
    verdict.keep()
    assert known_verdict(lesson) == verdict


def one_cg_step_more(patch: pytest.MonkeyPatch) -> None:
    right = cg.cg_iterates
    patch.setattr(cg, "cg_iterates", lambda s, rhs, steps, rtol: right(s, rhs, steps + 1, rtol))


def tau_read_as_its_inverse(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settings.SolveSpec, "damping", lambda spec: spec.tau)


def last_layer_implicit(patch: pytest.MonkeyPatch) -> None:
    right = conversion.select
    patch.setattr(conversion, "select", lambda model, skip_last, *rest: right(model, False, *rest))


def wrong_lambda_max(patch: pytest.MonkeyPatch) -> None:
    right = layer_problem._described

    def described(rows: Any, values: Any, largest: float, *rest: Any) -> Any:
        return right(rows, values, 1.2 * largest, *rest)

    patch.setattr(layer_problem, "_described", described)
    eigenvalue = LanczosResult.largest.fget  # type: ignore[attr-defined]
    patch.setattr(LanczosResult, "largest", property(lambda result: 1.2 * eigenvalue(result)))


@pytest.mark.parametrize(
    ("broken", "lesson"),
    [
        (one_cg_step_more, "penalty"),
        (one_cg_step_more, "real-layer"),
        (tau_read_as_its_inverse, "penalty"),
        (tau_read_as_its_inverse, "quadratic"),
        (tau_read_as_its_inverse, "real-layer"),
        (last_layer_implicit, "penalty"),
        (wrong_lambda_max, "quadratic"),
        (wrong_lambda_max, "whole-network"),
    ],
)
def test_a_broken_core_fails_the_lesson_concerned(
    broken: Any, lesson: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch)
    verdict = examine(lesson)
    assert not verdict.problem  # the numbers tell, not an exception
    assert not verdict.holds
