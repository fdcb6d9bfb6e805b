"""Curves from files, beside the race on Compare: drawn, in the table, and removed again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from app.charts.theme import GREY
from app.compare.imported import MOST
from app.routes import ROUTES
from proxprop.runs.store import Store
from tests.app.compare.conftest import known_race
from tests.app.compare.test_table import table
from tests.app.conftest import components, known_run, open_page, query, text
from tests.imported.written import event_file

HISTORY = (
    b"step,epoch,train_loss,val_loss,val_acc\n0,0,2,2.5,10\n15,1,0.4,0.6,80\n30,2,0.3,0.5,85\n"
)
EVENTS = event_file([("loss", step, 1 / (step + 1), 1e9 + step) for step in range(0, 31, 10)])


def compare(**link: str) -> AppTest:
    """Open Compare with the menu unfolded."""
    at = open_page("compare", **link)
    at.session_state["race.import"] = True
    return at.run()


def send(at: AppTest, name: str, content: bytes) -> AppTest:
    return at.file_uploader[0].upload(name, content).run()


def lines(at: AppTest) -> dict[str, dict[str, Any]]:
    """Return label → line, of the imported ones."""
    (chart,) = [each for each in components(at, "chart") if each.get("quantities")]
    drawn = chart["figure"]["data"]
    return {line["name"]: line for line in drawn if "points" in line["meta"]}


def points(at: AppTest, name: str, series: str = "evaluations/train_loss") -> dict[str, Any]:
    found: dict[str, Any] = lines(at)[name]["meta"]["points"][series]
    return found


def test_a_history_is_drawn_greyed_and_stands_in_the_table(store: Store) -> None:
    race = known_race(store, seeds=1)
    at = compare(race=race, **{"target.train_loss": "0.35"})
    assert "at most 10 MB" in at.file_uploader[0].help
    send(at, "elsewhere.csv", HISTORY)
    line = lines(at)["elsewhere (imported)"]
    assert (line["line"]["color"], line["line"]["dash"], line["meta"]["run"]) == (GREY, "dash", "")
    assert points(at, "elsewhere (imported)") == {
        **{"step": [0, 15, 30], "epoch": [0, 1, 2], "seconds": []},
        "y": [2, 0.4, 0.3],
    }
    accuracy = points(at, "elsewhere (imported)", "evaluations/validation_accuracy")
    assert accuracy["y"] == [0.1, 0.8, 0.85]
    row = table(at)[-1]
    assert row[0].startswith("elsewhere (imported) not raced here")
    assert row[1:5] == ["↥ imported", "0.3", "0.3", "85.0 %"]
    assert row[6] == "1.46"  # ln(.4/.35) / ln(.4/.3) after epoch 1
    assert (row[5], row[7], row[8]) == ("–", "–", "–")
    assert "not raced here" in text(at)
    assert query(at).keys() == {"race", "target.train_loss"}


def test_an_imported_run_is_never_ahead(store: Store) -> None:
    at = send(compare(race=known_race(store, seeds=1)), "e.csv", b"step,epoch,loss\n0,0,1e-9\n")
    body = next(item.proto.body for item in at.get("html") if "race-table" in item.proto.body)  # type: ignore[attr-defined]
    assert "class=best" in body
    assert "class=best" not in body[body.index("e (imported)") :]


def test_a_file_without_epochs_is_drawn_by_step_until_a_person_says_how_long_one_is(
    store: Store,
) -> None:
    at = send(compare(race=known_race(store, seeds=1)), "events.out.tfevents.1.h.2.0", EVENTS)
    (name,) = lines(at)
    assert name == "TensorBoard, 2001-09-09 01:46 (imported)"
    assert query(at)["x"] == "step"
    assert points(at, name)["epoch"] == []
    assert points(at, name)["seconds"] == [0, 10, 20, 30]
    assert "its seconds are the clock on the wall" in text(at)
    at.number_input(key="race.import.0.steps").set_value(10).run()
    assert points(at, name)["epoch"] == [0, 1, 2, 3]


def test_which_metric_is_meant_can_be_said(store: Store) -> None:
    at = send(compare(), "h.csv", b"step,epoch,objective,noise\n0,0,3,7\n1,1,2,8\n")
    assert "no metric that is known as training loss" in text(at)
    at.selectbox(key="race.import.0.train_loss").set_value("objective").run()
    assert points(at, "h (imported)")["y"] == [3, 2]
    assert "no metric that is known as" not in text(at)


@pytest.mark.parametrize("kind", ["points.csv", "chart"])
def test_our_own_exports_come_back_with_their_numbers(store: Store, kind: str) -> None:
    run = known_run(store)
    known = store.points(run, "evaluations")
    if kind == "chart":
        head = "run,series,label,step,epoch,seconds,value\n"
        rows = zip(*(known[c] for c in ("step", "epoch", "seconds", "train_loss")), strict=True)
        told = [f"{run},0/evaluations/train_loss,mine,{','.join(map(repr, row))}\n" for row in rows]
        content = (head + "".join(told)).encode()
    else:
        content = TestClient(Starlette(routes=ROUTES)).get(f"/api/runs/{run}/{kind}").content
    at = send(compare(), "mine.csv", content)
    drawn = points(at, "mine (imported)")
    assert drawn["y"] == pytest.approx(list(known["train_loss"]), rel=1e-6)
    for axis in ("step", "epoch", "seconds"):
        assert drawn[axis] == pytest.approx(list(known[axis]), rel=1e-6)
    assert "its seconds are training time" in text(at)


def test_what_cannot_be_read_is_told_and_nothing_is_lost(store: Store) -> None:
    at = send(compare(race=known_race(store, seeds=1)), "h.csv", HISTORY)
    send(at, "picture.png", b"\x89PNG\r\n\x1a\n\0\0\0")
    assert "picture.png is of no kind that is read here" in text(at)
    assert [*lines(at)] == ["h (imported)"]
    assert not at.exception
    send(at, "other.csv", HISTORY.replace(b"0.3", b"0.2"))
    assert "of no kind" not in text(at)
    assert [*lines(at)] == ["h (imported)", "other (imported)"]
    send(at, "h.csv", HISTORY)  # the same again is the same
    assert len(lines(at)) == 2


def test_of_many_runs_some_are_drawn_and_others_can_be(store: Store) -> None:
    rows = "".join(f"r{n},{step},{step},{n}\n" for n in range(9) for step in range(2))
    at = send(compare(), "many.csv", f"run,step,epoch,loss\n{rows}".encode())
    assert [*lines(at)] == [f"r{n} (imported)" for n in range(MOST)]
    chosen = at.multiselect(key="race.import.drawn")
    chosen.set_value([*chosen.value[1:], chosen.value[0][:-1] + "8"]).run()
    assert [*lines(at)] == [f"r{n} (imported)" for n in (1, 2, 3, 8)]
    more = rows.replace("r", "s").encode()
    send(at, "more.csv", b"run,step,epoch,loss\n" + more)
    send(at, "most.csv", b"run,step,epoch,loss\n" + more.replace(b"s", b"t"))
    assert "more than 20; remove some first" in text(at)


def test_imported_curves_stay_on_other_pages_and_go_at_a_click(store: Store) -> None:
    at = send(compare(), "h.csv", HISTORY)
    pages = Path(__file__).resolve().parents[3] / "pages"
    at.switch_page(str(pages / "train.py")).run()
    at.query_params.clear()
    at.switch_page(str(pages / "compare.py"))
    at.session_state["race.import"] = True
    at.run()
    assert [*lines(at)] == ["h (imported)"]
    at.button(key="race.import.clear").click().run()
    assert lines(at) == {}


def test_hostile_names_are_shown_as_they_are(store: Store) -> None:
    name = "<img src=x onerror=alert(1)>**$x$"
    at = compare(race=known_race(store, seeds=1))
    send(at, "h.csv", f'run,step,epoch,loss\n"{name}",0,0,1\n'.encode())
    assert not at.exception
    bodies = "".join(item.proto.body for item in at.get("html"))  # type: ignore[attr-defined]
    assert "<img" not in bodies
    assert "&lt;img src=x" in bodies
