"""Every contender is searched as long as every other, and the race is run at the winners."""

from __future__ import annotations

import math
from typing import Any

import pytest

from proxprop.engine.racing import race
from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import ConfigError, Contender, RaceConfig
from proxprop.spec.controls import Control
from proxprop.spec.events import Artifact, Ended, Event, Notice, Point, Snapshot
from proxprop.spec.racing import as_raced, candidates, space_of
from tests.engine.training import driver as training
from tests.engine.training.driver import Desk, of, run_until

from .driver import EXACT, EXPLICIT, HOPELESS, losses, run, small
from .test_controls import Scripted

SEARCH = {"trials": 3, "epochs": 2.0}


def contender(solver: str = "explicit", optimizer: str = "nesterov", **more: Any) -> Contender:
    return Contender.parse(
        {"direction": {"solver": solver}, "optimizer": {"name": optimizer, **more}}
    )


def searches(events: list[Event]) -> list[dict[str, Any]]:
    return [artifact.payload for artifact in of(events, Artifact) if artifact.name == "search"]


def through(payload: dict[str, Any]) -> dict[str, Any]:
    """Return a payload without its clocks."""
    results = [{k: v for k, v in r.items() if k != "seconds"} for r in payload["results"]]
    return {**payload, "results": results}


@pytest.mark.parametrize(
    ("solver", "optimizer", "space"),
    [
        ("explicit", "nesterov", {"lr": (5e-4, 5.0)}),
        ("explicit", "adam", {"lr": (1e-4, 0.1)}),
        ("exact", "nesterov", {"lr": (0.01, 100), "tau": (5e-4, 5), "explicit_lr": (5e-4, 5)}),
        ("cg", "adam", {"lr": (1e-4, 0.1), "tau": (5e-4, 5), "explicit_lr": (1e-4, 0.1)}),
        ("exact", "lbfgs", {"lr": (0.01, 100), "tau": (5e-4, 5)}),
        ("explicit", "muon", {"lr": (2e-4, 2.0), "explicit_lr": (1e-4, 0.1)}),
    ],
)
def test_spaces(solver: str, optimizer: str, space: dict[str, tuple[float, float]]) -> None:
    found = space_of(contender(solver, optimizer))
    assert list(found) == list(space)
    for name, bounds in space.items():
        assert found[name] == pytest.approx(bounds)


def test_where_no_layer_is_explicit_its_rate_is_not_searched() -> None:
    everywhere = contender("exact").replace(**{"direction.layers": "all"})
    assert list(space_of(everywhere)) == ["lr", "tau"]


@pytest.mark.parametrize("optimizer", [n for n, spec in OPTIMIZERS.items() if not spec.missing])
@pytest.mark.parametrize("solver", ["explicit", "exact"])
def test_candidates_stay_in_their_ranges(solver: str, optimizer: str) -> None:
    one = contender(solver, optimizer)
    first, *others = candidates(one, 40, seed=3)
    assert first == one
    for other in others:
        for name, (low, high) in space_of(one).items():
            part = other.direction if name == "tau" else other.optimizer
            assert 0.995 * low <= getattr(part, name) <= 1.005 * high


def test_candidates_cover_every_axis_evenly() -> None:
    one = contender("exact")
    tried = candidates(one, 33, seed=0)[1:]
    for name, (low, high) in space_of(one).items():
        part = "direction" if name == "tau" else "optimizer"
        values = [getattr(getattr(other, part), name) for other in tried]
        shares = [math.log(value / low) / math.log(high / low) for value in values]
        counts = [sum(i <= 4 * share < i + 1 for share in shares) for i in range(4)]
        assert min(counts) >= 5, (name, counts)  # 8 each in quarters, if perfectly even


def test_candidates_follow_the_seed_alone() -> None:
    one = contender("exact")
    assert candidates(one, 9, seed=1) == candidates(one, 9, seed=1)
    assert candidates(one, 9, seed=1)[1:] != candidates(one, 9, seed=2)[1:]
    assert candidates(one, 9, seed=1)[:4] == candidates(one, 4, seed=1)


def test_a_plain_contenders_last_layer_keeps_its_ratio() -> None:
    one = contender(lr=0.05, explicit_lr=1.0)
    for other in candidates(one, 5, seed=0):
        assert other.optimizer.last_lr / other.optimizer.lr == pytest.approx(20)


