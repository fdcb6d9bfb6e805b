from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxprop.spec.catalog.optimizers import OPTIMIZERS, OptimizerSpec, Pairing
from proxprop.spec.config import (
    ConfigError,
    Contender,
    DirectionConfig,
    Grid,
    OptimizerConfig,
    RaceConfig,
    RunConfig,
    SweepConfig,
    SweepMethod,
)

RACE: dict[str, Any] = {
    "kind": "race",
    "data": {"name": "moons", "samples": 300},
    "model": {"widths": [16]},
    "batch_size": 20,
    "seed": 5,
    "precision": "float64",
    "evaluation": {"every": 2},
    "contenders": [
        {"label": "plain", "direction": {"solver": "explicit"}, "optimizer": {"lr": 0.05}},
        {"label": "prox", "direction": {"tau": 0.5}, "optimizer": {"name": "adam", "lr": 0.01}},
    ],
    "seeds": 3,
    "budget": {"epochs": None, "seconds": 7},
    "instruments": {"tier": "full"},
    "checkpoint": {"seconds": 3},
}
SWEEP_LR = {"low": 0.01, "high": 10, "count": 4}


def problems(kind: type[RaceConfig | SweepConfig], values: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        kind.parse(values)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("seed_index", [0, 2])
@pytest.mark.parametrize("contender", [0, 1])
def test_a_contender_runs_under_the_races_conditions(contender: int, seed_index: int) -> None:
    race = RaceConfig.parse(RACE)
    run = race.run(contender, seed_index)
    assert isinstance(run, RunConfig)
    assert run.direction == race.contenders[contender].direction
    assert run.optimizer == race.contenders[contender].optimizer
    assert run.seed == 5 + seed_index
    for shared in (
        "data", "model", "batch_size", "device", "precision", "evaluation", "budget",
        "instruments", "checkpoint",
    ):  # fmt: skip
        assert getattr(run, shared) == getattr(race, shared), shared
    assert run.changes == ()


def test_every_shared_field_of_a_run_comes_from_the_race() -> None:
    # A field added to runs has to be given to races too, or left out on purpose, as here.
    assert set(RunConfig.model_fields) - set(RaceConfig.model_fields) == {
        "direction",
        "optimizer",
        "changes",
        "pace",  # contenders take turns
        "devices",  # in one process
    }


def test_races_and_sweeps_round_trip() -> None:
    race = RaceConfig.parse(RACE)
    assert RaceConfig.parse_json(race.model_dump_json()) == race
    sweep = SweepConfig.parse({"methods": [{"lr": SWEEP_LR}], "seeds": 2})
    assert SweepConfig.parse_json(sweep.model_dump_json()) == sweep


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"contenders": [{}]}, "contenders: needs at least 2 entries"),
        ({"contenders": [{}] * 7}, "contenders: takes at most 6 entries"),
        ({"seeds": 0}, "seeds: must be ≥ 1, got 0"),
        ({"seeds": 11}, "seeds: must be ≤ 10, got 11"),
        ({"seed": 2**32 - 2}, "seed: must leave room for 3 seeds up to 4294967295"),
        ({"search": {"trials": 0}}, "search.trials: must be ≥ 1, got 0"),
        ({"search": {"epochs": 0}}, "search.epochs: must be > 0, got 0"),
        ({"search": {"criterion": "luck"}}, "search.criterion: must be one of 'validation_loss'"),
        ({"batch_size": 1000}, "batch_size: must be at most the 243 training samples of moons"),
        ({"contenders": [{"label": "x" * 61}, {}]}, "contenders.0.label: takes at most 60 charac"),
        ({"contenders": [{}, {"optimizer": {"lr": -1}}]}, "contenders.1.optimizer.lr: must be > 0"),
    ],
)
def test_races_refuse_in_words(change: dict[str, Any], words: str) -> None:
    (found,) = problems(RaceConfig, {**RACE, **change})
    assert found.startswith(words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"methods": []}, "methods: needs at least 1 entry"),
        ({"methods": [{}]}, "methods.0.lr: set lr, tau or both"),
        (
            {"methods": [{"direction": {"solver": "explicit"}, "tau": SWEEP_LR}]},
            "methods.0.tau: has no meaning for explicit directions; vary lr instead",
        ),
        ({"methods": [{"lr": {"low": 2, "high": 1}}]}, "methods.0.lr.high: must be ≥ low"),
        ({"methods": [{"lr": {"low": 0, "high": 1}}]}, "methods.0.lr.low: must be > 0"),
        ({"methods": [{"lr": {**SWEEP_LR, "count": 0}}]}, "methods.0.lr.count: must be ≥ 1"),
        ({"steps": 0}, "steps: must be ≥ 1, got 0"),
        ({"seed": 2**32 - 1}, "seed: must leave room for 3 seeds"),
    ],
)
def test_sweeps_refuse_in_words(change: dict[str, Any], words: str) -> None:
    (found,) = problems(SweepConfig, {"methods": [{"lr": SWEEP_LR}], **change})
    assert found.startswith(words)


@pytest.mark.parametrize(
    "part",
    [
        lambda: Contender(optimizer=OptimizerConfig(name="sgd")),
        lambda: SweepMethod(lr=Grid(low=1, high=2)),
        lambda: RunConfig(optimizer=OptimizerConfig(name="sgd")),
    ],
)
def test_pairings_that_the_table_excludes_are_refused(
    part: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    part()
    excluded = OptimizerSpec(
        "sgd", "SGD", "SGD", pairings={"exact": Pairing("no", "because of a reason.")}
    )
    monkeypatch.setitem(OPTIMIZERS, "sgd", excluded)
    with pytest.raises(ValueError, match="'sgd' does not take 'exact' directions: because of a"):
        part()


def test_plain_directions_go_with_every_optimizer() -> None:
    for name in (name for name, spec in OPTIMIZERS.items() if not spec.missing):
        RunConfig(
            optimizer=OptimizerConfig(name=name), direction=DirectionConfig(solver="explicit")
        )


def test_grid_values_are_the_powers_of_ten() -> None:
    assert Grid(low=0.01, high=100, count=5).values() == pytest.approx((0.01, 0.1, 1, 10, 100))
    assert Grid(low=3, high=3, count=4).values() == (3, 3, 3, 3)
    assert Grid(low=2, high=5, count=1).values() == (2,)
    assert Grid(low=2, high=5, count=2).values() == (2, 5)


@given(
    st.floats(1e-300, 1e300), st.floats(1e-300, 1e300), st.integers(2, 200)
)  # whose ratio would overflow
def test_grid_values_ascend_evenly_between_exact_ends(a: float, b: float, count: int) -> None:
    low, high = sorted((a, b))
    values = Grid(low=low, high=high, count=count).values()
    assert len(values) == count
    assert (values[0], values[-1]) == (low, high)
    assert list(values) == sorted(values)
    middle = values[(count - 1) // 2]
    share = ((count - 1) // 2) / (count - 1)
    assert middle == pytest.approx(low ** (1 - share) * high**share, rel=1e-9)
