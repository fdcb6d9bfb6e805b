"""Back to a saved step: a new run with the old one's curve, at the settings that led there."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from proxprop.engine.loops import LOOPS
from proxprop.engine.training import loop
from proxprop.runs.checkpoints import KEPT, superfluous
from proxprop.runs.errors import RunError
from proxprop.runs.execution import execute
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.process import Process
from proxprop.runs.record import Run
from proxprop.runs.replay import (
    back,
    calm_step,
    marks_of,
    replayable,
    settings_in_force,
    steps_back,
)
from proxprop.runs.store import Store
from proxprop.spec.config import ConfigError, RunConfig
from proxprop.spec.controls import Control
from tests.engine.training.driver import small

SHORT = small(budget__epochs=None, budget__steps=30, checkpoint__along=6)


@pytest.fixture(autouse=True)
def saving_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine saving may take more than its share, and is left out."""
    monkeypatch.setattr(loop, "_SAVING_SECONDS", math.inf)


def make(store: Store, run_id: str) -> Run:
    execute(store, run_id, Mailbox(store, run_id), lambda: LOOPS)
    return store.run(run_id)


@pytest.fixture
def diverged(store: Store) -> Run:
    """Turned to a hopeless η before its 21st step, it diverges."""
    config = SHORT.replace(changes=[{"step": 18, "values": {"lr": 1e4, "solver": "explicit"}}])
    run = make(store, store.create_run(config, name="talk", process=Process.current()))
    assert run.outcome == "diverged"
    return run


def curve(store: Store, run_id: str) -> dict[int, float]:
    points = store.points(run_id, "steps")
    return dict(zip(points["step"], points["loss"], strict=True))


def test_by_default_it_goes_back_to_where_the_loss_had_not_begun_to_run_away(
    store: Store,
) -> None:
    config = SHORT.replace(
        **{"direction.solver": "explicit", "optimizer.lr": 4.0, "model.activation": "elu"}
    )
    run = make(store, store.create_run(config, process=Process.current()))
    losses = curve(store, run.id)
    steps = steps_back(store, run)
    assert losses[max(steps) + 1] > 3 * losses[1]  # from there it would only diverge again
    calm = [step for step in steps if losses[step + 1] <= 3 * losses[1]]
    assert calm_step(store, run, steps) == max(calm, default=min(steps)) < max(steps)


def test_it_goes_back_to_before_it_was_turned_and_the_old_run_stays(
    store: Store, diverged: Run
) -> None:
    assert steps_back(store, diverged)[0] == 18
    old = curve(store, diverged.id)
    new_id = back(store, diverged.id, process=Process.current())
    run = make(store, new_id)
    assert (run.outcome, run.step, run.name) == ("finished", 30, "talk")
    assert run.notes == f"Goes on from step 18 of run {diverged.id}."
    assert curve(store, new_id) == curve(store, make(store, plain(store)).id)  # never turned
    assert curve(store, diverged.id) == old
    assert store.run(diverged.id).outcome == "diverged"
    kinds = [(mark.kind, mark.step) for mark in marks_of(store, new_id)]
    assert kinds == [("set", 18), ("resumed", 18), ("set", 18)]


def plain(store: Store) -> str:
    return store.create_run(SHORT, process=Process.current())


def test_what_is_turned_on_top_acts_from_its_first_step(store: Store, diverged: Run) -> None:
    new_id = back(store, diverged.id, 16, {"direction.tau": 0.5}, process=Process.current())
    run = make(store, new_id)
    planned = SHORT.replace(changes=[{"step": 16, "values": {"tau": 0.5}}])
    alone = make(store, store.create_run(planned, process=Process.current()))
    first = {step: loss for step, loss in curve(store, new_id).items() if step <= 18}
    assert first == {s: v for s, v in curve(store, alone.id).items() if s <= 18}
    assert settings_in_force(store, run).direction.tau == 0.5


def test_a_replay_of_the_new_run_makes_the_same_numbers(store: Store, diverged: Run) -> None:
    run = make(
        store, back(store, diverged.id, 18, {"direction.tau": 0.5}, process=Process.current())
    )
    again = make(store, store.create_run(replayable(store, run), process=Process.current()))
    assert curve(store, again.id) == curve(store, run.id)


def test_only_saved_steps_before_its_end_and_only_good_settings(
    store: Store, diverged: Run
) -> None:
    with pytest.raises(
        RunError, match=r"was saved at steps 2, 4, 8, 16, 18, not at 17; choose one"
    ):
        back(store, diverged.id, 17)
    with pytest.raises(ConfigError, match="must be > 0"):
        back(store, diverged.id, 16, {"direction.tau": -1})
    fresh = store.create_run(RunConfig(), process=Process.current())
    with pytest.raises(RunError, match="no saved step before its end"):
        back(store, fresh)


def test_the_new_run_outlives_the_old_one(store: Store, diverged: Run) -> None:
    new_id = back(store, diverged.id, process=Process.current())
    store.purge(diverged.id)
    assert make(store, new_id).outcome == "finished"


def test_a_command_sent_while_it_waited_counts_from_the_first_step(store: Store) -> None:
    run_id = plain(store)
    store.put_control(run_id, Control("set", {"tau": 0.5}))
    make(store, run_id)
    (mark,) = marks_of(store, run_id)
    assert (mark.step, mark.changes) == (0, {"direction.tau": 0.5})


def test_what_is_kept_is_sparser_the_further_back_it_is() -> None:
    kept: list[int] = []
    for step in range(100, 20_001, 100):
        kept.append(step)
        for dropped in superfluous(kept, KEPT + 6):
            kept.remove(dropped)
    assert kept[-2:] == [19_900, 20_000]
    assert len(kept) == 8
    ratios = [later / earlier for earlier, later in pairwise(kept[:-1])]
    assert max(ratios) < 5
    assert superfluous([3, 4, 5], 2) == [3]
