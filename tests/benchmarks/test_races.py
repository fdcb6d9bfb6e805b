"""The recorded races are valid configs, and their tables say what was measured."""

from __future__ import annotations

import json
import math
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import home_race
from benchmarks.convergence import summarised as summarised_convergence
from benchmarks.curve_figure import BOTTOM, HEIGHT, TOP
from benchmarks.fashion_figure import picture
from benchmarks.fashion_race import FOLDER, RACES
from benchmarks.instalments import ended_early, go_on, taken
from benchmarks.provenance import RESULTS, read_result
from benchmarks.race_fairness import measure, summarised
from benchmarks.race_tables import about, fairness, markdown
from benchmarks.workloads import WORKLOADS
from proxprop.engine.racing import race
from proxprop.runs.results import race_table
from proxprop.runs.store import Store
from proxprop.spec.config import RaceConfig, from_query
from proxprop.spec.controls import NoControls
from proxprop.spec.curves import Stat, crossing
from proxprop.spec.events import Point
from tests.engine.racing.driver import EXACT, EXPLICIT, small


def stat(mean: float | None, std: float | None = None) -> dict[str, Any]:
    return {"mean": mean, "std": std, "n": 1}


def row(label: str, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "label": label,
        "lr": 0.05,
        "tau": None,
        "explicit_lr": 0.05,
        "members": [0, 5],
        "reached": 2,
        "diverged": 0,
        "final": {"train_loss": stat(0.5), "validation_accuracy": stat(0.875)},
        "ratios": {"step_seconds": 1.0, "seconds_to_target": 1.0},
        "epochs_to_target": stat(2.0),
        "seconds_to_target": stat(9.0),
    }
    return {**values, **changes}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store.sqlite")
    yield opened
    opened.close()


@pytest.mark.parametrize("name", RACES)
def test_recorded_races_are_configs(name: str) -> None:
    config = RaceConfig.parse_json((FOLDER / RACES[name]).read_text(encoding="utf-8"))
    assert len(config.contenders) == 5
    assert all(contender.label for contender in config.contenders)
    assert (config.search is None) == (name == "controls")


def test_the_table_tells_ratios_and_who_did_not_get_there() -> None:
    faster = {"step_seconds": 1.25, "seconds_to_target": 0.4}
    never = {"step_seconds": 1.0, "seconds_to_target": None}
    spread = {"train_loss": stat(0.25, 0.03), "validation_accuracy": stat(0.875, 0.012)}
    rows = [
        row("plain"),
        row("prox", tau=0.05, lr=1.0, ratios=faster),
        row("split", reached=1, final=spread, epochs_to_target=stat(2.5, 0.1)),
        row("lost", diverged=1, reached=0, ratios=never, epochs_to_target=stat(None),
            seconds_to_target=stat(None)),
    ]  # fmt: skip
    lines = markdown({"contenders": rows}, 0.25).splitlines()
    assert lines[2] == "| plain | 0.05 | – | 0.05 | 0.500 | 87.5 % | 1.00× | 2.0 | 1.00× |"
    assert lines[3] == "| prox | 1 | 0.05 | 0.05 | 0.500 | 87.5 % | 1.25× | 2.0 | 0.40× |"
    assert "| 0.250 ± 0.030 | 87.5 ± 1.2 % | 1.00× | 2.5 ± 0.1 (1 of 2) |" in lines[4]
    assert "| diverged |" in lines[5]
    assert "| not reached | – |" in lines[5]


def test_recorded_tables_follow_from_the_curves_recorded_with_them() -> None:
    result = read_result("fashion_race", RESULTS)
    assert result is not None
    for race_ in result["races"].values():
        for row_ in race_["contenders"]:
            for axis, name in (("epoch", "epochs_to_target"), ("seconds", "seconds_to_target")):
                arrival = Stat.of(
                    crossing(one[axis], one["train_loss"], result["target"])
                    for one in row_["curves"]
                )
                assert row_["reached"] == arrival.n
                assert row_[name]["mean"] == (pytest.approx(arrival.mean) if arrival.n else None)
    races = [(w, read_result(f"convergence_{w.key}_cpu", RESULTS)) for w in WORKLOADS]
    finished = [(w, result) for w, result in races if result is not None and result["finished"]]
    assert finished
    for workload, result in finished:
        found = json.loads(json.dumps(summarised_convergence(workload, result)))
        assert found == result["contenders"]


def test_the_words_beside_a_table_say_how_the_race_was_held() -> None:
    search = {"trials": 12, "epochs": 1.0, "criterion": "train_loss"}
    config = small(EXPLICIT, EXACT, seeds=3, search=search).model_dump(mode="json")
    words = about({"config": config})
    assert words.startswith("After 3 epochs, mean ± standard deviation over 3 seeds;")
    assert "best of 12 trials of 1 epoch each" in words
    assert "by training loss" in words
    assert "trials" not in about({"config": {**config, "seeds": 1, "search": None}})


