"""The Runs page without a browser: finding, choosing, copying, deleting and undoing."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app.runs.columns import ago
from app.runs.search import RunsState, listed
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Artifact
from tests.app.conftest import ROOT, known_run, open_page, query, text, unfold


@pytest.fixture
def three(store: Store) -> dict[str, str]:
    """A CG run on spirals, an explicit one that diverged, a plain default one with a note."""
    cg = RunConfig().replace(**{"data.name": "spirals", "direction.solver": "cg"})
    explicit = RunConfig().replace(**{"direction.solver": "explicit"})
    runs = {
        "cg": known_run(store, cg),
        "explicit": known_run(store, explicit, outcome="diverged"),
        "default": known_run(store),
    }
    store.note(runs["default"], "Shown in the lecture")
    store.tag(runs["default"], ["baseline"])
    return runs


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (RunsState(), ["default", "explicit", "cg"]),
        (RunsState(order="oldest"), ["cg", "explicit", "default"]),
        (RunsState(search="(cg"), ["cg"]),
        (RunsState(search="lecture SHOWN"), ["default"]),
        (RunsState(search="baseline"), ["default"]),
        (RunsState(search="nesterov"), ["default", "explicit", "cg"]),
        (RunsState(search="cg_steps"), []),
        (RunsState(search="relu"), ["default", "explicit", "cg"]),
        (RunsState(search="spirals seed 0"), ["cg"]),
        (RunsState(search="seed 6"), []),
        (RunsState(search="tau .05 nesterov"), ["default", "explicit", "cg"]),
        (RunsState(search="τ 0.06"), []),
        (RunsState(status=["▲ diverged"]), ["explicit"]),
        (RunsState(data=["Two spirals"]), ["cg"]),
        (RunsState(direction=["explicit", "implicit (CG k)"]), ["explicit", "cg"]),
        (RunsState(search="digits", direction=["implicit (exact)"]), ["default"]),
    ],
)
def test_runs_are_found(
    store: Store, three: dict[str, str], wanted: RunsState, found: list[str]
) -> None:
    assert [run.id for run in listed(store, wanted)] == [three[name] for name in found]


def test_filters_are_in_the_link(store: Store, three: dict[str, str]) -> None:
    at = open_page("runs", q="(cg")  # no id holds a bracket
    assert list(at.dataframe[0].value["data"]) == ["Two spirals"]
    at = open_page("runs", status="▲ diverged", order="oldest")
    assert list(at.dataframe[0].value["status"]) == ["▲ diverged"]


def test_a_link_of_an_earlier_version_opens_the_same_list(
    store: Store, three: dict[str, str]
) -> None:
    both = ["▲ diverged", "✓ finished"]
    at = open_page("runs", status=both, order="oldest first", run=[three["cg"], three["explicit"]])
    assert list(at.dataframe[0].value["status"]) == ["✓ finished", "▲ diverged", "✓ finished"]
    assert query(at) == {
        "status": ",".join(both),
        "order": "oldest",
        "run": f"{three['cg']},{three['explicit']}",
    }
    assert at.button(key="delete").label == "Delete 2 runs"


def test_no_match_says_what_to_do(store: Store, three: dict[str, str]) -> None:
    assert "No run matches. Take away a filter" in text(open_page("runs", q="nothing like it"))


def test_linked_run_is_chosen_and_keeps_what_is_written(
    store: Store, three: dict[str, str]
) -> None:
    run_id = three["cg"]
    at = open_page("runs", run=run_id)
    at.text_input(key=f"name.{run_id}").input("Spirals by CG").run()
    at.text_input(key=f"notes.{run_id}").input("winds up slowly").run()
    run = store.run(run_id)
    assert (run.name, run.notes) == ("Spirals by CG", "winds up slowly")
    assert "Spirals by CG" in list(at.dataframe[0].value["run"])


def test_a_run_of_a_cluster_says_where_it_was(store: Store, three: dict[str, str]) -> None:
    assert "On a cluster" not in text(open_page("runs", run=three["cg"]))
    nodes = [{"node": name, "parts": [], "done": 2, "lost": 0} for name in ("a", "b")]
    store.append(three["cg"], artifacts=[Artifact("parts", 0, {"nodes": nodes})])
    shown = text(open_page("runs", run=three["cg"]))
    assert "On a cluster: 2 parts on a, 2 parts on b" in shown


def test_choice_stays_with_its_run_when_rows_move(store: Store, three: dict[str, str]) -> None:
    at = open_page("runs", run=three["default"])
    assert "Shown in the lecture" in [field.value for field in at.text_input]
    known_run(store)  # a newer run takes the first row
    at.run()
    assert query(at) == {"run": three["default"]}
    assert "Shown in the lecture" in [field.value for field in at.text_input]


def test_delete_asks_first_and_can_be_undone(store: Store, three: dict[str, str]) -> None:
    at = open_page("runs", run=three["explicit"])
    at.button(key="delete").click().run()
    assert len(store.runs()) == 3
    at.button(key="delete.yes").click().run()
    at.run()
    assert [run.id for run in store.runs(deleted=True)] == [three["explicit"]]
    assert len(at.dataframe[0].value) == 2
    at.button(key="undo").click().run()
    assert store.runs(deleted=True) == []
    assert len(at.dataframe[0].value) == 3


def forget_address(at: AppTest) -> None:
    """Take the address away, which AppTest carries on to the next page and a browser does not."""
    at.query_params.clear()
    at.session_state["RunsState"]._written = {}


def test_copy_takes_the_last_settings_to_the_form(store: Store, three: dict[str, str]) -> None:
    at = open_page("runs", run=three["cg"])
    forget_address(at)
    at.button(key="copy").click().run()
    assert query(at) == {
        "data.name": "spirals",
        "direction.solver": "cg",
        "direction.tau": "0.5",
    }
    assert not at.button(key="start").disabled


def test_replay_plans_the_live_changes(store: Store, three: dict[str, str]) -> None:
    at = open_page("runs", run=three["default"])
    forget_address(at)
    at.button(key="replay").click().run()
    assert query(at) == {"changes": '[{"step": 20, "values": {"tau": 0.5}}]'}
    at.switch_page(str(ROOT / "pages" / "train.py"))
    assert "step 20: Proximal step τ 0.5" in text(unfold(at, "more"))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "just now"), (600, "10 min ago"), (7200, "2 h ago"), (10 * 86_400, "10 d ago")],
)
def test_age_in_words(seconds: float, words: str) -> None:
    assert ago(seconds) == words
