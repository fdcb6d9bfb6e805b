"""Readings of curves, against hand-computed values."""

from __future__ import annotations

import math

import pytest

from proxprop.paper import curves
from proxprop.paper.result import Contender, Seed
from tests.paper.made_up import seed


def contender(*seeds: Seed) -> Contender:
    return Contender(key="one", label="one", config={}, seeds=seeds)


def test_losses_are_means_over_seeds() -> None:
    one = contender(seed([2.0, 1.0]), seed([1.0, 0.5], number=1))
    assert curves.losses_until(one, 2) == (1.5, 0.75)
    assert curves.loss_at(one, 3) == math.inf  # nobody has come so far


def test_epochs_and_seconds_to_a_loss_are_means_over_seeds() -> None:
    one = contender(seed([2.0, 0.5], seconds=10.0), seed([1.0, 0.8], seconds=20.0, number=1))
    # 1 is reached after 1.5 epochs or 15 s, and after 1 epoch or 20 s.
    assert curves.arrival(one.seeds, 1.0, "epoch").mean == pytest.approx(1.25)
    assert curves.arrival(one.seeds, 1.0, "seconds").mean == pytest.approx(17.5)
    assert curves.arrival(one.seeds, 1.0, "epoch").n == 2
    assert (
        curves.arrival(one.seeds, 0.6, "epoch").n,
        curves.arrival(one.seeds, 0.4, "epoch").n,
    ) == (1, 0)
    assert curves.arrival(one.seeds, 2.3, "epoch").mean == 0.0


def test_a_diverged_seed_never_arrives_and_ends_no_comparison() -> None:
    gone = contender(seed([None], outcome="diverged"))
    assert curves.arrival(gone.seeds, 1.0, "epoch").n == 0
    assert curves.loss_at(gone, 1) == math.inf
    assert curves.common_epochs([gone, contender(seed([2.0, 1.0, 0.5]))]) == 3.0
    assert curves.common_epochs([gone]) == 0.0


def test_time_of_an_epoch() -> None:
    one = contender(seed([2.0, 1.0], seconds=10.0), seed([2.0, 1.0], seconds=20.0, number=1))
    assert curves.seconds_per_epoch(one, 2) == pytest.approx(15.0)
    assert curves.seconds_at(one, 2) == pytest.approx(30.0)


def test_accuracies() -> None:
    one = contender(seed([1.0], test=0.5, validation=0.6), seed([1.0], test=0.7, number=1))
    assert curves.accuracy_tested(one, 1) == pytest.approx(0.6)
    assert math.isnan(curves.accuracy_tested(one, 2))
    assert curves.best_validation(one, 1) == pytest.approx(0.55)
    assert math.isnan(curves.accuracy_tested(contender(seed([1.0])), 1))


def test_accuracy_where_a_loss_is_reached() -> None:
    run = seed([1.6, 0.4]).model_copy(update={"validation_accuracy": (0.1, 0.3, 0.4)})
    one = contender(run)
    assert curves.validation_at_loss(one, 1.6) == pytest.approx(0.3)
    assert curves.validation_at_loss(one, 0.8) == pytest.approx(0.35)
    assert curves.validation_at_loss(one, 2.3) == pytest.approx(0.1)
    assert math.isnan(curves.validation_at_loss(one, 0.3))


def test_only_seeds_that_all_have_been_through_are_compared() -> None:
    done = contender(seed([2.0]), seed([2.0], number=1))
    behind = contender(seed([2.0]), seed([], number=1, outcome="unfinished"))
    for one in curves.comparable([done, behind]):
        assert [run.seed for run in one.seeds] == [0]
    under_way = contender(seed([2.0], outcome="unfinished"))
    assert [len(one.seeds) for one in curves.comparable([done, under_way])] == [1, 1]
