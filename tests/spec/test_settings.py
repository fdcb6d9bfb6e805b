"""Settings in force: what changes mean and how they are described."""

from __future__ import annotations

import pytest

from proxprop.spec.config import RunConfig, SettingsChange
from proxprop.spec.settings import LIVE, SYMBOLS, changed, describe, difference, live_values

BEFORE = RunConfig().replace(**{"instruments.tier": "off"})


def test_settings_start_as_the_config_says():
    config = BEFORE.replace(
        **{"optimizer.lr": 3.0, "optimizer.explicit_lr": 0.2, "direction.cg_steps": 7}
    )
    values = live_values(config)
    assert (values["optimizer.lr"], values["optimizer.explicit_lr"]) == (3.0, 0.2)
    assert values["direction.cg_steps"] == 7
    assert config.optimizer.last_lr == 0.2
    assert BEFORE.optimizer.last_lr == BEFORE.optimizer.lr


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
    after = changed(BEFORE, SettingsChange.parse(values))
    assert describe(BEFORE, after) == label
    changes = difference(BEFORE, after)
    assert {LIVE[field]: value for field, value in changes.items()} == values
    replayed = SettingsChange.parse({LIVE[field]: value for field, value in changes.items()})
    assert changed(BEFORE, replayed) == after == BEFORE.replace(**changes)


def test_no_explicit_step_size_means_the_same_as_eta():
    own = changed(BEFORE, SettingsChange.parse({"explicit_lr": 0.3}))
    assert own.optimizer.last_lr == 0.3
    assert changed(own, SettingsChange.parse({"explicit_lr": None})) == BEFORE


def test_every_field_of_a_change_is_known():
    assert set(LIVE.values()) == set(SettingsChange.model_fields)
    assert set(SYMBOLS) == set(LIVE) == set(live_values(BEFORE))
