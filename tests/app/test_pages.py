"""Every page, found by glob, shows the true values of a known run and no stack trace."""

from __future__ import annotations

import sqlite3

import pytest

from app import services
from proxprop.runs.errors import StoreLockedError
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from tests.app.conftest import PAGES, dials, known_run, open_page, query, text, unfold


@pytest.mark.parametrize("name", PAGES)
def test_page_draws_without_an_error(store: Store, name: str) -> None:
    known_run(store)
    at = open_page(name)
    assert at.title[0].value
    assert not at.exception
    assert not at.error


@pytest.mark.parametrize("name", PAGES)
def test_every_control_has_a_key(store: Store, name: str) -> None:
    known_run(store)
    at = open_page(name)
    kinds = ("button", "text_input", "selectbox", "toggle", "select_slider", "multiselect")
    keyless = [item.label for kind in kinds for item in getattr(at, kind) if not item.key]
    assert keyless == []


def test_train_shows_the_run_of_its_link(store: Store) -> None:
    config = RunConfig().replace(**{"optimizer.lr": 0.37, "seed": 5, "model.widths": (48, 24)})
    run_id = known_run(store, config)
    at = unfold(open_page("train", run=run_id), "model", "budget")
    assert dials(at)["dial.optimizer.lr"]["text"] == "0.37"
    assert at.text_input(key="text.seed").value == "5"
    assert at.text_input(key="text.model.widths").value == "48, 24"
    assert query(at) == {"run": run_id}
    # τ was turned to 0.5 at step 20: the form shows what was last in force.
    assert dials(at)["dial.direction.tau"]["text"] == "0.5"


def test_train_offers_what_fits_the_run(store: Store) -> None:
    ended = open_page("train", run=known_run(store))
    running = open_page("train", run=known_run(store, outcome=None))
    interrupted = open_page("train", run=known_run(store, outcome="interrupted"))
    diverged = open_page("train", run=known_run(store, outcome="diverged"))
    assert {"start"} == _transport(ended)
    assert {"start", "resume"} == _transport(diverged)  # as the command line resumes it
    assert {"step", "epoch", "pause", "stop"} == _transport(running)
    assert {"start", "resume"} == _transport(interrupted)


def test_queued_run_says_its_place(store: Store) -> None:
    services.get_service().start(RunConfig())
    second = services.get_service().start(RunConfig())
    at = open_page("train", run=second)
    assert "Number 2 in line, about 90 s" in text(at)


def test_unknown_run_is_told_in_words(store: Store) -> None:
    at = open_page("train", run="nothere1")
    assert "There is no run 'nothere1'" in text(at)
    assert at.button(key="start").disabled is False


def test_runs_lists_the_known_values(store: Store) -> None:
    known_run(store, RunConfig().replace(**{"direction.solver": "cg"}))
    table = open_page("runs").dataframe[0].value
    row = table.iloc[0]
    assert row["status"] == "✓ finished"
    assert row["run"] == "implicit (CG 3), SGD + Nesterov, η 1, τ 0.05"
    assert row["data"] == "Handwritten digits"
    assert row["training loss"] == 0.0625
    assert row["accuracy"] == 0.963
    assert row["loss"] == pytest.approx([0.301, -0.740, -1.021, -1.190], abs=1e-3)


def test_empty_runs_page_says_what_to_do(store: Store) -> None:
    assert "No runs yet" in text(open_page("runs"))


def test_a_store_that_fails_is_told_in_words(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object, **__: object) -> None:
        raise StoreLockedError("The run store is locked by another program; close it.")

    monkeypatch.setattr(Store, "runs", locked)
    at = open_page("runs")
    assert [error.value for error in at.error] == [
        "The run store is locked by another program; close it."
    ]
    assert not at.exception


def test_a_bug_is_told_without_a_trace(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise sqlite3.ProgrammingError("cannot do that")

    monkeypatch.setattr(Store, "runs", broken)
    at = open_page("runs")
    assert "cannot do that. Runs go on undisturbed. Reload the page" in at.error[0].value
    assert not at.exception


def _transport(at: object) -> set[str]:
    names = ("start", "resume", "step", "epoch", "pause", "go", "stop")
    return {button.key for button in at.button if button.key in names}  # type: ignore[attr-defined]
