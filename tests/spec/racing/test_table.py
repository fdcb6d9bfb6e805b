"""The table's numbers, recomputed with pandas from points, and by hand where it counts."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from proxprop.spec.config import RaceConfig
from proxprop.spec.curves import Stat
from proxprop.spec.events import Ended, Event
from proxprop.spec.racing import as_frame, members_of, rows
from tests.engine.racing.driver import EXACT, EXPLICIT, HOPELESS, ends, points, run, small

AXES = ("step", "epoch", "seconds")


def frame(events: list[Event], member: int, table: str) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"step": p.step, "epoch": p.epoch, "seconds": p.seconds, **p.values}
            for p in points(events, member, table)
        ]
    )


def tables(config: RaceConfig, events: list[Event]) -> tuple[Any, Any, Any]:
    members = range(len(config.contenders) * config.seeds)
    return (
        {member: frame(events, member, "evaluations") for member in members},
        {member: frame(events, member, "steps") for member in members},
        {member: end for member, end in ends(events).items() if member >= 0},
    )


def evaluated(losses: list[float], seconds: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "step": [10 * i for i in range(len(losses))],
            "epoch": [float(i) for i in range(len(losses))],
            "seconds": seconds,
            "train_loss": losses,
        }
    )


def by_hand(*contenders: list[pd.DataFrame], **options: Any) -> list[Any]:
    """Return the table of contenders × seeds given by their evaluations."""
    seeds = len(contenders[0])
    config = small(*[EXACT] * len(contenders), seeds=seeds)
    evaluations = {
        member: contender[index]
        for number, contender in enumerate(contenders)
        for index, member in enumerate(members_of(config, number))
    }
    return rows(config, evaluations, {}, **options)


def test_the_table_equals_pandas_on_the_points() -> None:
    config = small(EXPLICIT, EXACT, seeds=3, budget__epochs=4.0)
    events = run(config)
    evaluations, steps, ended = tables(config, events)
    table = rows(config, evaluations, steps, ended)
    for row in table:
        mine = members_of(config, row.contender)
        assert row.members == mine
        last = pd.DataFrame([evaluations[m].iloc[-1] for m in mine])
        lowest = pd.DataFrame([evaluations[m].min() for m in mine])
        highest = pd.DataFrame([evaluations[m].max() for m in mine])
        for measure in ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy"):
            stat = row.final[measure]
            assert stat.mean == pytest.approx(last[measure].mean(), rel=1e-12)
            assert stat.std == pytest.approx(last[measure].std(), rel=1e-9)
            assert stat.n == 3
            best = highest if measure.endswith("accuracy") else lowest
            assert row.best[measure].mean == pytest.approx(best[measure].mean(), rel=1e-12)
        medians = [steps[m]["seconds"].diff().fillna(steps[m]["seconds"]).median() for m in mine]
        assert row.step_seconds.mean == pytest.approx(pd.Series(medians).mean(), rel=1e-9)
        assert row.seconds.mean == pytest.approx(
            pd.Series([steps[m]["seconds"].max() for m in mine]).mean()
        )
        accuracies = [ended[m].summary["test_accuracy"] for m in mine]
        assert row.test_accuracy.mean == pytest.approx(pd.Series(accuracies).mean())


def test_a_target_is_reached_between_evaluations() -> None:
    (row, never) = by_hand(
        [evaluated([2.0, 1.0, 0.25], [0.0, 4.0, 6.0])],
        [evaluated([2.0, 1.5, 1.25], [0.0, 1.0, 2.0])],
        target=0.5,
    )
    assert (row.epochs_to_target.mean, row.seconds_to_target.mean) == (1.5, 5.0)
    assert row.reached == 1
    assert never.reached == 0
    assert math.isnan(never.epochs_to_target.mean)
    assert math.isnan(never.ratios["epochs_to_target"])


def test_the_first_crossing_counts_even_if_the_loss_rises_again() -> None:
    (row, _) = by_hand(
        [evaluated([2.0, 0.0, 3.0, 0.0], [0.0, 1.0, 2.0, 3.0])],
        [evaluated([2.0, 2.0], [0.0, 1.0])],
        target=1.0,
    )
    assert row.epochs_to_target.mean == 0.5


def test_a_target_met_from_the_start_takes_no_time() -> None:
    (row, _) = by_hand(
        [evaluated([2.0, 1.0], [0.0, 1.0])], [evaluated([2.0, 1.0], [0.0, 1.0])], target=2.5
    )
    assert (row.epochs_to_target.mean, row.seconds_to_target.mean) == (0.0, 0.0)


def test_an_accuracy_is_reached_from_below() -> None:
    climbing = evaluated([0.0, 0.8], [0.0, 2.0]).rename(columns={"train_loss": "train_accuracy"})
    (row, _) = by_hand([climbing], [climbing], target=0.4, measure="train_accuracy")
    assert row.seconds_to_target.mean == pytest.approx(1.0)
    assert row.best["train_accuracy"].mean == 0.8


def test_seeds_that_miss_the_target_are_counted_not_averaged() -> None:
    (row, _) = by_hand(
        [evaluated([2.0, 0.0], [0.0, 2.0]), evaluated([2.0, 1.9], [0.0, 2.0])],
        [evaluated([2.0, 1.0], [0.0, 1.0])] * 2,
        target=1.0,
    )
    assert row.reached == 1
    assert row.seconds_to_target == Stat(1.0, pytest.approx(math.nan, nan_ok=True), 1)


def test_ratios_are_to_the_baseline_chosen() -> None:
    fast = [evaluated([2.0, 0.0], [0.0, 1.0])]
    slow = [evaluated([2.0, 0.5], [0.0, 6.0])]
    first, second = by_hand(fast, slow, target=1.0)
    assert second.ratios["seconds_to_target"] == pytest.approx(3.0 / 0.5)
    assert first.ratios["seconds_to_target"] == 1.0
    assert math.isnan(second.ratios["train_loss"])  # nothing is a multiple of a loss of 0
    first, second = by_hand(fast, slow, target=1.0, baseline=1)
    assert first.ratios["seconds_to_target"] == pytest.approx(0.5 / 3.0)
    assert first.ratios["train_loss"] == 0.0


def test_a_diverged_seed_has_no_final_value_but_keeps_its_best() -> None:
    config = small(EXACT, HOPELESS, seeds=2)
    events = run(config)
    _, row = rows(config, *tables(config, events))
    assert row.outcomes == ("diverged", "diverged")
    assert row.diverged == 2
    assert row.final["train_loss"].n == 0
    assert math.isnan(row.final["train_loss"].mean)
    start = [points(events, m, "evaluations")[0].values["train_loss"] for m in (1, 3)]
    assert row.best["train_loss"].mean == pytest.approx(sum(start) / 2)


def test_a_race_under_way_has_a_table_of_what_there_is() -> None:
    config = small(EXACT, EXPLICIT, seeds=2)
    table = rows(config, {0: evaluated([2.0, 1.0], [0.0, 1.0])}, {})
    assert table[0].outcomes == ("",)
    assert table[0].final["train_loss"] == Stat(1.0, pytest.approx(math.nan, nan_ok=True), 1)
    assert table[1].members == ()
    assert math.isnan(table[1].step_seconds.mean)


def test_the_flat_frame_holds_every_number() -> None:
    config = small(EXPLICIT, EXACT, seeds=2)
    evaluations, steps, ended = tables(config, run(config))
    table = rows(config, evaluations, steps, ended, target=2.25)
    flat = as_frame(table)
    assert list(flat["label"]) == [row.label for row in table]
    assert flat.loc[1, "final_train_loss"] == table[1].final["train_loss"].mean
    assert flat.loc[1, "final_train_loss_std"] == table[1].final["train_loss"].std
    assert flat.loc[1, "step_seconds_ratio"] == table[1].ratios["step_seconds"]
    assert flat.loc[0, "seeds"] == 2


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"measure": "loss"}, ValueError, "measure must be one of train_loss"),
        ({"baseline": 2}, IndexError, "baseline must be in 0…1, got 2"),
    ],
)
def test_refusals(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        rows(small(), {}, {}, **options)


def test_an_ended_event_alone_is_no_point() -> None:
    end = Ended("diverged", 0, 0.0, 0.0, "at once", {}, 0)
    row = rows(small(), {}, {}, {0: end})[0]
    assert row.members == ()
