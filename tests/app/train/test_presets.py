"""Every preset is a valid run, and the form recognises it."""

from __future__ import annotations

import pytest

from app.state.draft import DEFAULTS, check
from app.train.presets import PRESETS, apply, matching
from proxprop.engine.training import train
from proxprop.spec.config import from_query, to_query
from proxprop.spec.controls import NoControls
from proxprop.spec.events import Ended


@pytest.mark.parametrize("name", PRESETS)
def test_preset_is_valid_and_survives_a_link(name: str) -> None:
    values = apply(name, DEFAULTS)
    assert check(values) == (PRESETS[name], {})
    assert from_query(to_query(PRESETS[name])) == PRESETS[name]
    assert matching(values) == name


def test_presets_keep_the_seed() -> None:
    assert apply("Digits: explicit", {**DEFAULTS, "seed": 9})["seed"] == 9


def test_names_and_settings_are_distinct() -> None:
    assert len(PRESETS) == 17
    assert len({config.digest for config in PRESETS.values()}) == len(PRESETS)


def test_what_a_preset_promises_happens() -> None:
    ended = {}
    for name in ("Diverges on purpose: explicit, η 1", "The same with implicit steps: η 1, τ 0.05"):
        config = PRESETS[name]
        short = config.replace(**{"budget.epochs": 4.0, "instruments.tier": "off"})
        (ended[config.direction.solver],) = (
            event for event in train(short, NoControls()) if isinstance(event, Ended)
        )
    assert ended["explicit"].outcome == "diverged"
    assert ended["exact"].outcome == "finished"
    assert ended["exact"].summary["validation_accuracy"] > 0.85


def test_own_settings_match_none() -> None:
    assert matching({**DEFAULTS, "optimizer.lr": 0.123}) is None
