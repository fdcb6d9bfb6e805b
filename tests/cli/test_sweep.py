"""`proxprop sweep`: its map, its JSON, the stored one shown again, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxprop.cli import app
from proxprop.runs.results import sweep_map
from proxprop.runs.store import Store

runner = CliRunner()
SMALL = [
    "--samples",
    "200",
    "--widths",
    "16",
    "--batch-size",
    "24",
    "--steps",
    "12",
    "--seeds",
    "2",
]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    return Store()


def test_a_map_is_computed_once_and_then_shown_from_the_store(store: Store) -> None:
    first = runner.invoke(app, ["sweep", *SMALL, "--points", "5", "--name", "mine"])
    assert first.exit_code == 0, first.output
    for words in ("explicit", "implicit (exact)", "implicit (CG 3)", "predicted s < ", "×"):
        assert words in first.output
    (run,) = store.runs()
    assert (run.kind, run.name, run.outcome) == ("sweep", "mine", "finished")
    found = sweep_map(store, run.id)
    assert found is not None
    assert (found["runs"], found["finished"]) == (30, 30)
    # The row of the explicit method has a cross wherever some seed diverged.
    crosses = sum("diverged" in outcomes for outcomes in found["methods"][0]["outcomes"])
    row = next(line for line in first.output.splitlines() if line.rstrip().endswith("  s = η"))
    assert row.count("×") == crosses > 0

    again = runner.invoke(app, ["sweep", *SMALL, "--points", "5", "--json"])
    result = json.loads(again.output)
    assert result["id"] == run.id
    assert result["map"] == found
    assert len(store.runs()) == 1
    anew = runner.invoke(app, ["sweep", *SMALL, "--points", "5", "--again", "--json"])
    assert json.loads(anew.stdout)["map"] == found
    assert len(store.runs()) == 2


def test_a_plane_has_a_row_per_eta(store: Store) -> None:
    result = runner.invoke(app, ["sweep", *SMALL, "--plane", "--points", "3", "--seeds", "1"])
    assert result.exit_code == 0, result.output
    for words in ("η 0.1", "η 10", "η 1e+03", "0.0001 … 10"):
        assert words in result.output


def test_a_file_and_options_describe_a_sweep(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "sweep.json"
    method = {"direction": {"solver": "explicit"}, "lr": {"low": 0.1, "high": 1}}
    file.write_text(json.dumps({"kind": "sweep", "methods": [method], "seed": 4}))
    options = ["--config", str(file), "--points", "2", "--optimizer", "momentum"]
    result = runner.invoke(app, ["sweep", *SMALL, *options, "--momentum", "0.5", "--json"])
    assert result.exit_code == 0, result.output
    (run,) = store.runs()
    (only,) = run.config.methods
    assert (only.optimizer.name, only.optimizer.momentum, only.lr.count) == ("momentum", 0.5, 2)
    assert (run.config.seed, run.config.steps) == (4, 12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--points", "0"], "count: must be ≥ 1, got 0"),
        (["--optimizer", "sgdd"], "unknown optimizer 'sgdd'"),
        (["--steps", "0"], "steps: must be ≥ 1, got 0"),
        (["--resume", "x", "--steps", "3"], "keeps its settings"),
        (["--plane", "--config", "x.json"], "give a file or --plane, not both"),
    ],
)
def test_refusals_are_words(store: Store, arguments: list[str], words: str) -> None:
    result = runner.invoke(app, ["sweep", *arguments])
    assert result.exit_code == 2
    assert words in result.output
    assert store.runs() == []
