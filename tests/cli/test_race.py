"""`proxprop race`, in a process of its own where signals matter."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxprop.cli import app
from proxprop.runs.results import race_table
from proxprop.runs.store import Store
from proxprop.spec.config import RaceConfig
from tests.engine.racing.driver import EXACT, EXPLICIT, HOPELESS, small
from tests.runs.waiting import until

runner = CliRunner()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "120")
    store = Store()
    yield store
    store.close()


def written(config: RaceConfig, folder: Path) -> str:
    path = folder / "race.json"
    path.write_text(config.model_dump_json())
    return str(path)


def test_a_race_from_a_file_prints_its_table(store: Store, tmp_path: Path) -> None:
    file = written(small(EXPLICIT, EXACT, HOPELESS), tmp_path)
    result = runner.invoke(app, ["race", "--config", file, "--target", "2.25", "--name", "mine"])
    assert result.exit_code == 0, result.output
    (run,) = store.runs()
    assert (run.name, run.outcome) == ("mine", "finished")
    first, second, _ = race_table(store, run.id, target=2.25)
    assert "explicit, SGD (diverged)" in result.output
    assert f"{first.final['train_loss'].mean:.3g}" in result.output
    assert f"{second.ratios['step_seconds']:.2f}×" in result.output
    assert "To training loss 2.25" in result.output
    assert "not reached" in result.output


def test_json_holds_every_number_of_the_table(store: Store, tmp_path: Path) -> None:
    file = written(small(EXPLICIT, EXACT), tmp_path)
    result = runner.invoke(
        app,
        ["race", "--config", file, "--seeds", "2", "--epochs", "2", "--baseline", "2", "--json"],
    )
    assert result.exit_code == 0, result.output
    printed = json.loads(result.output)
    row, _ = race_table(store, printed["id"], baseline=1)
    shown = printed["contenders"][0]
    assert shown["final"]["train_loss"]["mean"] == row.final["train_loss"].mean
    assert shown["ratios"]["step_seconds"] == row.ratios["step_seconds"]
    assert shown["epochs"] == {"mean": 2.0, "std": 0.0, "n": 2}
    assert shown["epochs_to_target"] == {"mean": None, "std": None, "n": 0}
    assert printed["baseline"] == "implicit (exact), SGD + Nesterov"


def test_a_preset_with_a_search(store: Store) -> None:
    search = ["--search", "2", "--search-epochs", "0.2"]
    others = ["--steps", "5", "--set", "model.widths=[8]", "--seed", "4", "--json"]
    result = runner.invoke(app, ["race", "--preset", "optimizers", *search, *others])
    assert result.exit_code == 0, result.output
    (run,) = store.runs()
    config = run.config
    assert isinstance(config, RaceConfig)
    assert (config.budget.epochs, config.budget.steps, config.seed) == (None, 5, 4)
    assert config.search is not None
    assert (config.search.trials, config.search.epochs) == (2, 0.2)
    payload = store.artifact(run.id, 0, "search")
    assert payload is not None
    assert len(payload.payload["results"]) == 4 * config.search.runs == 24


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preset", "fastest"], "--preset: must be one of default, "),
        (["--measure", "loss"], "--measure: must be one of train_loss"),
        (["--baseline", "4"], "--baseline: must be in 1…3, got 4"),
        (["--seeds", "11"], "seeds: must be ≤ 10, got 11"),
        (["--config", "nowhere.json"], "nowhere.json: No such file"),
    ],
)
def test_refusals_cost_no_race(store: Store, arguments: list[str], words: str) -> None:
    result = runner.invoke(app, ["race", *arguments])
    assert result.exit_code == 2
    assert words in result.output
    assert store.runs() == []


def test_a_run_is_no_race(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text("{}")
    result = runner.invoke(app, ["race", "--config", str(file)])
    assert result.exit_code == 2
    assert "--config: must hold a race, not a run" in result.output


def test_ctrl_c_stops_a_race_that_resumes(store: Store, tmp_path: Path) -> None:
    file = written(small(EXPLICIT, EXACT, budget__epochs=200.0), tmp_path)
    command = [sys.executable, "-m", "proxprop.cli", "race"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*command, "--config", file], **pipes)  # type: ignore[call-overload]
    (run,) = until(store.runs, "the race is listed")
    until(lambda: store.run(run.id).step >= 40, "it races")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert store.run(run.id).outcome == "stopped"

    result = runner.invoke(app, ["race", "--resume", run.id, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["outcome"] == "finished"
    for member in (0, 1):
        assert store.points(run.id, "steps", member)["step"].tolist() == list(range(1, 1201))
