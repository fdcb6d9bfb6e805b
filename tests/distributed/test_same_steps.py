"""Several processes with a part of each batch take the steps of one process with all of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from proxprop.distributed.processes import Followers
from proxprop.spec.config import ConfigError
from proxprop.spec.events import Mark, Notice, Snapshot, Started, State
from tests.engine.training.driver import Desk, at_step, losses, of, points, run_until

from .leading import CASES, LOOPS, assert_same, difference, run, short

OTHERS = {
    "auto": {"direction__gram": "auto"},
    "all layers": {"direction__layers": "all", "optimizer__name": "adam", "optimizer__lr": 0.01},
    "scheduled": {
        "optimizer__schedule": {"name": "cosine", "warmup": 0.5}, "optimizer__clip_norm": 0.5,
        "budget__seconds": 3600.0, "optimizer__weight_decay": 0.01,
    },
    "line search": {"optimizer__name": "lbfgs", "optimizer__lr": 0.5, "optimizer__max_iter": 2},
    "turned": {
        "changes": [
            {"step": 3, "values": {"tau": 0.5}},
            {"step": 7, "values": {"gram": "running", "refresh": 2}},
            {"step": 13, "values": {"solver": "cg", "gram": "batch"}},
        ]
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def pair() -> Iterator[None]:
    """This process and one that follows."""
    with Followers(2, "cpu"):
        yield


@pytest.mark.parametrize("case", CASES)
def test_two_processes(case, pair):
    assert_same(2, **CASES[case])


@pytest.mark.parametrize("case", ["exact", "running, refresh 5"])
def test_two_processes_with_convolutions(case, pair):
    assert_same(2, model__name="small-convnet", **CASES[case])


@pytest.mark.slow
@pytest.mark.parametrize("case", OTHERS)
def test_two_processes_with_other_settings(case, pair):
    assert_same(2, **OTHERS[case])


@pytest.mark.cuda
def test_two_gpus():
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    alone = {name: run(short(**case)) for name, case in CASES.items()}
    with Followers(2, "cuda"):
        for name, case in CASES.items():
            together = run(short(device="cuda", devices=2, **case))
            assert difference(together, alone[name]) < 1e-6


@pytest.mark.parametrize("gram", ["batch", "running"])
def test_what_is_measured_of_the_layers_is_what_one_process_sees(gram, pair):
    config = short(
        direction__gram=gram, instruments__tier="cheap", instruments__every=4, budget__steps=8
    )
    alone, together = run(config), run(config.replace(devices=2))
    for one, other in zip(points(together, "layers"), points(alone, "layers"), strict=True):
        assert one.step == other.step
        for name, value in other.values.items():
            if not name.startswith("seconds/"):
                assert one.values[name] == pytest.approx(value, rel=1e-6, abs=1e-10), name


def test_every_command_reaches_all_processes_at_the_same_step(pair):
    desk = Desk()
    events = LOOPS["run"](short(devices=2), desk)
    before = run_until(events, at_step(4))
    desk.send("set", tau=0.4)
    desk.send("step")
    desk.while_paused = [*desk.while_paused, *_sent("resume")]
    after = before + list(events)
    assert [(state.state, state.step) for state in of(after, State)] == [
        ("running", 0), ("paused", 5), ("running", 5),
    ]  # fmt: skip
    assert [(mark.kind, mark.step) for mark in of(after, Mark)] == [("set", 4)]
    planned = run(short(changes=[{"step": 4, "values": {"tau": 0.4}}]))
    assert difference(after, planned) < 1e-10

    events = LOOPS["run"](short(devices=2), desk)
    taken = run_until(events, at_step(6))
    desk.send("stop")
    taken += list(events)
    assert (taken[-1].outcome, taken[-1].step) == ("stopped", 6)


def _sent(action):
    desk = Desk()
    desk.send(action)
    return desk.sent


@pytest.mark.parametrize(("first", "second"), [(2, 1), (1, 2)])
def test_a_run_goes_on_with_another_number_of_processes(first, second, pair):
    config = short(direction__gram="running", direction__refresh=3, optimizer__lr=0.5)
    desk = Desk()
    events = LOOPS["run"](config.replace(devices=first), desk)
    before = run_until(events, at_step(7))
    desk.send("checkpoint")
    before += run_until(events, lambda event: isinstance(event, Snapshot))
    events.close()
    after = run(config.replace(devices=second), snapshot=before[-1])
    straight = run(config)
    assert difference(after, straight) < 1e-10
    assert losses(before) + losses(after) == pytest.approx(losses(straight), rel=1e-10)


def test_it_says_how_many_share_the_run(pair):
    events = run(short(devices=2, budget__steps=1))
    assert [started.device for started in of(events, Started)] == ["2 × cpu"]
    notices = [notice.text for notice in of(events, Notice)]
    assert any(text.startswith("2 processes (gloo) share every batch") for text in notices)


def test_another_number_than_was_started_is_refused(pair):
    with pytest.raises(ConfigError, match="devices: must be 2 here, the processes that were star"):
        run(short(devices=3))
