"""Every preset is a valid run, and the form recognises it."""

from __future__ import annotations

import pytest

from app.state.draft import DEFAULTS, check
from app.train.presets import PRESETS, Preset, apply, matching
from proxprop.engine.training import train
from proxprop.spec.config import from_query, to_query
from proxprop.spec.controls import NoControls
from proxprop.spec.events import Ended


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_preset_is_valid_and_survives_a_link(preset: Preset) -> None:
    values = apply(preset, DEFAULTS)
    assert check(values) == (preset.config, {})
    assert from_query(to_query(preset.config)) == preset.config
    assert matching(values) == preset


def test_presets_keep_the_seed() -> None:
    assert apply(PRESETS[1], {**DEFAULTS, "seed": 9})["seed"] == 9


def test_names_and_settings_are_distinct() -> None:
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)
    assert len({preset.config.digest for preset in PRESETS}) == len(PRESETS)


def test_what_a_preset_promises_happens() -> None:
    ended = {}
    for name in ("Diverges on purpose: explicit, η 1", "The same with implicit steps: η 1, τ 0.05"):
        config = next(preset for preset in PRESETS if preset.name == name).config
        short = config.replace(**{"budget.epochs": 4.0, "instruments.tier": "off"})
        (ended[config.direction.solver],) = (
            event for event in train(short, NoControls()) if isinstance(event, Ended)
        )
    assert ended["explicit"].outcome == "diverged"
    assert ended["exact"].outcome == "finished"
    assert ended["exact"].summary["validation_accuracy"] > 0.85


def test_own_settings_match_none() -> None:
    assert matching({**DEFAULTS, "optimizer.lr": 0.123}) is None
