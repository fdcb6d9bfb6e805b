"""The first answers of Stability and Layers are there at once, and give way to this machine's."""

from __future__ import annotations

import pytest

from app.components import answers
from app.components.recorded import recorded, recording_path
from app.questions import answer_path
from benchmarks.recorded_answers import questions
from proxprop.runs.store import Store
from tests.app.conftest import open_page, text


def test_every_default_question_has_a_recording_of_this_version(store: Store) -> None:
    for question in questions():
        for part in question.parts:
            path = recording_path(question.digest, part)
            assert path.exists(), "record anew: python -m benchmarks.recorded_answers"
            assert recorded(question, part) is not None


@pytest.mark.parametrize(("page", "link"), [("layers", {}), ("stability", {"view": "Real layers"})])
def test_the_first_view_asks_nobody_and_says_so(
    store: Store, monkeypatch: pytest.MonkeyPatch, page: str, link: dict[str, str]
) -> None:
    monkeypatch.setattr(answers, "get_questions", lambda: pytest.fail("nobody needs to be asked"))
    at = open_page(page, **link)
    assert not at.exception
    assert not at.error
    assert "Recorded" in text(at)


def test_this_machines_own_answer_comes_first(store: Store) -> None:
    question = questions()[0]
    path = answer_path(question, "spectra")
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert recorded(question, "spectra") is None
