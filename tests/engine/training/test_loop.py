"""The course of a run: what is yielded, in which order, and that the numbers are right."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from proxprop.data.dataset import epoch_permutation
from proxprop.spec.config import ConfigError, RunConfig
from proxprop.spec.events import Artifact, Ended, Notice, Point, Snapshot, Started, State

from .driver import data_of, losses, made_up, of, points, run, small, weights


def test_a_run_starts_measures_and_ends():
    events = run(small())
    started, ended = events[0], events[-1]
    assert isinstance(started, Started)
    assert started.layers == ("linear1", "linear2", "linear3")
    assert started.implicit == ("linear1", "linear2")
    assert started.parameters == 64 * 16 + 16 + 16 * 8 + 8 + 8 * 10 + 10
    assert started.train_samples == 144
    assert (started.steps_per_epoch, started.total_steps) == (6, 12)
    assert [e.state for e in of(events, State)] == ["running"]
    assert isinstance(ended, Ended)
    assert (ended.step, ended.epoch) == (12, 2.0)
    assert [s.reason for s in of(events, Snapshot)] == ["ended"]


def test_every_step_has_a_point_and_every_epoch_an_evaluation():
    events = run(small())
    assert [p.step for p in points(events)] == list(range(1, 13))
    assert [p.step for p in points(events, "evaluations")] == [0, 6, 12]
    assert [p.epoch for p in points(events)] == [s / 6 for s in range(1, 13)]
    for table in ("steps", "evaluations", "settings"):
        assert len({tuple(p.values) for p in points(events, table)}) == 1


@pytest.mark.parametrize(
    ("every", "expected"), [(0.5, [0, 3, 6, 9, 12]), (0.7, [0, 5, 9, 12]), (5.0, [0, 12])]
)
def test_evaluations_come_every_so_many_epochs_and_at_the_end(every, expected):
    events = run(small(evaluation__every=every))
    assert [p.step for p in points(events, "evaluations")] == expected


@pytest.mark.parametrize(
    ("budget", "steps"),
    [
        ({"budget__epochs": 0.5}, 3),
        ({"budget__epochs": 1.01}, 7),
        ({"budget__epochs": 2.0, "budget__steps": 5}, 5),
        ({"budget__epochs": None, "budget__steps": 4}, 4),
    ],
)
def test_the_first_limit_of_the_budget_ends_the_run(budget, steps):
    assert run(small(**budget))[-1].step == steps


def test_a_budget_of_seconds_ends_with_the_first_step_past_it():
    events = run(small(budget__epochs=None, budget__seconds=0.02))
    assert events[0].total_steps is None
    *before, last = [p.seconds for p in points(events)]
    assert last >= 0.02
    assert all(seconds < 0.02 for seconds in before)


def test_training_seconds_are_the_steps_own_and_stand_still_in_evaluations():
    events = run(small(instruments__tier="cheap", instruments__every=2))
    clock = 0.0
    for point in of(events, Point):
        if point.table == "steps":
            parts = ("seconds_forward", "seconds_backward", "seconds_optimizer")
            clock += sum(point.values[part] for part in parts)
            assert 0 < point.values["seconds_solve"] < point.values["seconds_backward"]
        assert point.seconds == pytest.approx(clock, rel=1e-9)
    assert events[-1].seconds == pytest.approx(clock, rel=1e-9)


def test_equal_seeds_give_equal_numbers_and_other_seeds_do_not():
    first, again, other = run(small()), run(small()), run(small(seed=1))
    assert losses(first) == losses(again)
    assert all(torch.equal(weights(first)[k], w) for k, w in weights(again).items())
    assert losses(first) != losses(other)


def test_instruments_and_evaluations_change_no_number():
    plain = run(small(evaluation__every=100))
    watched = run(small(instruments__tier="cheap", instruments__every=1, evaluation__every=0.2))
    assert losses(plain) == losses(watched)


def test_data_loaded_by_the_caller_gives_the_same_run():
    config = small()
    assert losses(run(config, dataset=data_of(config))) == losses(run(config))


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_an_explicit_run_equals_a_plain_torch_loop_bit_for_bit(precision):
    """The reference shares only the data and the documented initial weights."""
    config = small(
        direction__solver="explicit", optimizer__lr=0.1, optimizer__explicit_lr=0.02,
        precision=precision,
    )  # fmt: skip
    data, dtype = data_of(config), getattr(torch, precision)
    generator = torch.Generator().manual_seed(config.seed)
    model = nn.Sequential(
        nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 10)
    )
    for layer in model[::2]:
        bound = layer.in_features**-0.5
        nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
        nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    model.to(dtype)
    groups = [{"params": model[:4].parameters()}, {"params": model[4].parameters(), "lr": 0.02}]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.95, nesterov=True, fused=True)
    expected = []
    for epoch in range(2):
        for chosen in epoch_permutation(config.seed, epoch, len(data.train)).split(24):
            images = data.train.inputs[chosen].to(dtype) / 255
            loss = F.cross_entropy(model(images.flatten(1)), data.train.targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            expected.append(loss.item())
    events = run(config)
    assert losses(events) == expected
    for trained, reference in zip(weights(events).values(), model.state_dict().values()):
        assert torch.equal(trained, reference)


def test_evaluations_equal_a_direct_computation():
    events = run(small(precision="float64"))
    data, last = data_of(small()), points(events, "evaluations")[-1].values
    w = list(weights(events).values())
    for name, split in (("train", data.train), ("validation", data.validation)):
        a = split.inputs.flatten(1).double() / 255
        for weight, bias in (w[:2], w[2:4]):
            a = (a @ weight.T + bias).clamp(min=0)
        scores = a @ w[4].T + w[5]
        right = scores.gather(1, split.targets[:, None])[:, 0]
        loss = (scores.logsumexp(1) - right).mean().item()
        assert last[f"{name}_loss"] == pytest.approx(loss, rel=1e-12)
        accuracy = (scores.argmax(1) == split.targets).double().mean().item()
        assert last[f"{name}_accuracy"] == pytest.approx(accuracy, rel=1e-12)


def test_the_summary_holds_final_and_best_values():
    events = run(small())
    evaluations = [p.values for p in points(events, "evaluations")]
    summary = events[-1].summary
    for name in evaluations[0]:
        column = [values[name] for values in evaluations]
        assert summary[name] == column[-1]
        best = max(column) if name.endswith("accuracy") else min(column)
        assert summary[f"best_{name}"] == best
    assert 0 <= summary["test_accuracy"] <= 1
    assert math.isfinite(summary["test_loss"])


def test_sets_that_are_empty_or_not_wanted_have_no_columns():
    events = run(small(data__validation=0.0))
    assert set(points(events, "evaluations")[0].values) == {"train_loss", "train_accuracy"}
    events = run(small(evaluation__train=False))
    columns = {"validation_loss", "validation_accuracy"}
    assert set(points(events, "evaluations")[0].values) == columns
    assert not points(run(small(evaluation__train=False, data__validation=0.0)), "evaluations")


def test_a_schedule_shows_in_the_settings_and_in_the_steps():
    schedule = {"optimizer__schedule": {"name": "exponential", "gamma": 0.5}}
    events = run(small(**schedule))
    factors = [p.values["factor"] for p in points(events, "settings")]
    assert factors == pytest.approx([1.0, 0.5, 0.25])
    assert losses(events)[:2] == losses(run(small()))[:2]  # the first step has factor 1
    assert losses(events)[2:] != losses(run(small()))[2:]


def test_lbfgs_counts_its_closures_and_tells_what_it_ignores():
    config = small(
        optimizer__name="lbfgs", direction__solver="explicit", optimizer__weight_decay=0.1,
        optimizer__clip_norm=1.0, optimizer__explicit_lr=0.5,
    )  # fmt: skip
    events = run(config)
    assert all(p.values["closures"] > 1 for p in points(events))
    words = " ".join(n.text for n in of(events, Notice))
    for field in ("weight decay", "clip_norm", "explicit_lr"):
        assert field in words


def test_bfloat16_runs_and_keeps_float32_weights():
    events = run(small(precision="bfloat16"))
    assert all(math.isfinite(loss) for loss in losses(events))
    assert {w.dtype for w in weights(events).values()} == {torch.float32}
    assert losses(events) != losses(run(small()))


def test_batches_larger_than_the_data_are_refused_in_words():
    config = small()
    tiny = made_up(torch.randn(10, 2), torch.arange(10) % 2, 2)
    with pytest.raises(ConfigError, match="batch_size: must be at most the 10 training samples"):
        run(config, dataset=tiny)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_absent_cuda_is_refused_in_words():
    with pytest.raises(ConfigError, match="device: must be 'cpu' or 'auto' here"):
        run(small(device="cuda"))


def test_images_come_with_predictions_and_a_confusion():
    events = run(small())
    names = [a.name for a in of(events, Artifact)]
    assert names[0] == "samples"
    last = {a.name: a for a in of(events, Artifact)}
    assert set(last) == {"samples", "predictions", "confusion"}
    assert last["predictions"].step == last["confusion"].step == 12
    counts = torch.tensor(last["confusion"].payload["counts"])
    validation = data_of(small()).validation
    assert torch.equal(counts.sum(1), torch.bincount(validation.targets, minlength=10))
    accuracy = points(events, "evaluations")[-1].values["validation_accuracy"]
    assert counts.diagonal().sum() / counts.sum() == pytest.approx(accuracy)


def test_points_in_the_plane_come_with_a_boundary():
    events = run(small(data__name="spirals"))
    last = {a.name: a for a in of(events, Artifact)}
    assert {"samples", "boundary"} <= set(last)
    assert last["boundary"].step == 12


def test_the_default_run_reads_digits():
    """What a person sees who presses Start at once."""
    ended = run(RunConfig(device="cpu"))[-1]
    assert ended.outcome == "finished"
    assert ended.summary["validation_accuracy"] > 0.9
