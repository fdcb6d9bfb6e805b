"""Runs beside each other: names, differing settings, parallel coordinates, the report."""

from __future__ import annotations

import json
import re

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.charts.parallel import Axis, parallel
from app.charts.theme import line_style
from app.components.side_by_side import axes, differences, results, sides
from app.routes import ROUTES
from app.runs.beside import difference_table
from app.runs.columns import SPREAD, frame
from app.runs.search import RunsState, grouped, listed
from proxprop.runs.store import Store
from proxprop.spec.config import RaceConfig, RunConfig
from proxprop.spec.events import WHOLE, Ended, Point
from tests.app.conftest import known_run, open_page, text

HOSTILE = "<img src=x onerror=alert(1)></script>"


def ended(store: Store, loss: float, name: str = "", **changes: object) -> str:
    """Write down a run that ended at this loss; return its id."""
    run = known_run(store, RunConfig().replace(**changes), outcome=None)
    store.rename(run, name)
    summary = {"train_loss": loss, "best_train_loss": loss / 2, "validation_accuracy": 0.9}
    store.end(run, "finished", "", summary=summary)
    return run


@pytest.fixture
def seeds(store: Store) -> list[str]:
    """Three seeds of one config, and an explicit run."""
    same = [ended(store, loss, seed=seed) for seed, loss in ((0, 1.0), (1, 2.0), (2, 3.0))]
    return [*same, ended(store, 0.5, **{"direction.solver": "explicit", "optimizer.lr": 0.05})]


def test_seeds_of_one_config_share_a_line(store: Store, seeds: list[str]) -> None:
    wanted = RunsState(seeds=True, order="oldest")
    lines = grouped(listed(store, wanted), wanted)
    table = frame(lines, ("run", "training loss", "best loss", "seed", "η", "τ"))
    assert [len(line) for line in lines] == [3, 1]
    assert list(table["training loss"]) == [2.0, 0.5]
    assert table[SPREAD][0] == 1.0
    assert list(table["seed"]) == ["0, 1, 2", "0"]
    assert list(table["η"]) == [1.0, 0.05]
    assert table["τ"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("order", "losses"),
    [("training loss", [0.5, 1, 2, 3]), ("best loss", [0.5, 1, 2, 3]), ("η", [0.5, 3, 2, 1])],
)
def test_lines_stand_in_the_order_of_any_measure(
    store: Store, seeds: list[str], order: str, losses: list[float]
) -> None:
    wanted = RunsState(order=order)
    table = frame(grouped(listed(store, wanted), wanted), ("training loss",))
    assert list(table["training loss"]) == losses


@pytest.mark.parametrize(
    ("search", "found"), [("tau", 3), ("τ", 3), ("eta .05", 1), ("seed 2", 1), ("batch 100", 4)]
)
def test_symbols_find_what_a_config_says(
    store: Store, seeds: list[str], search: str, found: int
) -> None:
    assert len(listed(store, RunsState(search=search))) == found


def test_a_race_is_found_by_its_contenders(store: Store) -> None:
    race = RaceConfig.parse(
        {
            "contenders": [
                {"direction": {"solver": "explicit"}, "optimizer": {"lr": 0.1}},
                {"direction": {"solver": "cg", "cg_steps": 7}},
            ],
            "seed": 4,
            "seeds": 3,
        }
    )
    store.create_run(race)
    found = {
        search: len(listed(store, RunsState(search=search)))
        for search in ("relu", "cg", "eta .1", "k 7", "seed 6 k 7", "seed 7", "eta .2")
    }
    assert found == {
        **{"relu": 1, "cg": 1, "eta .1": 1, "k 7": 1, "seed 6 k 7": 1},
        **{"seed 7": 0, "eta .2": 0},
    }


def test_columns_and_order_are_chosen_by_link(store: Store, seeds: list[str]) -> None:
    at = open_page("runs", columns="run,batch,widths,seed,date", order="training loss")
    assert list(at.dataframe[0].value) == ["run", "batch", "widths", "seed", "date"]
    assert list(at.dataframe[0].value["widths"]) == ["128-64"] * 4


def test_what_a_line_is_called_is_what_differs(store: Store, seeds: list[str]) -> None:
    ended(store, 1.0, name="Mine", seed=9)
    lines = sides(store, store.runs(order="oldest"))
    assert [line.label for line in lines][:3] == [
        f"implicit (exact), η 1, τ 0.05, Seed {seed}" for seed in (0, 1, 2)
    ]
    assert lines[3].label == "explicit, η 0.05, Seed 0"
    assert lines[4].label == "Mine"
    assert len({(line.style.color, line.style.dash) for line in lines}) == 5


def test_no_two_lines_have_the_same_name(store: Store) -> None:
    runs = [ended(store, 1.0, name="Same") for _ in range(3)]
    labels = [line.label for line in sides(store, store.runs())]
    assert len(set(labels)) == 3
    assert not any(run in label for run in runs for label in labels)


def test_the_table_says_where_settings_differ_and_nothing_else(
    store: Store, seeds: list[str]
) -> None:
    lines = sides(store, store.runs(order="oldest"))
    rows = dict(differences([line.config for line in lines]))
    assert rows["Weight step"] == ["implicit (exact)"] * 3 + ["explicit"]
    assert rows["Proximal step τ"] == ["0.05"] * 3 + ["–"]
    assert rows["Seed"] == ["0", "1", "2", "0"]
    assert "Batch size N" not in rows
    assert dict(results(lines))["training loss"] == ["1", "2", "3", "0.5"]


