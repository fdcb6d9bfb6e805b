"""All contenders meet the same conditions, and nothing of one leaks into another."""

from __future__ import annotations

import pytest
import torch

from proxprop.engine.racing import scheduler
from proxprop.engine.training.session import Session
from proxprop.spec.config import RaceConfig
from proxprop.spec.events import Artifact, Started, State
from proxprop.spec.racing.contenders import member_of
from tests.engine.training import driver as training
from tests.engine.training.driver import of

from .driver import CG, EXACT, EXPLICIT, HOPELESS, ends, losses, points, run, small


def test_identical_contenders_have_identical_losses() -> None:
    events = run(small(EXACT, EXACT, EXACT))
    first = losses(events, 0)
    assert len(first) == 3 * 6
    assert losses(events, 1) == first == losses(events, 2)
    whole = [[p.values for p in points(events, member, "evaluations")] for member in range(3)]
    assert whole[0] == whole[1] == whole[2]


@pytest.mark.parametrize("contender", [0, 1, 2])
def test_a_contender_does_what_its_run_would_do_alone(contender: int) -> None:
    config = small(EXPLICIT, EXACT, CG, seeds=2)
    events = run(config)
    for seed_index in range(2):
        alone = training.run(config.run(contender, seed_index))
        member = member_of(config, contender, seed_index)
        assert losses(events, member) == training.losses(alone)
        assert ends(events)[member].summary == alone[-1].summary


def test_all_start_from_the_same_loss_and_see_the_same_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[str, list[torch.Tensor]] = {}
    draw = Session._batch

    def spied(session: Session) -> tuple[torch.Tensor, torch.Tensor]:
        inputs, targets = draw(session)
        seen.setdefault(repr(session.config.optimizer), []).append(inputs.clone())
        return inputs, targets

    monkeypatch.setattr(Session, "_batch", spied)
    events = run(small(EXPLICIT, EXACT, CG))
    assert len({losses(events, member)[0] for member in range(3)}) == 1
    assert len({points(events, m, "evaluations")[0].values["train_loss"] for m in range(3)}) == 1
    batches = list(seen.values())
    assert [len(drawn) for drawn in batches] == [1 + 18] * 3  # one of the warm-up
    for others in batches[1:]:
        assert all(torch.equal(a, b) for a, b in zip(batches[0], others))


def test_seeds_differ_and_the_first_one_is_raced_first() -> None:
    events = run(small(EXPLICIT, EXACT, seeds=2))
    assert losses(events, 0) != losses(events, 2)
    members = [event.member for event in of(events, Started)]
    assert members == [0, 1, 2, 3]
    last_of_first = max(i for i, e in enumerate(events) if getattr(e, "member", 9) in (0, 1))
    assert last_of_first < events.index(of(events, Started)[2])


def test_contenders_advance_together_in_short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "TURN", 1e-9)  # a turn is a step then, whatever a step takes
    events = run(small(EXPLICIT, EXACT, CG))
    done = [0, 0, 0]
    for point in training.points(events):
        done[point.member] += 1
        assert max(done) - min(done) <= 1
    assert done == [18, 18, 18]


def test_equal_seconds_by_each_contenders_own_clock() -> None:
    slow = {"direction": {"solver": "cg", "cg_steps": 60}}
    budget = {"epochs": None, "seconds": 0.3}
    events = run(small(EXPLICIT, slow, budget=budget, evaluation__every=1000.0))
    for member in (0, 1):
        clock = [point.seconds for point in points(events, member)]
        assert clock[-1] >= 0.3 > clock[-2]
    assert len(losses(events, 0)) > len(losses(events, 1))


def test_a_diverged_contender_drops_out_and_the_others_go_on() -> None:
    config = small(EXACT, HOPELESS, CG, budget__epochs=5.0)
    events = run(config)
    outcome = {member: end.outcome for member, end in ends(events).items()}
    assert outcome == {0: "finished", 1: "diverged", 2: "finished", -1: "finished"}
    assert len(losses(events, 1)) < 30 == len(losses(events, 2))
    assert losses(events, 0) == training.losses(training.run(config.run(0)))
    whole = events[-1]
    assert whole.words.endswith("; diverged: explicit, SGD")
    assert whole.summary["diverged"] == 1
    assert [mark.member for mark in events if getattr(mark, "kind", "") == "diverged"] == [1]


def test_a_race_in_which_all_diverge_ends_properly() -> None:
    events = run(small(HOPELESS, HOPELESS, seeds=2))
    assert [end.outcome for end in ends(events).values()] == ["diverged"] * 4 + ["finished"]
    assert "no contender came to an end" in events[-1].words


def test_the_best_contender_speaks_for_the_race() -> None:
    config = small(EXPLICIT, EXACT, seeds=2, budget__epochs=8.0)
    whole = ends(run(config))
    final = {m: end.summary["train_loss"] for m, end in whole.items() if m >= 0}
    means = [(final[c] + final[c + 2]) / 2 for c in (0, 1)]
    assert whole[-1].summary["contender"] == means.index(min(means))
    assert whole[-1].summary["train_loss"] == min(means)


def test_samples_are_shown_once_and_states_speak_of_the_whole() -> None:
    events = run(small())
    samples = [a for a in of(events, Artifact) if a.name == "samples"]
    assert [artifact.member for artifact in samples] == [0]
    assert {a.member for a in of(events, Artifact) if a.name == "confusion"} == {0, 1}
    assert [state.state for state in of(events, State)] == ["running"]


def test_notices_name_their_contender() -> None:
    lbfgs = {
        "label": "second order",
        "direction": {"solver": "explicit"},
        "optimizer": {"name": "lbfgs", "lr": 0.5, "max_iter": 2, "clip_norm": 1.0},
    }
    events = run(small(EXACT, lbfgs))
    (notice,) = [e for e in events if getattr(e, "level", "") == "warning"]
    assert notice.member == 1
    assert notice.text.startswith("second order: clipping would break")


def test_a_race_of_a_config_as_json() -> None:
    config = small()
    assert losses(run(RaceConfig.parse_json(config.model_dump_json())), 1) == losses(run(config), 1)
