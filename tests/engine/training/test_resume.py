"""A run that is cut and resumed gives the numbers of one that was not, bit for bit."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from proxprop.engine.training import train
from proxprop.spec.events import Mark, Snapshot, Started

from .driver import Desk, at_step, losses, of, points, run, run_until, small, weights

CUT = 17
STEPS = 40
OPTIMIZERS = ("sgd", "nesterov", "adam", "adafactor", "muon", "lbfgs", "nadam", "asgd", "rprop")


def snapshot_at(config, step):
    desk = Desk()
    events = train(config, desk)
    before = run_until(events, at_step(step))
    desk.send("checkpoint")
    before += run_until(events, lambda event: isinstance(event, Snapshot))
    events.close()
    return before, before[-1]


def through_files(snapshot, folder):
    """Return what comes back from a safetensors file and JSON text."""
    save_file(snapshot.tensors, folder / "state.safetensors")
    extra = json.loads(json.dumps(snapshot.extra, allow_nan=False))
    return replace(snapshot, tensors=load_file(folder / "state.safetensors"), extra=extra)


def assert_resumes(config, folder):
    straight = run(config)
    before, snapshot = snapshot_at(config, CUT)
    after = run(config, snapshot=through_files(snapshot, folder))
    assert losses(before) + losses(after) == losses(straight)
    seen = [(p.step, p.values) for p in points(before + after, "evaluations")]
    assert seen == [(p.step, p.values) for p in points(straight, "evaluations")]
    for name, weight in weights(straight).items():
        assert torch.equal(weights(after)[name], weight), name
    assert after[-1].summary == straight[-1].summary
    last, expected = (of(events, Snapshot)[-1].extra for events in (after, straight))
    assert {**last, "seconds": 0} == {**expected, "seconds": 0}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_kind_of_optimizer_state(optimizer, tmp_path):
    lr = {"sgd": 1.0, "nesterov": 1.0, "lbfgs": 0.5, "asgd": 1.0}.get(optimizer, 0.01)
    config = small(
        optimizer__name=optimizer, optimizer__lr=lr, optimizer__max_iter=2,
        budget__epochs=None, budget__steps=STEPS,
    )  # fmt: skip
    assert_resumes(config, tmp_path)


@pytest.mark.parametrize("solver", ["explicit", "exact", "cg"])
@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_every_direction_and_precision(solver, precision, tmp_path):
    config = small(
        direction__solver=solver, precision=precision, optimizer__lr=0.1, budget__epochs=None,
        budget__steps=STEPS, optimizer__weight_decay=0.01, optimizer__clip_norm=0.5,
        optimizer__schedule={"name": "cosine", "warmup": 1.0},
    )  # fmt: skip
    assert_resumes(config, tmp_path)


@pytest.mark.parametrize("model", ["mlp", "small-convnet"])
@pytest.mark.parametrize("refresh", [1, 6])
def test_a_running_gram(refresh, model, tmp_path):
    config = small(
        direction__gram="running", direction__refresh=refresh, direction__decay=0.5,
        model__name=model, optimizer__lr=0.1, budget__epochs=None, budget__steps=STEPS,
    )  # fmt: skip
    assert_resumes(config, tmp_path)
    snapshot = snapshot_at(config, CUT)[1]
    assert any(name.startswith("running/") for name in snapshot.tensors)


@pytest.mark.parametrize("first", ["running", "auto"])
def test_a_running_gram_turned_on_the_way(first, tmp_path):
    changes = [
        {"step": 5, "values": {"gram": first, "decay": 0.5, "refresh": 4}},
        {"step": 12, "values": {"gram": "batch"}},
        {"step": 25, "values": {"gram": "running", "tau": 0.3}},
    ]
    config = small(budget__epochs=None, budget__steps=STEPS).replace(changes=changes)
    assert_resumes(config, tmp_path)


def test_the_clock_and_the_counters_go_on():
    config = small()
    before, snapshot = snapshot_at(config, 6)
    after = run(config, snapshot=snapshot)
    started, (mark,) = after[0], of(after, Mark)
    assert isinstance(started, Started)
    assert started.step == 6
    assert (mark.kind, mark.step, mark.label) == ("resumed", 6, "resumed at step 6")
    assert points(after)[0].step == 7
    assert points(after)[0].seconds > points(before)[-1].seconds
    assert [p.step for p in points(before, "evaluations")] == [0, 6]
    assert [p.step for p in points(after, "evaluations")] == [12]


def test_settings_in_force_and_planned_changes_go_on():
    planned = [{"step": 5, "values": {"tau": 0.2}}, {"step": 9, "values": {"lr": 0.3}}]
    config = small(changes=planned)
    straight = run(config)
    before, snapshot = snapshot_at(config, 7)
    after = run(config, snapshot=snapshot)
    assert losses(before) + losses(after) == losses(straight)
    assert [m.step for m in of(after, Mark) if m.kind == "set"] == [9]


def test_a_live_change_is_not_undone_by_an_earlier_planned_one():
    config = small(changes=[{"step": 5, "values": {"tau": 0.2}}])
    desk = Desk()
    events = train(config, desk)
    run_until(events, at_step(6))
    desk.send("set", tau=0.9)
    desk.send("checkpoint")
    snapshot = run_until(events, lambda event: isinstance(event, Snapshot))[-1]
    assert snapshot.extra["settings"]["tau"] == 0.9
    rest = list(events)
    after = run(config, snapshot=snapshot)
    assert losses(after) == losses(rest)
    assert [m.kind for m in of(after, Mark)] == ["resumed"]


def test_a_finished_run_goes_on_with_a_larger_budget():
    finished = run(small())
    longer = run(small(budget__epochs=4.0), snapshot=of(finished, Snapshot)[-1])
    assert losses(finished) + losses(longer) == losses(run(small(budget__epochs=4.0)))


def test_a_snapshot_shares_no_memory_with_the_run():
    _, snapshot = snapshot_at(small(), 3)
    desk = Desk()
    events = train(small(), desk)
    run_until(events, at_step(3))
    desk.send("checkpoint")
    taken = run_until(events, lambda event: isinstance(event, Snapshot))[-1]
    list(events)
    for name, tensor in snapshot.tensors.items():
        assert torch.equal(taken.tensors[name], tensor), name


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model__widths": (9, 9)}, "does not fit the run's model"),
        ({"optimizer__name": "muon"}, "another optimizer or model"),
    ],
)
def test_a_snapshot_of_another_run_is_refused(changes, words):
    _, snapshot = snapshot_at(small(), 3)
    with pytest.raises(ValueError, match=words):
        run(small(**changes), snapshot=snapshot)


def test_a_snapshot_that_lacks_a_tensor_is_refused():
    _, snapshot = snapshot_at(small(), 3)
    del snapshot.tensors["model/linear2.weight"]
    with pytest.raises(ValueError, match=r"lacks the tensor 'model/linear2\.weight'"):
        run(small(), snapshot=snapshot)


def test_a_snapshot_of_another_format_is_refused():
    _, snapshot = snapshot_at(small(), 3)
    with pytest.raises(ValueError, match="format 99"):
        run(small(), snapshot=replace(snapshot, extra={**snapshot.extra, "format": 99}))
