"""A run that can be resumed by command has the button on its pages, and the other way round."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from proxprop.cli.following import begin
from proxprop.runs.errors import RunError
from proxprop.runs.process import Process
from proxprop.runs.service import RunService
from proxprop.runs.store import Store
from proxprop.spec.config import AnyConfig, RunConfig
from proxprop.spec.events import OUTCOMES, Outcome
from proxprop.spec.racing import default_race
from tests.app.conftest import known_run, open_page, text


def refused(store: Store, run_id: str) -> bool:
    try:
        begin(store, None, "", run_id)
    except RunError:
        return True
    return False


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize(
    ("config", "page", "name"),
    [(RunConfig(), "train", "run"), (default_race(), "compare", "race")],
    ids=["run", "race"],
)
def test_pages_and_commands_agree_on_what_can_be_resumed(
    store: Store, config: AnyConfig, page: str, name: str, outcome: Outcome
) -> None:
    run_id = known_run(store, config, outcome=outcome)  # type: ignore[arg-type]
    resumable = store.run(run_id).resumable
    assert resumable == (outcome in ("interrupted", "stopped", "failed", "diverged"))
    at = open_page(page, **{name: run_id})
    assert ("resume" in {button.key for button in at.button}) == resumable
    if not resumable:
        service = RunService(store, prewarm=False)
        with pytest.raises(RunError, match="cannot be resumed"):
            service.resume(run_id)
        service.shutdown()
    assert refused(store, run_id) != resumable


@pytest.mark.parametrize(
    ("budget", "words"),
    [({"budget.epochs": 30.0}, "Epochs"), ({"budget.epochs": None, "budget.steps": 40}, "Steps")],
)
@pytest.mark.parametrize("page", ["train", "runs"])
def test_a_finished_run_is_extended_on_its_page(
    store: Store, page: str, budget: dict[str, Any], words: str
) -> None:
    run_id = known_run(store, RunConfig().replace(**budget))
    at = open_page(page, run=run_id)
    amount = at.number_input(key=f"extend.{run_id}")
    given = max(value for value in budget.values() if value)
    assert (amount.label, amount.value) == (f"{words} in all", 2 * given)
    at.button(key="extend.go").click().run()
    run = store.run(run_id)
    assert (run.status, run.resume) == ("queued", True)
    assert getattr(run.config.budget, words.lower()) == 2 * given
    assert not at.error
    if page == "train":
        assert at.session_state["TrainState"].draft.values[f"budget.{words.lower()}"] == 2 * given


def test_a_budget_that_is_spent_already_does_not_extend(store: Store) -> None:
    run_id = known_run(store, RunConfig().replace(**{"budget.epochs": None, "budget.seconds": 0.4}))
    at = open_page("train", run=run_id)
    at.number_input(key=f"extend.{run_id}").set_value(0.4)
    at.button(key="extend.go").click().run()
    assert "give a larger one" in at.error[0].value
    assert store.run(run_id).outcome == "finished"


def test_a_run_of_which_nothing_was_saved_says_that_it_begins_again(store: Store) -> None:
    run_id = known_run(store, outcome="interrupted")
    store.drop_checkpoint(run_id, 40)
    at = open_page("train", run=run_id)
    assert "the 40 steps it recorded are thrown away" in text(at)
    keys = {button.key for button in at.button}
    assert not keys & {"resume", "extend.go"}
    at.button(key="begin-again.yes").click().run()
    assert (store.run(run_id).status, store.run(run_id).begin_again) == ("queued", True)


def test_a_stopped_process_is_given_up_from_the_page(store: Store) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run_id = store.create_run(RunConfig(), process=Process.of(process.pid))
    store.append(run_id, fields={"status": "running", "step": 3, "heartbeat": time.time() + 60})
    assert "give-up" not in {button.key for button in open_page("train", run=run_id).button}
    os.kill(process.pid, signal.SIGSTOP)
    store.append(run_id, fields={"heartbeat": time.time() - 10})
    at = open_page("train", run=run_id)
    at.button(key="give-up").click().run()
    assert process.wait(10) == -signal.SIGKILL
    assert process.stdin is not None
    process.stdin.close()
    run = store.run(run_id)
    assert (run.status, run.outcome) == ("ended", "interrupted")
    assert "no sign of life" in run.words
