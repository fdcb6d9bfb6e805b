"""What a run takes at least."""

import pytest

from proxprop.spec.config import RaceConfig, RunConfig, SweepConfig
from proxprop.spec.memory import least_memory
from proxprop.spec.sweeping import default_sweep


def run(**changes):
    return RunConfig.parse(changes)


def test_the_weights_of_a_wide_network_are_counted():
    widths = (100_000,) * 20
    plain = run(
        model={"widths": widths}, direction={"solver": "explicit"}, optimizer={"name": "sgd"}
    )
    weights = 64 * 1e5 + 19 * 1e10 + 1e6 + 20 * 1e5 + 10
    assert least_memory(plain) == pytest.approx(4 * 2 * weights, rel=1e-3)


def test_adam_keeps_two_more_of_each_and_float64_is_twice_as_large():
    wide = {"model": {"widths": (9000, 9000)}, "direction": {"solver": "explicit"}}
    sgd, adam = (least_memory(run(**wide, optimizer={"name": name})) for name in ("sgd", "adam"))
    assert adam == pytest.approx(2 * sgd, rel=0.01)
    double = run(**wide, optimizer={"name": "sgd"}, precision="float64")
    assert least_memory(double) == 2 * sgd


def test_a_running_gram_is_as_large_as_its_layers_are_wide():
    wide = {"model": {"widths": (9000, 9000)}}
    batch = least_memory(run(**wide, direction={"solver": "exact"}))
    running = least_memory(run(**wide, direction={"solver": "exact", "gram": "running"}))
    assert running - batch == pytest.approx(4 * 9001**2, rel=0.01)


def test_every_contender_holds_weights_of_its_own():
    each = {"direction": {"solver": "explicit"}, "optimizer": {"name": "sgd"}}
    shared = {"model": {"widths": (5000, 5000)}}
    race = RaceConfig.parse({**shared, "contenders": [each] * 3})
    assert least_memory(race) == pytest.approx(2 * least_memory(run(**shared, **each)), rel=0.02)


def test_small_runs_are_small_and_unread_folders_unknown():
    assert least_memory(RunConfig()) < 20e6
    assert least_memory(default_sweep()) < 200e6
    assert least_memory(run(data={"name": "folder", "path": "/x"})) is None
    assert isinstance(default_sweep(), SweepConfig)
