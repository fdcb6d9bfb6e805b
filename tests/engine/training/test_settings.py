"""Settings in force: what changes mean and how they are told."""

from __future__ import annotations

import pytest

from proxprop.engine.training.settings import (
    FIELDS,
    Settings,
    change_from_mark,
    changes_of,
    label_of,
)
from proxprop.spec.config import SettingsChange

from .driver import small

BEFORE = Settings.of(small())


def test_settings_start_as_the_config_says():
    config = small(optimizer__lr=3.0, optimizer__explicit_lr=0.2, direction__cg_steps=7)
    settings = Settings.of(config)
    assert (settings.lr, settings.explicit_lr, settings.cg_steps) == (3.0, 0.2, 7)
    assert settings.last_lr == 0.2
    assert BEFORE.last_lr == BEFORE.lr


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ({"tau": 0.5}, "τ 0.05 → 0.5"),
        ({"lr": 1e-3}, "η 1 → 0.001"),
        ({"explicit_lr": 0.25}, "explicit η as η → 0.25"),
        ({"cg_steps": 10}, "k 3 → 10"),
        ({"solver": "cg"}, "direction exact → cg"),
        ({"instruments": "full"}, "instruments off → full"),
        ({"tau": 0.12345678}, "τ 0.05 → 0.1235"),
    ],
)
def test_every_change_has_words_and_survives_replay(values, label):
    after = BEFORE.changed(SettingsChange.parse(values))
    assert label_of(BEFORE, after) == label
    changes = changes_of(BEFORE, after)
    assert changes == {FIELDS[name]: value for name, value in values.items()}
    assert BEFORE.changed(change_from_mark(7, changes).values) == after


def test_no_explicit_step_size_means_the_same_as_eta():
    own = BEFORE.changed(SettingsChange.parse({"explicit_lr": 0.3}))
    assert own.last_lr == 0.3
    assert own.changed(SettingsChange.parse({"explicit_lr": None})) == BEFORE


def test_every_field_of_a_change_is_known():
    assert set(FIELDS) == set(SettingsChange.model_fields)
    config = small().model_dump()
    for dotted in FIELDS.values():
        part, leaf = dotted.split(".")
        assert leaf in config[part]
