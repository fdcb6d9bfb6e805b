"""How runs end: divergence and collapse are results, told in words."""

from __future__ import annotations

import math

import pytest
import torch

from proxprop.engine.training.outcomes import LossWatch, Summary, collapsed, constant_loss
from proxprop.spec.events import Mark, Snapshot

from .driver import losses, made_up, of, points, run, small


def test_a_run_that_blows_up_is_told_as_diverged():
    events = run(small(direction__solver="explicit", optimizer__lr=1e6))
    ended, (mark,) = events[-1], of(events, Mark)
    assert ended.outcome == "diverged"
    assert mark.kind == "diverged"
    assert mark.label == ended.words
    last = points(events)[-1]
    assert last.step == ended.step < 12
    assert not math.isfinite(last.values["loss"]) or last.values["loss"] > 1e3 * losses(events)[0]
    assert f"diverged at step {last.step}: loss" in ended.words
    assert not of(events, Snapshot)  # so that the last good one can be resumed


def test_all_before_the_divergence_is_kept():
    events = run(small(direction__solver="explicit", optimizer__lr=1e6))
    assert [p.step for p in points(events)] == list(range(1, events[-1].step + 1))
    assert all(loss <= 1e3 * losses(events)[0] for loss in losses(events)[:-1])


def test_a_budget_that_ends_at_the_broken_step_is_still_told_as_diverged():
    """The last step's damage shows in no later mini-batch, only in the final evaluation."""
    broken = run(small(direction__solver="explicit", optimizer__lr=1e38, budget__epochs=None,
                       budget__steps=1))  # fmt: skip
    assert broken[-1].outcome == "diverged"
    assert len(points(broken)) == 1


def test_a_network_that_learns_nothing_is_told_as_collapsed():
    generator = torch.Generator().manual_seed(0)
    noise = made_up(
        torch.randn(400, 2, generator=generator),
        torch.randint(2, (400,), generator=generator),
        2,
    )
    config = small(data__name="moons", direction__solver="explicit", optimizer__lr=1e-4)
    ended = run(config, dataset=noise)[-1]
    assert ended.outcome == "collapsed"
    assert "class frequencies (0.69" in ended.words


def test_less_than_one_epoch_is_too_early_to_speak_of_collapse():
    events = run(small(budget__epochs=0.5, optimizer__lr=1e-6))
    assert events[-1].outcome == "finished"


def test_a_run_that_learns_is_told_as_finished():
    ended = run(small(budget__epochs=10.0))[-1]
    assert ended.outcome == "finished"
    accuracy = ended.summary["validation_accuracy"]
    assert ended.words == f"finished after 10 epochs: validation accuracy {accuracy:.1%}"


@pytest.mark.parametrize(
    ("loss", "diverges"),
    [(2000.0, False), (2000.1, True), (math.inf, True), (math.nan, True), (0.0, False)],
)
def test_divergence_starts_above_a_thousand_times_the_first_loss(loss, diverges):
    watch = LossWatch()
    watch.take(1, 2.0)
    assert not watch.divergence
    watch.take(2, loss)
    assert bool(watch.divergence) is diverges
    assert watch.last == (2.0 if diverges else loss)
    whole = LossWatch(initial=2.0)
    whole.take_whole_set(2, loss)
    assert bool(whole.divergence) is diverges


def test_the_words_name_the_first_broken_step_and_the_loss_before_and_after():
    watch = LossWatch()
    for step, loss in [(35, 2.0), (36, 1e3), (37, math.inf), (38, math.nan)]:
        watch.take(step, loss)
    assert watch.divergence == "diverged at step 37: loss 1e+03 → inf"


def test_the_constant_loss_is_the_entropy_of_the_classes():
    assert constant_loss(torch.tensor([0, 1, 2, 3]), 4) == pytest.approx(math.log(4))
    skewed = torch.tensor([0] * 9 + [1])
    assert constant_loss(skewed, 2) == pytest.approx(-0.9 * math.log(0.9) - 0.1 * math.log(0.1))
    assert constant_loss(torch.zeros(5, dtype=torch.long), 3) == 0.0


@pytest.mark.parametrize(
    ("loss", "is_so"), [(1.0, True), (1.019, True), (1.021, False), (0.97, False)]
)
def test_collapse_means_within_two_percent(loss, is_so):
    assert collapsed(loss, 1.0) is is_so


def test_a_summary_ignores_nan_for_the_best_but_not_for_the_final():
    summary = Summary()
    for value in (2.0, 1.0, math.nan):
        summary.take({"train_loss": value})
    assert math.isnan(summary.values["train_loss"])
    assert summary.values["best_train_loss"] == 1.0
