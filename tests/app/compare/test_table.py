"""The table on the page says what pandas finds in the exported points."""

from __future__ import annotations

import io
import math
import re
from html import unescape

import pandas as pd
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.routes import ROUTES
from proxprop.runs.store import Store
from tests.app.compare.conftest import known_race
from tests.app.conftest import as_number, known_run, open_page, query


def table(at: object) -> list[list[str]]:
    """Return the cells of the table on the page, tags taken out."""
    bodies = [item.proto.body for item in at.get("html")]  # type: ignore[attr-defined]
    body = next(text for text in bodies if "race-table" in text and "<table" in text)
    rows = re.findall(r"<tr.*?>(.*?)</tr>", body)
    cells = [re.findall(r"<t[dh].*?>(.*?)</t[dh]>", row) for row in rows]
    strip = lambda text: unescape(re.sub(r"<[^>]+>", " ", text)).strip()  # noqa: E731
    return [[" ".join(strip(cell).split()) for cell in row] for row in cells]


def exported(race: str) -> pd.DataFrame:
    """Return the exported points, one column a quantity."""
    answer = TestClient(Starlette(routes=ROUTES)).get(f"/api/runs/{race}/points.csv")
    assert answer.status_code == 200
    points = pd.read_csv(io.StringIO(answer.text))
    points["contender"] = points["member"] % 3
    return points


def finals(points: pd.DataFrame, column: str) -> pd.Series:
    """Return the last value of each member."""
    chosen = points[points["column"] == column].sort_values("step")
    return chosen.groupby(["contender", "member"])["value"].last()


def test_numbers_of_one_seed_are_those_of_the_export(store: Store) -> None:
    race = known_race(store, seeds=1)
    cells = table(open_page("compare", race=race, **{"target.train_loss": "0.45"}))
    points = exported(race)
    loss, accuracy = finals(points, "train_loss"), finals(points, "validation_accuracy")
    best = points[points["column"] == "train_loss"].groupby("contender")["value"].min()
    steps = points[points["table"] == "steps"].sort_values("step")
    pace = steps.groupby("contender")["seconds"].apply(lambda s: s.diff().median())
    assert cells[0][2:] == [
        "final loss",
        "best loss",
        "accuracy",
        "per step",
        "epochs to ≤ 0.45",
        "time to ≤ 0.45",
        "against baseline",
    ]
    times = {}
    for contender in range(3):
        row = cells[contender + 1]
        curve = points[(points["column"] == "train_loss") & (points["contender"] == contender)]
        after = curve[curve["value"] <= 0.45].iloc[0]
        before = curve[curve["step"] < after["step"]].iloc[-1]
        part = math.log(before["value"] / 0.45) / math.log(before["value"] / after["value"])
        epochs = before["epoch"] + part * (after["epoch"] - before["epoch"])
        times[contender] = before["seconds"] + part * (after["seconds"] - before["seconds"])
        assert row[1] == "✓ finished"
        assert float(row[2]) == pytest.approx(loss[contender, contender], rel=5e-3)
        assert float(row[3]) == pytest.approx(best[contender], rel=5e-3)
        assert row[4] == f"{100 * accuracy[contender, contender]:.1f} %"
        assert row[5] == f"{1000 * pace[contender]:.3g} ms"
        assert float(row[6]) == pytest.approx(epochs, rel=5e-3)
        assert row[7] == f"{1000 * times[contender]:.3g} ms"
    assert cells[1][8] == "baseline"
    for contender in (1, 2):
        factor, way = cells[contender + 1][8].split("× ")
        ratio = float(factor) if way == "slower" else 1 / float(factor)
        assert ratio == pytest.approx(times[contender] / times[0], rel=5e-3)


def test_five_seeds_are_mean_and_sample_deviation(store: Store) -> None:
    race = known_race(store, seeds=5)
    cells = table(open_page("compare", race=race))
    spread = finals(exported(race), "train_loss").groupby("contender").agg(["mean", "std", "count"])
    for contender in range(3):
        row = cells[contender + 1]
        mean, std = (as_number(part) for part in row[2].split(" ± "))
        assert mean == pytest.approx(spread["mean"][contender], rel=5e-3)
        assert std == pytest.approx(spread["std"][contender], rel=5e-2)
        assert row[0].endswith(f"N = {spread['count'][contender]} seeds")