def test_every_contender_gets_the_same_trials_and_the_best_is_raced() -> None:
    config = small(EXPLICIT, EXACT, search=SEARCH)
    events = run(config)
    *_, payload = searches(events)
    assert [len(p["results"]) for p in searches(events)] == [1, 2, 3, 4, 5, 6]
    assert [(r["trial"], r["contender"]) for r in payload["results"]] == [
        (trial, who) for trial in range(3) for who in (0, 1)
    ]
    for who in (0, 1):
        scores = [r["score"] for r in payload["results"] if r["contender"] == who]
        assert payload["winners"][who] == scores.index(min(scores))
    raced = as_raced(config, payload)  # type: ignore[arg-type]
    for who in (0, 1):
        alone = training.run(raced.run(who))
        assert losses(events, who) == training.losses(alone)


def test_a_trials_score_is_what_a_run_of_its_settings_reaches() -> None:
    config = small(EXPLICIT, EXACT, search={**SEARCH, "criterion": "train_loss"})
    *_, payload = searches(run(config))
    for result in payload["results"]:
        tried = config.contenders[result["contender"]].replace(
            **{"optimizer.lr": result["lr"], "optimizer.explicit_lr": result["explicit_lr"]}
        )
        if result["tau"] is not None:
            tried = tried.replace(**{"direction.tau": result["tau"]})
        alone = training.run(
            config.run(result["contender"]).replace(
                **{
                    "direction": tried.direction.model_dump(),
                    "optimizer": tried.optimizer.model_dump(),
                    "budget.epochs": 2.0,
                }
            )
        )
        assert result["score"] == alone[-1].summary["train_loss"]


def test_trials_leave_no_points() -> None:
    events = run(small(EXPLICIT, EXACT, search=SEARCH))
    assert [len(losses(events, member)) for member in (0, 1)] == [18, 18]
    assert {event.member for event in of(events, Ended)} == {0, 1, -1}


def test_progress_is_told_with_the_time_left() -> None:
    notices = of(run(small(EXPLICIT, EXACT, search=SEARCH)), Notice)
    assert [notice.progress for notice in notices] == [n / 6 for n in range(7)]
    assert notices[0].text == "Searching step sizes: trial 1 of 6"
    assert " s left" in notices[3].text


def test_contenders_whose_every_trial_diverges_keep_their_settings() -> None:
    config = small(HOPELESS, EXACT, search={"trials": 1, "epochs": 1.0})
    *_, payload = searches(run(config))
    assert payload["winners"] == [None, 0]
    assert payload["results"][0]["score"] is None
    assert payload["results"][0]["outcome"] == "diverged"
    assert as_raced(config, payload).contenders == config.contenders  # type: ignore[arg-type]


def test_a_resumed_search_repeats_no_trial_and_equals_an_uninterrupted_one() -> None:
    config = small(EXPLICIT, EXACT, search=SEARCH)
    desk = Desk()
    events = race(config, desk)
    before = run_until(events, lambda e: isinstance(e, Artifact) and e.step == 3)
    desk.send("checkpoint")
    before += run_until(events, lambda event: isinstance(event, Snapshot))
    snapshot = before[-1]
    assert snapshot.step == 0
    assert snapshot.extra["member_steps"] == {"0": -1, "1": -1}
    after, straight = run(config, snapshot=snapshot), run(config)
    assert [len(p["results"]) for p in searches(after)] == [4, 5, 6]
    assert through(searches(after)[-1]) == through(searches(straight)[-1])
    assert losses(after, 1) == losses(straight, 1)


def test_a_race_resumed_after_its_search_searches_no_more() -> None:
    config = small(EXPLICIT, EXACT, search=SEARCH)
    desk = Desk()
    events = race(config, desk)
    before = run_until(events, lambda e: isinstance(e, Point) and e.step == 5)
    desk.send("checkpoint")
    before += run_until(events, lambda event: isinstance(event, Snapshot))
    after = run(config, snapshot=before[-1])
    assert searches(after) == []
    steps = before[-1].extra["member_steps"]
    straight = losses(run(config), 0)
    assert losses(before, 0)[: steps["0"]] + losses(after, 0) == straight


def test_a_pause_and_a_stop_during_the_search() -> None:
    desk = Scripted([Control("resume")])
    events = race(small(EXPLICIT, EXACT, search=SEARCH), desk)
    run_until(events, lambda e: isinstance(e, Artifact))
    desk.send("pause")
    run_until(events, lambda e: getattr(e, "state", "") == "paused")
    run_until(events, lambda e: isinstance(e, Artifact) and e.step == 2)
    desk.send("stop")
    rest = list(events)
    assert [end.outcome for end in of(rest, Ended)] == ["stopped"]
    assert len(of(rest, Snapshot)[-1].extra["search"]["results"]) == 2


def test_a_search_by_validation_needs_validation_samples() -> None:
    with pytest.raises(ConfigError, match=r"must be 'train_loss' where data\.validation is 0"):
        RaceConfig.parse({"contenders": [{}, {}], "search": {}, "data": {"validation": 0}})
