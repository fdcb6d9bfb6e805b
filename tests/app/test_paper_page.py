"""The Paper page without a browser: true values of known results, shipped or made here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.components.race_link import decode
from proxprop.paper import result as results
from proxprop.paper.result import write_result
from proxprop.runs.store import Store
from proxprop.spec.racing import default_race
from tests.app.conftest import open_page, query, text
from tests.app.paper_results import batch, contender, mlp, seed, stability


def drawn(at: object) -> dict[str, object]:
    """Return what the page hands to the picture."""
    (found,) = [
        json.loads(item.proto.json)
        for item in at.get("bidi_component")  # type: ignore[attr-defined]
        if item.proto.component_name.endswith("proxprop_chart")
    ]
    return dict(found)


def lines(at: object) -> list[dict[str, object]]:
    """Return the lines of the figure that stand for a contender, seeds included."""
    data = drawn(at)["figure"]["data"]  # type: ignore[index]
    return [line for line in data if "about" in line.get("meta", {})]


def named(at: object, panel: str) -> dict[str, dict[str, object]]:
    """Return the lines of one panel by their names."""
    return {line["name"]: line for line in lines(at) if line["meta"]["about"]["figure"] == panel}


def panels(at: object) -> list[str]:
    """Return the column on the horizontal axis of each panel."""
    return list({line["xaxis"]: line["meta"]["about"]["x"] for line in lines(at)}.values())


def html(at: object) -> str:
    """Return all markup of the page."""
    return "\n".join(item.proto.body for item in at.get("html"))  # type: ignore[attr-defined]


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of the results that come with the package."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(results, "SHIPPED", folder)
    return folder


def here(tmp_path: Path) -> Path:
    return tmp_path / "paper"


def test_recorded_numbers_are_on_the_page(store: Store, shipped: Path) -> None:
    write_result(mlp(scale="full"), shipped)
    at = open_page("paper")
    assert named(at, "Loss by epoch")["explicit"]["x"] == [0, 1, 2, 3, 4]
    assert named(at, "Loss by epoch")["explicit"]["y"] == [2.0, 1.8, 1.6, 1.3, 1.0]
    data = drawn(at)["figure"]["data"]  # type: ignore[index]
    rings = [(line["legendgroup"], line["x"]) for line in data if line["name"] == "target reached"]
    assert rings == [("implicit (exact)", [1.5]), ("implicit (exact)", [18.0])]
    assert "1.5 of 4 epochs" in html(at)
    assert "18 s of 40 s to the same loss" in html(at)
    assert "Recorded 4 March 2026" in text(at)
    assert "exact-per-epoch" in html(at)
    assert "✓ confirmed" in html(at)
    assert not at.exception


def test_nothing_recorded_says_what_to_do(store: Store, shipped: Path) -> None:
    at = open_page("paper", experiment="convnet")
    data = drawn(at)
    assert data["figure"]["data"] == []  # type: ignore[index]
    assert "proxprop paper --scale laptop" in str(data["empty"])
    assert at.code[0].value == "proxprop paper --experiment convnet --scale laptop"
    assert "– not measured" in html(at)
    assert not at.exception


def test_the_link_chooses_experiment_recording_and_size(
    store: Store, shipped: Path, tmp_path: Path
) -> None:
    write_result(batch(), shipped)
    write_result(stability(), shipped)
    write_result(mlp(), shipped)
    write_result(mlp(contenders=mlp().contenders[:2]), here(tmp_path))
    at = open_page("paper", recording="laptop-here", lecture="1")
    assert drawn(at)["subject"] == "mlp-laptop-here"
    assert drawn(at)["lecture"] is True
    assert len(named(at, "Loss by epoch")) == 2
    assert query(at) == {"recording": "laptop-here", "lecture": "1"}
    at = open_page("paper", experiment="stability")
    assert panels(at) == ["step_size"]
    at = open_page("paper", experiment="batch")
    assert panels(at) == ["tau", "tau"]
    at = open_page("paper", experiment="nonsense", recording="nonsense")
    assert drawn(at)["subject"] == "mlp-laptop"
    assert not at.exception


def test_choosing_another_experiment_is_in_the_link(store: Store, shipped: Path) -> None:
    write_result(mlp(), shipped)
    write_result(stability(), shipped)
    at = open_page("paper")
    at.segmented_control(key="paper.experiment").set_value("stability").run()
    assert drawn(at)["subject"] == "stability-laptop"
    assert query(at) == {"experiment": "stability"}


def test_a_recording_under_way_shows_how_far_it_is(
    store: Store, shipped: Path, tmp_path: Path
) -> None:
    going_on = contender("exact", seed((2.0, 1.0), outcome="unfinished"), label="implicit (exact)")
    write_result(mlp(contenders=(going_on,), complete=False), here(tmp_path))
    at = open_page("paper")
    picked = at.selectbox(key="paper.recording.mlp")
    assert picked.options == ["made here: laptop scale, 1 of 4 epochs"]
    assert "J = 1" in html(at)
    assert not at.exception


def test_recorded_settings_open_as_a_race(store: Store, shipped: Path) -> None:
    write_result(mlp(), shipped)
    page = html(open_page("paper"))
    word = page.partition("compare?form=")[2].partition('"')[0]
    assert [one.direction.solver for one in decode(word).contenders] == ["explicit", "exact", "cg"]
    assert page.count('href="train?') == 3


def test_races_of_the_papers_networks_are_linked(store: Store, shipped: Path) -> None:
    write_result(mlp(), shipped)
    other = store.create_run(default_race())
    race = store.create_run(default_race().replace(**{"model.name": "paper-mlp"}))
    page = html(open_page("paper"))
    assert f"compare?race={race}" in page
    assert other not in page


def test_a_damaged_file_is_told_and_left_out(store: Store, shipped: Path, tmp_path: Path) -> None:
    write_result(mlp(), shipped)
    here(tmp_path).mkdir()
    (here(tmp_path) / "mlp-main-laptop.json").write_text("{")
    at = open_page("paper")
    assert "mlp-main-laptop.json cannot be read" in at.warning[0].value
    assert drawn(at)["subject"] == "mlp-laptop"
    assert not at.exception


def test_shipped_results_are_shown(store: Store) -> None:
    found = results.shipped()
    assert not found.problems
    for result in found.results:
        name = result.experiment if result.part == "main" else f"{result.experiment}-{result.part}"
        at = open_page("paper", experiment=name, recording=result.scale)
        assert drawn(at)["subject"] == f"{name}-{result.scale}"
        assert not at.exception
        assert not at.error
