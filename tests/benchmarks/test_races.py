"""The recorded races are valid configs, and their tables say what was measured."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.fashion_race import FOLDER, RACES, markdown
from benchmarks.race_fairness import measure, summarised
from proxprop.config import RaceConfig


def stat(mean: float | None, std: float | None = None) -> dict[str, Any]:
    return {"mean": mean, "std": std, "n": 1}


def row(label: str, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "label": label,
        "lr": 0.05,
        "tau": None,
        "explicit_lr": 0.05,
        "diverged": 0,
        "final": {"train_loss": stat(0.5), "validation_accuracy": stat(0.875)},
        "ratios": {"step_seconds": 1.0, "seconds_to_target": 1.0},
        "epochs_to_target": stat(2.0),
        "seconds_to_target": stat(9.0),
    }
    return {**values, **changes}


@pytest.mark.parametrize("name", RACES)
def test_recorded_races_are_configs(name: str) -> None:
    config = RaceConfig.parse_json((FOLDER / RACES[name]).read_text(encoding="utf-8"))
    assert len(config.contenders) == 5
    assert all(contender.label for contender in config.contenders)
    assert (config.search is None) == (name == "controls")


def test_the_table_tells_ratios_and_who_did_not_get_there() -> None:
    faster = {"step_seconds": 1.25, "seconds_to_target": 0.4}
    never = {"step_seconds": 1.0, "seconds_to_target": None}
    rows = [
        row("plain"),
        row("prox", tau=0.05, lr=1.0, ratios=faster),
        row("lost", diverged=1, ratios=never, epochs_to_target=stat(None),
            seconds_to_target=stat(None)),
    ]  # fmt: skip
    lines = markdown({"target": 0.25, "races": {"searched": {"contenders": rows}}}).splitlines()
    assert lines[2] == "| plain | 0.05 | – | 0.05 | 0.500 | 87.5% | 1.00× | 2.0 | 1.00× |"
    assert lines[3] == "| prox | 1 | 0.05 | 0.05 | 0.500 | 87.5% | 1.25× | 2.0 | 0.40× |"
    assert "| diverged |" in lines[4]
    assert "| not reached |" in lines[4]


def test_fairness_is_measured_on_identical_contenders() -> None:
    found = measure(epochs=2, seed=0)  # exits if their losses differ
    assert found["seconds"] > 0
    assert found["race"] >= 0
    assert found["one_after_the_other"] >= 0
    summary = summarised([{**found, "race": 0.1}, {**found, "race": 0.3}, {**found, "race": 0.2}])
    assert summary["race"] == {"median": 0.2, "worst": 0.3}
