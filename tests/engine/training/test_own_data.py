"""Training on a person's own table: no pictures of numbers, and nothing that does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proxprop.engine.racing import race
from proxprop.engine.sweeping import sweep
from proxprop.spec.config import ConfigError, RaceConfig, RunConfig, SweepConfig
from proxprop.spec.events import Artifact, Ended

from .driver import Desk, run


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path / "home"))


def table(tmp_path: Path, width: int) -> dict[str, Any]:
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    np.savez(tmp_path / "own.npz", x=random.normal(size=(60, width)) + labels[:, None], y=labels)
    return {"name": "folder", "path": str(tmp_path / "own.npz")}


@pytest.mark.parametrize(
    ("width", "pictures"),
    [(2, {"samples", "boundary", "confusion", "activations"}), (5, {"confusion", "activations"})],
)
def test_a_table_is_learned_and_shown_as_what_it_is(
    tmp_path: Path, width: int, pictures: set[str]
) -> None:
    config = RunConfig.parse(
        {"data": table(tmp_path, width), "batch_size": 10, "budget": {"epochs": 20}}
    )
    events = run(config)
    assert {event.name for event in events if isinstance(event, Artifact)} == pictures
    (ended,) = (event for event in events if isinstance(event, Ended))
    assert ended.outcome == "finished"
    assert ended.summary["train_accuracy"] > 0.6


def test_a_run_race_or_sweep_that_does_not_fit_the_files_is_refused(tmp_path: Path) -> None:
    unfit = {
        "data": table(tmp_path, 5),
        "batch_size": 100,
        "model": {"name": "small-convnet", "widths": [8, 8]},
    }
    race_config = RaceConfig.parse({**unfit, "contenders": [{}, {"direction": {"tau": 1}}]})
    sweep_config = SweepConfig.parse({**unfit, "methods": [{"lr": {"low": 0.1, "high": 1}}]})
    for carry_out in (
        lambda: run(RunConfig.parse(unfit)),
        lambda: list(race(race_config, Desk())),
        lambda: list(sweep(sweep_config, Desk())),
    ):
        with pytest.raises(ConfigError) as caught:
            carry_out()
        assert [problem.field for problem in caught.value.problems] == ["batch_size", "model.name"]
