"""A run whose state could not be saved says so where a person looks at it."""

from __future__ import annotations

from typing import Any

import pytest

from app.live import status
from proxprop.runs.checkpoints import Checkpoints
from proxprop.runs.errors import StoreFullError
from proxprop.runs.execution import execute
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from tests.app.conftest import open_page, text
from tests.runs import loops

LOST = "Its last state and weights are lost. No checkpoint at step 100: The disk is full."


def test_the_pages_of_a_run_say_that_its_state_is_lost(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreFullError("The disk is full.")

    monkeypatch.setattr(Checkpoints, "save", refuse)
    run_id = store.create_run(RunConfig(), process=Process.current())
    execute(store, run_id, Mailbox(store, run_id), lambda: {"run": loops.finishes})
    shown: dict[str, Any] = {}
    monkeypatch.setattr(status, "mount", lambda name, data, **_: shown.update(data))
    page = open_page("train", run=run_id)
    assert LOST in shown["states"][run_id]["words"]
    assert "the 100 steps it recorded are thrown away" in text(page)
    runs = open_page("runs", run=run_id)
    assert LOST in text(runs)
    assert list(runs.dataframe[0].value["status"]) == ["✕ failed"]
