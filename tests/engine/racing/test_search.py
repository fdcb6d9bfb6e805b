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
from proxprop.spec.racing import as_raced
from proxprop.spec.racing.search import candidates, doubts, empty_search, space_of, with_result
from tests.engine.training import driver as training
from tests.engine.training.driver import Desk, of, run_until

from .driver import EXACT, EXPLICIT, HOPELESS, losses, run, small
from .test_controls import Scripted

SEARCH = {"trials": 3, "epochs": 2.0, "seeds": 1}


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
    config = small(HOPELESS, EXACT, search={"trials": 1, "epochs": 1.0, "seeds": 1})
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


FINALS = {"trials": 3, "epochs": 1.0, "finalists": 2, "seeds": 3}


def searched(config: RaceConfig, *scores: float) -> Any:
    """Return a search whose trials came to these losses, in order; NaN where one diverged."""
    payload = empty_search(config)
    for score in scores:
        outcome = "diverged" if math.isnan(score) else "finished"
        ended = Ended(outcome, 9, 1.0, 0.1, "", {payload["criterion"]: score})
        payload = with_result(payload, config, ended)
    return payload


def test_the_best_trials_of_each_are_repeated_with_further_seeds() -> None:
    config = small(EXPLICIT, EXACT, search=FINALS)
    *_, payload = searches(run(config))
    assert payload["total"] == len(payload["results"]) == 2 * (3 + 2 * 2)
    for who in (0, 1):
        own = [r for r in payload["results"] if r["contender"] == who]
        first = {r["trial"]: r["score"] for r in own if r["seed"] == 0}
        best = sorted(first, key=first.__getitem__)[:2]
        assert [(r["trial"], r["seed"]) for r in own[3:]] == [(t, s) for t in best for s in (1, 2)]
        means = {t: sum(r["score"] for r in own if r["trial"] == t) / 3 for t in best}
        assert payload["winners"][who] == min(means, key=means.__getitem__)
    again = training.run(
        config.run(0, 2).replace(
            **{
                "optimizer.lr": payload["results"][-7]["lr"],
                "optimizer.explicit_lr": payload["results"][-7]["explicit_lr"],
                "budget.epochs": 1.0,
            }
        )
    )
    assert payload["results"][-7]["contender"] == 0
    assert payload["results"][-7]["seed"] == 2
    assert payload["results"][-7]["score"] == again[-1].summary["validation_loss"]


def test_what_one_seed_chose_is_passed_over_where_it_diverges_with_another() -> None:
    config = small(EXPLICIT, EXACT, search={**FINALS, "seeds": 2})
    # Three trials of each in turn, then the best of each with the second seed, the second best.
    payload = searched(config, 1.0, 1.0, 0.1, 0.5, 0.5, 0.4, math.nan, 0.45, 0.55, 0.2)
    assert payload["winners"] == [2, 1]
    assert doubts(payload, config, 0)[-1] == (
        "the best of its trials diverged with another seed and was passed over"
    )
    assert not [words for words in doubts(payload, config, 1) if "passed over" in words]


def test_the_mean_over_seeds_decides() -> None:
    config = small(EXPLICIT, EXACT, search={**FINALS, "seeds": 2})
    payload = searched(config, 1.0, 1.0, 0.1, 0.5, 0.2, 0.4, 0.5, 0.45, 0.2, 0.9)
    assert payload["winners"] == [2, 2]  # 0.2 before (0.1 + 0.5) / 2; 0.425 before 0.7


def test_a_best_value_at_the_end_of_its_range_is_doubted() -> None:
    hot = contender(lr=4.9)  # of 0.0005 to 5
    config = small(hot, contender(lr=0.05), search={"trials": 1, "epochs": 1.0, "seeds": 1})
    payload = searched(config, 0.5, 0.5)
    assert doubts(payload, config, 0) == [
        "its best η, 4.9, lies at the upper end of what was searched, 0.0005 to 5: a larger one "
        "may be better"
    ]
    assert doubts(payload, config, 1) == []
    assert "trials of 1 epochs were too short" in doubts(payload, config, 1, ("diverged",))[0]
    assert "it collapsed in the race" in doubts(payload, config, 1, ("collapsed",))[0]
    none = searched(config, math.nan, 0.5)
    assert "present step sizes are raced" in doubts(none, config, 0)[0]


def test_a_search_of_further_seeds_needs_them() -> None:
    last = {"contenders": [{}, {}], "seed": 2**32 - 1, "search": {"seeds": 2}}
    with pytest.raises(ConfigError, match="must leave room for 2 seeds"):
        RaceConfig.parse(last)


def test_settings_that_repeat_nothing_leave_the_digest_of_before() -> None:
    one = small(EXPLICIT, EXACT, search={"trials": 3, "seeds": 1})
    assert one.digest == one.replace(**{"search.finalists": 5}).digest
    assert one.digest != one.replace(**{"search.seeds": 2}).digest
