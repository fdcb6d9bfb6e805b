"""Lecture mode and scenes without a browser: links, starts, attaching again, keeping views."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.compare.state import RaceState
from app.components import answers
from app.layers.page import LayersState
from app.lecture import scenes
from app.paper.page import PaperState
from app.questions import Lanes, QuestionFailed
from app.runs.search import RunsState
from app.stability.page import StabilityState
from app.stability.real_layers import INITIAL
from app.train.state import TrainState
from proxprop.analysis.questions import Question, SpectraQuestion, StepQuestion
from proxprop.lessons.lecture import Lecture, Scene
from proxprop.lessons.shelf import find_lecture, save, shipped
from proxprop.runs.store import Store
from tests.app.conftest import PAGES, ROOT, known_run, open_page, query, text

STATES = {
    "train": TrainState,
    "stability": StabilityState,
    "compare": RaceState,
    "layers": LayersState,
    "paper": PaperState,
    "runs": RunsState,
}
# What the browser keeps of a link: the quadratic's controls, the stage of the slow motion.
KEPT_THERE = {"s", "kappa", "angle", "beta", "k", "n", "x", "y"}
EVERY = [(name, scene) for name, lecture in shipped().items() for scene in lecture.scenes]


@pytest.fixture(autouse=True)
def nothing_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "_STARTED", {})
    monkeypatch.setattr(scenes, "this_owner", lambda: "the same browser")


@pytest.mark.parametrize(("name", "scene"), EVERY, ids=[f"{n}: {s.title}" for n, s in EVERY])
def test_every_field_of_a_shipped_link_exists(store: Store, name: str, scene: Scene) -> None:
    known = (
        {} if scene.page not in STATES else STATES[scene.page].from_query(scene.query).to_query()
    )
    lost = {key for key, said in scene.query.items() if (known or {}).get(key) != said}
    assert lost <= (KEPT_THERE if scene.page == "stability" else set())
    if scene.arrive == "start":
        assert scene.page in ("train", "compare", "stability")


@pytest.mark.parametrize("name", PAGES)
def test_one_switch_on_every_page_and_kept_to_the_next(store: Store, name: str) -> None:
    known_run(store)
    at = open_page(name)
    at.toggle(key="lecture-switch").set_value(True).run()
    assert query(at)["lecture"] == "1"
    following = PAGES[(PAGES.index(name) + 1) % len(PAGES)]
    at.query_params.clear()  # as a click on another page's name does
    at.switch_page(str(ROOT / "pages" / f"{following}.py")).run()
    assert not at.exception
    assert at.toggle(key="lecture-switch").value is True
    assert query(at)["lecture"] == "1"
    at.toggle(key="lecture-switch").set_value(False).run()
    assert "lecture" not in query(at)


def test_a_scene_starts_its_run_once_and_is_attached_to_it_again(store: Store) -> None:
    scene = shipped()["ten-minutes"].scenes[5]
    at = open_page("train", **scene.query, lecture="ten-minutes.6")
    (run,) = store.runs()
    assert (run.config.direction.solver, run.config.model.activation) == ("explicit", "elu")
    assert query(at)["run"] == run.id
    at.run()
    open_page("train", **query(at))  # F5
    open_page("train", **scene.query, lecture="ten-minutes.6")  # before the address followed
    assert [found.id for found in store.runs()] == [run.id]


def test_a_scene_whose_run_was_deleted_says_so_and_goes_on(store: Store) -> None:
    run = known_run(store)
    save("mine", Lecture(title="Mine", scenes=(Scene(title="A run", link=f"train?run={run}"),) * 2))
    store.delete(run)
    at = open_page("train", run=run, lecture="mine.1")
    assert run in text(at)
    assert not at.exception
    assert bar(at)["place"] == 1


def test_an_unreadable_lecture_leaves_the_page_in_lecture_mode(
    store: Store, tmp_path: Path
) -> None:
    (tmp_path / "lectures").mkdir()
    (tmp_path / "lectures" / "bad.toml").write_text("title = ")
    at = open_page("train", lecture="bad.1")
    assert not at.exception
    assert bar(at)["count"] == 0
    assert "bad.toml" in text(open_page("lessons"))


def test_who_left_a_scene_by_mistake_comes_back_to_it(store: Store) -> None:
    at = open_page("stability", s="1.5", lecture="quadratic.1")
    at.toggle(key="lecture-switch").set_value(False).run()
    assert "lecture" not in query(at)
    at.toggle(key="lecture-switch").set_value(True).run()
    assert query(at)["lecture"] == "quadratic.1"
    assert bar(at)["title"] == "Below the limit both arrive"


def test_what_later_scenes_ask_is_answered_before_they_are_reached(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = ["home", "layers?k=3", "layers?tau=0.2&of=conv", "stability?net=initial-convnet"]
    save("mine", Lecture(title="Mine", scenes=[Scene(title=link, link=link) for link in links]))
    prepared: list[Question] = []
    monkeypatch.setattr(Lanes, "prepare", lambda lanes, questions: prepared.extend(questions))
    at = open_page("home", lecture="mine.1")
    step, spectra = prepared  # the other one is recorded
    assert isinstance(step, StepQuestion)
    assert (step.config.direction.tau, step.config.model.name) == (0.2, "small-convnet")
    assert spectra == SpectraQuestion(config=INITIAL["initial-convnet"])
    at.run()
    assert len(prepared) == 2
    asked: list[Question] = []  # by the pages themselves
    monkeypatch.setattr(answers, "get_questions", lambda: Asking(asked))
    for link in links[2:]:
        scene = Scene(title="x", link=link)
        open_page(scene.page, **scene.query)
    assert asked == prepared


class Asking:
    """Notes what is asked, and answers nothing."""

    def __init__(self, asked: list[Question]) -> None:
        self.asked = asked

    def answer(self, question: Question, *rest: object) -> None:
        self.asked.append(question)
        raise QuestionFailed("Nobody computes here.")


def test_a_view_becomes_a_scene(store: Store) -> None:
    at = open_page("stability", view="Real layers", tau="0.5", lecture="0")
    at.session_state["lecture.add"] = True
    at.run()
    at.text_input(key="lecture.title").set_value("Large τ").run()
    at.text_input(key="lecture.name").set_value("My talk").run()
    at.button(key="lecture.add-it").click().run()
    made = find_lecture("my-talk")
    assert made is not None
    assert made.title == "My talk"
    assert [(s.title, s.page, s.query) for s in made.scenes] == [
        ("Large τ", "stability", {"view": "Real layers", "tau": "0.5"})
    ]


def test_scenes_are_retitled_moved_and_deleted(store: Store) -> None:
    pair = tuple(Scene(title=title, link="train") for title in ("One", "Two"))
    save("mine", Lecture(title="Mine", scenes=pair))
    at = open_page("lessons")
    at.button(key="Down.mine.0").click().run()
    at.text_input(key="title.mine.0.Two").set_value("Second").run()
    assert [s.title for s in find_lecture("mine").scenes] == ["Second", "One"]
    at.button(key="Delete.mine.0").click().run()
    assert [s.title for s in find_lecture("mine").scenes] == ["One"]
    at.button(key="delete.mine").click().run()
    assert find_lecture("mine") is None


def test_teach_opens_the_first_scene(store: Store) -> None:
    at = open_page("lessons")
    at.button(key="teach.quadratic").click().run()
    assert query(at) == {"s": "1.5", "lecture": "quadratic.1"}
    assert bar(at)["title"] == "Below the limit both arrive"
    assert bar(at)["next"] == "Past the limit"


def bar(at: AppTest) -> dict:
    import json

    (found,) = (
        json.loads(item.proto.json)
        for item in at.get("bidi_component")
        if item.proto.component_name.endswith("proxprop_lecture")
    )
    return found