def test_another_baseline_and_quantity(store: Store) -> None:
    race = known_race(store, seeds=1)
    link = {"race": race, "baseline": "2", "show": "validation_accuracy"}
    cells = table(open_page("compare", **link))
    assert cells[0][2:6] == ["final accuracy", "best accuracy", "per step", "epochs to ≥ 90.0 %"]
    assert cells[2][-1] == "baseline"
    assert cells[1][-1] not in ("–", "baseline")


def test_a_diverged_seed_is_told_and_left_out_of_the_mean(store: Store) -> None:
    race = known_race(store, seeds=3, diverged=(0, 1))
    cells = table(open_page("compare", race=race))
    assert cells[1][1] == "▲ diverged 1 of 3"
    last = finals(exported(race), "train_loss")[0]
    kept = last[[0, 6]]  # members of the first contender with seeds 0 and 2
    assert float(cells[1][2].split(" ± ")[0]) == pytest.approx(kept.mean(), rel=5e-3)


def test_a_run_of_another_day_is_marked(store: Store) -> None:
    race, run = known_race(store, seeds=1), known_run(store)
    cells = table(open_page("compare", race=race, runs=run))
    assert len(cells) == 5
    assert cells[4][0].endswith("not measured in the same race")
    assert cells[4][2] == "0.0645"  # 2/31, its last evaluation


def test_the_table_can_be_taken_away_in_full_precision(store: Store) -> None:
    race = known_race(store, seeds=5)
    client = TestClient(Starlette(routes=ROUTES))
    answer = client.get(f"/api/races/{race}/table.csv?measure=train_loss&target=0.3&baseline=1")
    frame = pd.read_csv(io.StringIO(answer.text))
    spread = finals(exported(race), "train_loss").groupby("contender").agg(["mean", "std"])
    assert frame["final_train_loss"].to_numpy() == pytest.approx(spread["mean"].to_numpy())
    assert frame["final_train_loss_std"].to_numpy() == pytest.approx(spread["std"].to_numpy())
    assert frame["seconds_to_target_ratio"][1] == 1.0


@pytest.mark.parametrize(
    ("query", "status"),
    [("measure=beauty", 400), ("baseline=7", 400), ("target=x", 400), ("", 200)],
)
def test_a_bad_table_is_refused_in_words(store: Store, query: str, status: int) -> None:
    race = known_race(store, seeds=1)
    answer = TestClient(Starlette(routes=ROUTES)).get(f"/api/races/{race}/table.csv?{query}")
    assert answer.status_code == status
    assert answer.text.strip()


def test_an_unknown_race_has_no_table(store: Store) -> None:
    answer = TestClient(Starlette(routes=ROUTES)).get("/api/races/nothere1/table.csv")
    assert answer.status_code == 404


def test_a_lecture_shows_the_chart_without_form_and_table(store: Store) -> None:
    race = known_race(store, seeds=1)
    at = open_page("compare", race=race, lecture="1")
    assert query(at) == {"race": race, "lecture": "1"}
    assert "race.add" not in [button.key for button in at.button]
    assert not any("<table" in item.proto.body for item in at.get("html"))
    assert at.selectbox(key="race.preset").value == "Explicit, implicit, Adam"
    at.toggle(key="lecture-switch").set_value(False).run()
    assert query(at) == {"race": race}
    assert "race.add" in [button.key for button in at.button]
    assert len(table(at)) == 4


def test_rows_of_a_group_stand_together_under_its_name(store: Store) -> None:
    race = known_race(store, seeds=1)
    plain = [row[0] for row in table(open_page("compare", race=race))[1:]]
    cells = table(open_page("compare", race=race, group="optimizer"))[1:]
    headings = [row[0] for row in cells if len(row) == 1]
    assert headings == ["SGD + Nesterov", "Adam"]
    assert [row[0] for row in cells if len(row) > 1] == plain  # each once
    by_direction = table(open_page("compare", race=race, group="direction"))[1:]
    assert [row[0] for row in by_direction if len(row) == 1] == ["explicit", "implicit (exact)"]
    order = [row[0] for row in by_direction if len(row) > 1]
    assert order == [
        name for start in ("explicit", "implicit") for name in plain if name.startswith(start)
    ]