def test_fairness_is_measured_on_identical_contenders() -> None:
    found = measure(epochs=2, seed=0)  # exits if their losses differ
    assert found["seconds"] > 0
    assert found["race"] >= 0
    assert found["one_after_the_other"] >= 0
    summary = summarised([{**found, "race": 0.1}, {**found, "race": 0.3}, {**found, "race": 0.2}])
    assert summary["race"] == {"median": 0.2, "worst": 0.3}


def test_the_fairness_told_is_the_worst_measured() -> None:
    calm = {"race": {"worst": 0.01}, "one_after_the_other": {"worst": 0.33}}
    busy = {"race": {"worst": 0.027}, "one_after_the_other": {"worst": 0.2}}
    words = fairness({"processes": 2, "loads": {"idle": calm, "steady": busy}})
    assert "at most 3 % in a race" in words
    assert "beside 2 busy processes" in words
    assert "by up to 33 %" in words


def test_a_race_in_instalments_ends_as_one_in_one_go(store: Store) -> None:
    search = {"trials": 2, "epochs": 0.5, "seeds": 1}
    # Long enough for the stop to come before the end.
    config = small(EXPLICIT, EXACT, search=search, budget__epochs=200.0, evaluation__every=50.0)
    go_on(store, "late", config, deadline=time.monotonic())
    assert store.runs() == []
    forever = time.monotonic() + 1e6
    go_on(store, "parts", config, forever, searches=True)
    (part,) = store.runs()
    assert store.run(part.id).outcome == "stopped"
    assert ended_early(store, "parts")
    found = store.artifact(part.id, 0, "search")
    assert found is not None
    assert len(found.payload["results"]) == 4
    go_on(store, "parts", config, forever, searches=True)  # nothing is left to search
    assert store.run(part.id).outcome == "stopped"
    go_on(store, "parts", config, forever)
    assert not ended_early(store, "parts")
    assert taken(store) > 0

    go_on(store, "whole", config, forever)
    (whole,) = (run for run in store.runs() if run.name == "whole")
    ends = [[row.final for row in race_table(store, run)] for run in (part.id, whole.id)]
    assert ends[0] == ends[1]
    with pytest.raises(SystemExit, match="another --home"):
        go_on(store, "parts", small(EXACT, EXPLICIT), forever)


def curve(losses: list[float], seconds: float) -> dict[str, list[float]]:
    return {
        "epoch": [float(index) for index in range(len(losses))],
        "seconds": [seconds * index for index in range(len(losses))],
        "train_loss": losses,
    }


def test_the_figure_draws_means_of_seeds_to_scale() -> None:
    config = small(EXPLICIT, EXACT, seeds=2)
    rows = [
        {"curves": [curve([2.0, 1.0], 3.0), curve([2.0, 0.6], 5.0)]},
        {"curves": [curve([2.0, 0.1], 6.0), curve([2.0, 0.3], 6.0)]},
    ]
    race = {"contenders": rows, "labels": ["a < b", "c"], "config": config.model_dump(mode="json")}
    drawing = ElementTree.fromstring(picture(race, 0.25))
    names = [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a < b", "c", "target 0.25"} <= set(names)
    lines = [line.attrib for line in drawing.iter("{http://www.w3.org/2000/svg}polyline")]
    ends = [
        [float(part) for part in line["points"].split()[-1].split(",")]
        for line in lines
        if line["stroke-width"] == "2.6"
    ]
    epochs, seconds = ends[:2], ends[2:]
    assert [end[0] for end in epochs] == [410.0, 410.0]
    assert (seconds[0][0] - 500) / (seconds[1][0] - 500) == pytest.approx(4 / 6, abs=1e-3)
    # Means 0.8 and 0.2 between limits that follow from them: logarithmic.
    low, high = 0.85 * 0.2, 1.1 * 2.0
    pixels = (HEIGHT - TOP - BOTTOM) * math.log(0.8 / 0.2) / math.log(high / low)
    assert epochs[1][1] - epochs[0][1] == pytest.approx(pixels, abs=0.11)
    assert sum("opacity" in line for line in lines) == 8


def test_home_draws_what_was_raced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small(EXPLICIT, EXACT, evaluation__every=0.5)
    monkeypatch.setattr(home_race, "RACE", config.model_dump())
    home_race.main(tmp_path / "race.json")
    found = json.loads((tmp_path / "race.json").read_text())
    assert [one["solver"] for one in found["contenders"]] == ["explicit", "exact"]
    for index, one in enumerate(found["contenders"]):
        assert from_query(one["query"]) == config.run(index)
        assert one["epoch"] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
        points = [p for p in race(config, NoControls()) if isinstance(p, Point)]
        losses = [
            p.values["train_loss"] for p in points if (p.member, p.table) == (index, "evaluations")
        ]
        assert one["train_loss"] == pytest.approx(losses, rel=1e-4)
