"""Result files: round trips, folders with damage, which one counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proxprop.paper.result import (
    Result,
    StabilityResult,
    latest,
    made_here,
    parse_result,
    read_folder,
    read_result,
    results_folder,
    shipped,
    write_result,
)
from tests.paper.made_up import result, seed, stability

GRAM = {"gram", "decay", "refresh"}


def test_a_race_part_survives_the_file(tmp_path: Path) -> None:
    before = result("mlp/main", {"plain": seed([None], outcome="diverged"), "exact": seed([1.5])})
    path = write_result(before, tmp_path)
    assert path.name == "mlp-main-laptop.json"
    assert read_result(path) == before
    plain = before.contender("plain")
    assert plain is not None
    assert plain.run_config.optimizer.lr == 0.05
    assert plain.solver == "explicit"
    assert before.contender("nobody") is None
    # Nothing is left of the writing, and JSON has no NaN.
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(name))


def test_a_sweep_part_survives_the_file(tmp_path: Path) -> None:
    before = stability({"plain": [2, 1, None, None], "exact": [2, 1, 1, 1]})
    path = write_result(before, tmp_path)
    after = parse_result(path.read_bytes())
    assert isinstance(after, StabilityResult)
    assert after == before
    assert after.method("exact") is not None
    assert after.method("cg3") is None


def test_a_folder_tells_what_it_cannot_read(tmp_path: Path) -> None:
    write_result(result("mlp/main", {}), tmp_path)
    write_result(result("convnet/main", {}), tmp_path)
    write_result(result("mlp/adam", {}), tmp_path)
    (tmp_path / "broken.json").write_text('{"format": 1')
    (tmp_path / "newer.json").write_text(
        json.dumps({**result("mlp/adam", {}).model_dump(mode="json"), "format": 2})
    )
    found = read_folder(tmp_path)
    assert [one.name for one in found.results] == [
        "mlp-main-laptop",
        "mlp-adam-laptop",
        "convnet-main-laptop",
    ]
    assert [words.split()[0] for words in found.problems] == ["broken.json", "newer.json"]
    assert read_result(tmp_path / "broken.json") is None
    assert read_result(tmp_path / "absent.json") is None


def test_results_made_here_are_under_the_data_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    assert made_here().results == ()
    write_result(result("mlp/main", {}), results_folder())
    assert len(made_here().results) == 1
    assert made_here(tmp_path / "elsewhere").results == ()


def test_the_latest_of_a_scale_counts() -> None:
    old = result("mlp/main", {}, recorded="2025-01-01T00:00:00+00:00")
    new = result("mlp/main", {}, recorded="2026-01-01T00:00:00+00:00")
    full = result("mlp/main", {}, recorded="2027-01-01T00:00:00+00:00", scale="full")
    assert latest([new, old, full, stability({})], "laptop") == {
        "mlp-main": new,
        "stability-main": stability({}),
    }


def test_what_is_shipped_can_be_read_and_tells_nothing_of_a_machine() -> None:
    found = shipped()
    assert found.problems == ()
    for one in found.results:
        dumped = one.model_dump_json()
        assert "/work" not in dumped
        assert "/tmp" not in dumped
        if isinstance(one, Result):
            for contender in one.contenders:
                config = contender.run_config
                later = {
                    "data": config.data.as_before,
                    "direction": GRAM,
                    "budget": config.budget.as_before,
                    "checkpoint": {"along"},
                    **dict.fromkeys(("pace", "devices", "log"), True),
                }  # fields that came after the first recordings
                left_out = later if "pace" not in contender.config else {}
                assert config.model_dump(mode="json", exclude=left_out) == contender.config
                for run in contender.seeds:
                    lengths = (run.epoch, run.train_loss, run.validation_accuracy, run.seconds)
                    assert len(set(map(len, lengths))) == 1
                    assert list(run.seconds) == sorted(run.seconds)
