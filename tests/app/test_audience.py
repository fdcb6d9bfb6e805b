"""Whatever a browser can ask for, by whichever way, passes the one guard: all ways enumerated."""

from __future__ import annotations

import ast
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import services
from app.components import answers
from app.lessons.checks import CHECKS
from app.questions import QuestionFailed
from app.room import Room
from proxprop.lessons.lecture import Lecture, Scene
from proxprop.lessons.shelf import save
from proxprop.runs.store import Store
from proxprop.spec.racing import default_race
from tests.app.conftest import PAGES, SECRET, known_run, open_page
from tests.app.stability.conftest import known_sweep
from tests.architecture.sources import modules, tree

# What writes, starts or ends something outside of a page's session. Store and service are handed
# out behind the guard (tests/app/test_room.py tries every method).
WRITES = {
    *("write_text", "write_bytes", "write_atomically", "write", "dump", "open", "touch", "mkdir"),
    *("unlink", "rename", "replace_file", "rmtree", "copyfile", "move", "save", "keep_upload"),
    *("Popen", "run", "call", "check_call", "kill", "killpg", "system", "ask"),
    *("requeue", "stop", "give_up", "restore", "purge"),
}
OF_PATHS = {"open", "write", "run", "call", "stop", "kill", "dump", "restore"}  # and of much else
INNER = {"Store", "RunService"}  # to be made, or passed on to be made, in one place only
# Who may without asking, and why.
FREE = {
    "app.compression.compressed": "packs Streamlit's own files when the server starts",
    "app.samples._sheet": "a picture in memory",
    "app.runs.panel._write": "methods of the store behind the guard",
    "app.components.machine._gpu": "asks the machine what it has",
    "app.lessons.checks.Checks._work": "`ask` is asked for",
    "app.questions.Questions._running": "a question's process; large ones are asked for",
    "app.questions._forget_old": "the cache of answers",
    "app.services._store": "handed out behind the guard",
    "app.services.get_service": "handed out behind the guard",
}


def changing(root: ast.Module, name: str) -> Iterator[tuple[str, int]]:
    """Yield the functions that change something before they have asked, with the line."""

    def visit(node: ast.AST, inside: str, asked: list[int]) -> Iterator[tuple[str, int]]:
        for child in ast.iter_child_nodes(node):
            place, own = inside, asked
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                place = f"{inside}.{child.name}"
                own = [
                    call.lineno
                    for call in ast.walk(child)
                    if isinstance(call, ast.Call) and called(call) == "permit"
                ]
            asked_before = (
                any(line < child.lineno for line in own) if hasattr(child, "lineno") else 0
            )
            if isinstance(child, ast.Call) and writes(child) and not asked_before:
                yield inside, child.lineno
            yield from visit(child, place, own)

    yield from visit(root, name, [])


def called(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else ""


def writes(call: ast.Call) -> bool:
    name = called(call)
    passed = {part.id for part in (call.func, *call.args) if isinstance(part, ast.Name)}
    if passed & INNER and name not in ("cast", "isinstance"):
        return True
    if name not in WRITES:
        return False
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(owner, ast.Call) and called(owner) in ("get_store", "get_service"):
        return False  # handed out behind the guard
    if name not in OF_PATHS:
        return True
    modules = {"subprocess", "os", "shutil", "signal", "json"}
    return owner is None or (isinstance(owner, ast.Name) and owner.id in modules)


def test_whatever_the_pages_change_is_asked_for_first() -> None:
    sources = {n: p for n, p in modules().items() if n.partition(".")[0] in ("app", "pages")}
    found = [at for name, path in sources.items() for at in changing(tree(path), name)]
    assert {place for place, _ in found} == set(FREE)


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ("path.unlink()", True),
        ("permit('keep')\n path.unlink()", False),
        ("path.unlink()\n permit('keep')", True),
        ("Store(path)", True),
        ("subprocess.run(command)", True),
        ("page.run()", False),
    ],
)
def test_a_new_way_to_change_something_is_noticed(body: str, refused: bool) -> None:
    found = list(changing(ast.parse(f"def new():\n {body}"), "app.new"))
    assert bool(found) is refused


def links(store: Store) -> dict[str, tuple[str, dict[str, str]]]:
    """Return a link for every page, and for every state in which it has buttons of its own."""
    done, going = known_run(store), known_run(store, outcome=None)
    stopped, deleted = known_run(store, outcome="stopped"), known_run(store)
    race, sweep = store.create_run(default_race()), known_sweep(store)
    store.delete(deleted)
    save("mine", Lecture(title="Mine", scenes=(Scene(title="One", link="train"),) * 2))
    return {
        **{page: (page, {}) for page in PAGES},
        "a run that goes on": ("train", {"run": going}),
        "a run that stopped": ("train", {"run": stopped}),
        "a queued race": ("compare", {"race": race}),
        "a map": ("stability", {"sweep": sweep}),
        "a recorded map": ("stability", {"view": "Whole network"}),
        "real layers": ("stability", {"view": "Real layers"}),
        "a run in the list": ("runs", {"run": done}),
        "a lecture": ("train", {"lecture": "ten-minutes.6"}),
    }


def state_of(home: Path) -> tuple[list[str], list[Path]]:
    """Return all that is stored, and which files there are."""
    with sqlite3.connect(home / "proxprop.db") as connection:
        rows = list(connection.iterdump())
    kept = [path for path in home.rglob("*") if path.is_file() and "proxprop.db" not in path.name]
    return rows, sorted(path for path in kept if "cache" not in path.parts)


def press_everything(at: AppTest) -> int:
    """Use every widget of a page, the disabled ones too, as a browser could; how many there are."""
    texts = (*at.text_input, *at.text_area)
    for widget in (*at.button, *at.toggle, *texts):
        widget.proto.disabled = False  # nothing but the page itself heeds it
    for button in at.button:
        button.click()
    for toggle in at.toggle:
        toggle.set_value(not toggle.value)
    for field in texts:
        field.set_value("changed")
    return len(at.button) + len(at.toggle) + len(texts)


class Unanswered:
    """Answers nothing, at once."""

    def answer(self, *asked: object) -> None:
        raise QuestionFailed("Nobody computes here.")


def test_the_audience_changes_nothing_even_by_what_only_the_presenter_was_shown(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: Room
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(CHECKS, "ask", asked.append)
    monkeypatch.setattr(answers, "get_questions", Unanswered)  # small ones anyone may ask
    pressed = 0
    for place, (page, query) in links(store).items():
        room.passphrase = ""
        at = open_page(page, **query)
        pressed += press_everything(at)
        room.passphrase = SECRET  # what was shown to the presenter is sent by the audience
        before = state_of(tmp_path)
        at.run()
        assert not at.exception, place
        assert state_of(tmp_path) == before, place
    assert asked == []
    assert pressed > 80
    room.passphrase = ""
    at = open_page("lessons")
    press_everything(at)
    at.run()
    assert asked  # the same, sent by the presenter
    assert services.get_store().runs()
