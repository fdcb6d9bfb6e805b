"""Members, labels and presets: what a page asks of the package."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from proxprop.spec.config import Contender
from proxprop.spec.racing import (
    RACE_PRESETS,
    RacePreset,
    as_raced,
    default_race,
    labels,
    members_of,
    place_of,
    race_labels,
)
from proxprop.spec.racing.contenders import member_of
from tests.engine.racing.driver import CG, EXACT, EXPLICIT, small


def test_members_number_contenders_within_seeds() -> None:
    config = small(EXPLICIT, EXACT, CG, seeds=2)
    assert [member_of(config, c, s) for s in (0, 1) for c in (0, 1, 2)] == list(range(6))
    for member in range(6):
        assert member_of(config, *place_of(config, member)) == member
    assert members_of(config, 2) == (2, 5)


@pytest.mark.parametrize(("contender", "seed"), [(2, 0), (-1, 0), (0, 1)])
def test_members_that_do_not_exist(contender: int, seed: int) -> None:
    with pytest.raises(IndexError, match="must be in 0…"):
        member_of(small(EXPLICIT, EXACT), contender, seed)
    with pytest.raises(IndexError, match="member must be in 0…1, got 2"):
        place_of(small(EXPLICIT, EXACT), 2)


def test_labels_are_made_from_direction_and_optimizer() -> None:
    own = {**CG, "label": "mine"}
    assert labels(small(EXPLICIT, EXACT, CG, own).contenders) == (
        "explicit, SGD + Nesterov",
        "implicit (exact), SGD + Nesterov",
        "implicit (CG 2), Adam",
        "mine",
    )


def test_labels_tell_contenders_apart_by_what_differs() -> None:
    hotter = {**EXACT, "direction": {"solver": "exact", "tau": 0.5}}
    apart = {**EXACT, "optimizer": {"lr": 1.0, "explicit_lr": 0.05}}
    assert labels(small(EXACT, hotter, apart).contenders) == (
        "implicit (exact), SGD + Nesterov, τ 0.05, explicit η 1",
        "implicit (exact), SGD + Nesterov, τ 0.5, explicit η 1",
        "implicit (exact), SGD + Nesterov, τ 0.05, explicit η 0.05",
    )


def test_searched_step_sizes_are_no_part_of_a_name() -> None:
    hotter = {**EXACT, "direction": {"solver": "exact", "tau": 0.5}}
    config = small(EXACT, hotter, EXPLICIT, search={"trials": 2})
    expected = (
        "implicit (exact), SGD + Nesterov",
        "implicit (exact), SGD + Nesterov (2)",
        "explicit, SGD + Nesterov",
    )
    assert race_labels(config) == expected
    payload: Any = {"winners": [1, 0, 1]}
    assert race_labels(as_raced(config, payload)) == expected


def test_identical_contenders_are_numbered() -> None:
    assert labels(small(EXPLICIT, EXPLICIT, EXPLICIT).contenders) == (
        "explicit, SGD + Nesterov",
        "explicit, SGD + Nesterov (2)",
        "explicit, SGD + Nesterov (3)",
    )


@pytest.mark.parametrize("preset", RACE_PRESETS, ids=lambda preset: preset.name)
def test_presets_are_races_whose_contenders_have_names_of_their_own(preset: RacePreset) -> None:
    config = preset.config
    assert 2 <= len(config.contenders) <= 6
    assert len(set(labels(config.contenders))) == len(config.contenders)
    moved = preset.applied(small(EXPLICIT, EXACT, seeds=3))
    assert moved.contenders == config.contenders
    assert (moved.seeds, moved.data.samples) == (3, 200)


def test_the_default_race() -> None:
    config = default_race()
    assert config.data.name == "digits"
    assert [c.optimizer.name for c in config.contenders] == ["nesterov", "nesterov", "adam"]
    assert [c.direction.solver for c in config.contenders] == ["explicit", "exact", "explicit"]
    assert [c.optimizer.lr for c in config.contenders] == [0.05, 1.0, 0.001]


def test_what_a_page_needs_loads_without_torch() -> None:
    script = (
        "import sys\n"
        "from proxprop.spec.racing import as_raced, default_race, labels\n"
        "from proxprop.spec.racing.search import candidates\n"
        "from proxprop.runs.results import race_table\n"
        "default_race(); assert 'torch' not in sys.modules\n"
        "from proxprop.engine.racing import race\n"
        "assert callable(race)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_running_grams_are_named_and_told_apart_by_their_schedule() -> None:
    contenders = [
        Contender.parse({"direction": {"gram": "running", "refresh": refresh}})
        for refresh in (1, 10)
    ]
    first, second = labels([*contenders, Contender()])[:2]
    assert first.startswith("implicit (running), ")
    assert first.endswith("refresh 1")
    assert second.endswith("refresh 10")
