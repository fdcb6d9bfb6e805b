"""Names, notes and links are words: no page renders them as markup."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from streamlit.testing.v1 import AppTest

from app.components import answers
from app.components.notation import as_written
from app.forms.settings import SETTINGS
from app.questions import QuestionFailed
from proxprop.lessons.lecture import Lecture, Scene
from proxprop.lessons.shelf import save
from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.config import RaceConfig, RunConfig
from proxprop.spec.sweeping import default_sweep
from tests.app.conftest import PAGES, known_run, open_page, unfold

HOSTILE = "![x](http://evil.example/p) <img src=x> **b** $a$ `c` :red[d]"
MARKUP = ("![x]", "](http://evil", " <img", "**b**", "$a$", "`c`", ":red[")
WORDS = ("body", "label", "help", "placeholder", "text")
# What shows its label or body as Markdown; selections list their options as plain text.
PLAIN = ("text_input.placeholder", "text_area.placeholder", "selectbox.placeholder")


def rendered(at: AppTest) -> Iterator[tuple[str, str]]:
    """Yield kind and text of everything that the browser renders as Markdown."""
    for element in [*at.main, *at.sidebar]:
        yield from _of(element)


def _of(element: Any) -> Iterator[tuple[str, str]]:
    for child in getattr(element, "children", {}).values():
        yield from _of(child)
    proto = getattr(element, "proto", None)
    for name in WORDS:
        value = getattr(proto, name, None)
        if isinstance(value, str) and f"{element.type}.{name}" not in PLAIN:
            yield f"{element.type}.{name}", value
    for option in getattr(proto, "options", ()):
        if element.type in ("button_group", "radio"):
            yield f"{element.type}.option", getattr(option, "content", str(option))


def check(at: AppTest) -> None:
    assert not at.exception
    for kind, text in rendered(at):
        found = [sign for sign in MARKUP if sign in text and rf"\{sign.strip()}" not in text]
        assert not found, f"{kind} renders {found}: {text}"


@pytest.fixture(autouse=True)
def _nothing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fake:
        def answer(self, *asked: object) -> None:
            raise QuestionFailed(HOSTILE)

    monkeypatch.setattr(answers, "get_questions", Fake)


@pytest.fixture
def runs(store: Store) -> dict[str, str]:
    run = known_run(store)
    contender = {"label": HOSTILE[:40], "direction": {"solver": "explicit"}}
    race = RaceConfig.parse({"contenders": [contender, {"direction": {"solver": "exact"}}]})
    made = {
        "run": run,
        "race": store.create_run(race, process=Process.current()),
        "sweep": store.create_run(default_sweep(), process=Process.current()),
    }
    for run_id in made.values():
        store.rename(run_id, HOSTILE)
        store.note(run_id, HOSTILE)
        store.tag(run_id, [HOSTILE])
    store.end(made["race"], "failed", HOSTILE)
    scene = Scene.parse({"title": HOSTILE, "link": f"runs?{urlencode({'q': HOSTILE})}"})
    save("hostile", Lecture(title=HOSTILE, scenes=(scene,)))
    return made


def test_text_is_shown_as_it_is_written() -> None:
    text = as_written(HOSTILE)
    assert "![" not in text
    assert "<img" not in text.replace(r"\<", "")
    assert as_written("batch_size 100, τ 0.05 → 0.5") == "batch_size 100, τ 0.05 → 0.5"
    assert as_written("# a\n- b") == r"\# a - b"
    assert as_written("- b > c") == r"\- b > c"
    assert as_written("1. b") == r"1\. b"
    assert as_written("http://a www.b.c") == r"http\://a www\.b.c"


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_hostile_names_as_words(runs: dict[str, str], page: str) -> None:
    check(open_page(page))


def test_pages_of_one_run_show_its_name_as_words(runs: dict[str, str], store: Store) -> None:
    check(open_page("train", run=runs["run"]))
    check(open_page("layers", run=runs["run"], view="Along a run"))
    check(open_page("compare", race=runs["race"]))
    check(open_page("compare", runs=runs["run"]))
    check(open_page("stability", view="Whole network", sweep=runs["sweep"]))
    check(open_page("stability", view="Real layers", run=runs["run"]))
    at = open_page("runs", run=runs["race"])
    check(at)
    at.button(key="delete").click().run()
    check(at)
    store.delete(runs["run"])
    check(open_page("runs"))


def test_links_are_words(runs: dict[str, str]) -> None:
    groups = ("data", "model", "budget", "more")
    every = dict.fromkeys(SETTINGS, HOSTILE) | {"nosuchsetting" + HOSTILE: "1"}
    check(unfold(open_page("train", **every), *groups))
    for name in SETTINGS:
        if name.startswith(("data.", "model.")) or name in ("batch_size", "seed"):
            check(open_page("train", **{name: HOSTILE}))
    folder = {"data.name": "folder", "data.path": f"/{HOSTILE}"}
    check(unfold(open_page("train", **folder), *groups))
    check(open_page("compare", form=HOSTILE))
    for page, name in (("train", "run"), ("layers", "run"), ("compare", "race")):
        check(open_page(page, **{name: HOSTILE}))
    check(open_page("compare", runs=f"{runs['run']},{HOSTILE}"))
    for view in ("Whole network", "Real layers"):
        check(open_page("stability", view=view, sweep=HOSTILE, run=HOSTILE))
    check(open_page("paper", experiment=HOSTILE))
    check(open_page("runs", q=HOSTILE, run=HOSTILE))


def test_the_config_of_another_version_is_told_in_words(store: Store) -> None:
    run = store.create_run(RunConfig(), process=Process.current())
    store._write(
        "UPDATE runs SET config = ? WHERE id = ?", (f'{{"kind": "run", "{HOSTILE}": 1}}', run)
    )
    check(open_page("train", run=run))
    check(open_page("runs", run=run))
