"""Lecture files: what a person writes is read, kept and refused with line, field and a way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxprop.lessons import shelf
from proxprop.lessons.checking import EXPERIMENTS
from proxprop.lessons.lecture import PAGES, Lecture, Scene
from proxprop.spec.config import ConfigError

WRITTEN = '''title = "Mine"

[[scenes]]
title = "One"
link = "http://localhost:8501/stability?s=2.2&lecture=ten-minutes.3"
notes = """
[[scenes]]
titel = "inside a text"
"""

[[scenes]]
title = "Two"
link = "/"
arrive = "play"
'''


def refused(text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        Lecture.from_toml(text, "my.toml")
    return [str(problem) for problem in error.value.problems]


def test_a_link_may_be_pasted_from_the_address_bar() -> None:
    first, second = Lecture.from_toml(WRITTEN).scenes
    assert (first.page, first.query) == ("stability", {"s": "2.2"})
    assert (second.page, second.query, second.arrive) == ("home", {}, "play")


def test_typos_are_refused_with_line_field_and_what_is_allowed() -> None:
    text = WRITTEN.replace('title = "Two"', 'titel = "Two"').replace('"play"', '"plai"')
    text = text.replace('link = "/"', 'link = "stabilty?s=1"')
    fields = "title, link, words, notes, arrive, expect"
    assert refused(text) == [
        "my.toml, line 11: scene 2, title: is required",
        f"my.toml, line 12: scene 2, titel: is no field here; allowed are {fields}",
        "my.toml, line 13: scene 2, link: must begin with a page, one of "
        f"{', '.join(PAGES)}; got 'stabilty'",
        "my.toml, line 14: scene 2, arrive: must be one of 'nothing', 'start' or 'play', "
        "got 'plai'",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title = Mine", "my.toml: is no TOML: Invalid value (at line 1, column 9)"),
        ('title = "Mine"', "my.toml, line 1: scenes: is required"),
        ('title = "Mine"\nscenes = []', "my.toml, line 2: scenes: needs at least 1 entry"),
    ],
)
def test_what_is_no_lecture_is_refused(text: str, words: str) -> None:
    assert refused(text) == [words]


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
scenes = st.builds(
    Scene,
    title=words,
    link=st.sampled_from(["train?optimizer.lr=1", "home", "stability?view=Whole+network"]),
    words=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=40),
    arrive=st.sampled_from(["nothing", "start", "play"]),
)


@given(st.builds(Lecture, title=words, scenes=st.lists(scenes, min_size=1, max_size=4)))
def test_what_is_written_is_read_back(lecture: Lecture) -> None:
    assert Lecture.from_toml(lecture.to_toml()) == lecture


def test_nine_lessons_are_shipped_in_order_each_with_an_experiment() -> None:
    assert list(shelf.lessons()) == list(EXPERIMENTS)
    assert len(EXPERIMENTS) == 9
    assert list(shelf.shipped())[9:] == ["ten-minutes"]


def test_own_lectures_are_kept_and_shipped_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    lecture = Lecture.from_toml(WRITTEN)
    shelf.save("mine", lecture)
    assert shelf.find_lecture("mine") == lecture
    served = tmp_path / "elsewhere" / "Served.toml"
    lecture.model_copy(update={"title": "Served"}).write(served)
    monkeypatch.setenv(shelf.SERVED, str(served))
    found = shelf.find_lecture("served")
    assert found is not None
    assert found.title == "Served"
    shelf.save("served", lecture)  # a change is written where the file lies
    assert Lecture.read(served) == lecture
    for name in ("penalty", "ten-minutes", "../up", ""):
        with pytest.raises(ConfigError, match="cannot be called"):
            shelf.save(name, lecture)