def test_two_chosen_runs_stand_beside_each_other(store: Store, seeds: list[str]) -> None:
    at = open_page("runs", run=f"{seeds[0]},{seeds[3]}")
    overlay, *coordinates = [
        json.loads(part.proto.json)
        for part in at.get("bidi_component")
        if "chart" in part.proto.component_name
    ]
    bound = [trace["meta"] for trace in overlay["figure"]["data"]]
    assert [(meta["run"], meta["series"]) for meta in bound] == [
        (seeds[3], "0/evaluations/train_loss"),
        (seeds[0], "0/evaluations/train_loss"),
    ]
    names = [[trace["name"] for trace in drawn["figure"]["data"]] for drawn in coordinates]
    assert names == [["explicit, η 0.05", "implicit (exact), η 1, τ 0.05"]] * 2
    assert "Where they differ" in text(at)
    assert at.button(key="delete").label == "Delete 2 runs"


def test_parallel_coordinates_place_numbers_words_and_gaps() -> None:
    tau = Axis("τ", (0.01, 1.0, None), log=True)
    method = Axis("method", ("exact", "cg", "explicit"))
    loss = Axis("loss", (1.0, 3.0, float("inf")))
    assert tau.places() == [0.0, 1.0, None]
    assert method.places() == [0.0, 0.5, 1.0]
    assert loss.places() == [0.0, 1.0, None]
    names = [(name, line_style("exact")) for name in "abc"]
    figure = parallel([tau, method, loss], names)
    assert figure.data[2].y == (None, 1.0, None)
    assert figure.data[2].customdata[2] == "loss: not finite"
    assert {note.text for note in figure.layout.annotations} >= {"0.01", "1", "exact", "3"}


def test_on_a_phone_the_axes_lie_below_each_other() -> None:
    method = Axis("method", ("implicit (exact)", "explicit"))
    loss = Axis("loss", (1.0, 3.0))
    figure = parallel([method, loss], [(name, line_style("exact")) for name in "ab"], narrow=True)
    assert (figure.data[1].x, figure.data[1].y) == ((1.0, 1.0), (0, 1))
    assert figure.layout.yaxis.range == (1, 0)  # from the top down
    beside = {note.text: (note.xanchor, note.x, note.y) for note in figure.layout.annotations}
    assert beside["implicit<br>(exact)"] == ("right", 0, 0)
    assert beside["3"] == ("left", 1, 1)


def race_of_two(store: Store) -> str:
    config = RaceConfig.parse(
        {
            "contenders": [
                {"direction": {"solver": "explicit"}},
                {"direction": {"solver": "exact"}},
            ],
            "seeds": 2,
        }
    )
    run = store.create_run(config)
    for member in range(4):
        points = [
            Point(
                "evaluations", step, step, step / 9, {"train_loss": 4.0 - step / 2 + member}, member
            )
            for step in range(3)
        ]
        store.append(run, points)
        end = Ended("finished", 2, 2.0, 0.2, "", {"train_loss": 3.0 + member}, member)
        store.append(run, events=[(0.0, end)])
    store.end(run, "finished", "", {}, WHOLE)
    return run


def test_a_report_is_one_file_with_everything(store: Store, seeds: list[str]) -> None:
    store.rename(seeds[0], HOSTILE)
    store.note(seeds[0], HOSTILE)
    store.tag(seeds[0], ["t&t"])
    race = race_of_two(store)
    client = TestClient(Starlette(routes=list(ROUTES)))
    answer = client.get(f"/api/report.html?runs={seeds[0]},{seeds[3]},{race}")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    html = answer.text
    assert html.count("<img src=x") == 0  # in words, tables, charts and settings alike
    assert html.count("&lt;img src=x onerror=alert(1)&gt;") >= 4
    assert "#t&amp;t" in html
    for expected in (
        "Training loss by epoch",
        "Where the settings differ",
        "PyTorch",
        "τ 0.05 → 0.5",
    ):
        assert expected in html
    assert "4 ± 1.4" in html  # the race's first contender over its two seeds
    scripts = re.findall(r"<script[^>]*>.*?</script>", html, re.DOTALL)
    assert max(map(len, scripts)) > 1_000_000  # Plotly itself, once
    assert sum(len(script) > 1_000_000 for script in scripts) == 1
    assert not any(script.startswith("<script") and " src=" in script[:200] for script in scripts)
    for script in scripts:
        html = html.replace(script, "")
    assert not re.findall(r"https?://", html)


def test_a_report_on_nothing_is_refused(store: Store) -> None:
    client = TestClient(Starlette(routes=list(ROUTES)))
    assert client.get("/api/report.html?runs=gone").status_code == 404
    assert client.get("/api/report.html").status_code == 404


def test_names_in_the_table_of_differences_are_escaped(store: Store) -> None:
    ended(store, 1.0, name=HOSTILE)
    ended(store, 2.0, seed=5)
    assert "<img" not in difference_table(sides(store, store.runs()))


def test_axes_are_those_that_differ_and_the_results(store: Store, seeds: list[str]) -> None:
    titles = [axis.title for axis in axes(sides(store, store.runs()))]
    assert titles[:2] == ["Seed", "Weight step"]
    assert titles[-1] == "validation accuracy"
