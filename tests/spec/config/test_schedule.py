"""Step-size factors, hand-computed."""

from __future__ import annotations

import math

import pytest

from proxprop.spec.config.parts import BudgetConfig, ScheduleConfig

PER_EPOCH = 10


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"name": "constant"}, {0: 1, 50: 1, 99: 1}),
        ({"name": "step", "gamma": 0.5, "every": 2.0}, {0: 1, 19: 1, 20: 0.5, 40: 0.25}),
        ({"name": "exponential", "gamma": 0.5}, {0: 1, 5: 0.5**0.5, 10: 0.5, 30: 0.125}),
        ({"name": "cosine"}, {0: 1, 50: 0.5, 100: 0, 25: 0.5 + math.sqrt(0.125)}),
        ({"name": "cosine", "final": 0.2}, {0: 1, 50: 0.6, 100: 0.2, 200: 0.2}),
        ({"warmup": 1.0}, {0: 0.1, 4: 0.5, 8: 0.9, 9: 1, 50: 1}),
        ({"name": "cosine", "warmup": 2.0}, {0: 0.05, 20: 1, 60: 0.5, 100: 0}),
    ],
)
def test_factors(schedule, expected):
    config = ScheduleConfig(**schedule)
    for step, factor in expected.items():
        found = config.factor(step, PER_EPOCH, total=100)
        assert found == pytest.approx(factor, abs=1e-12), step


def test_cosine_without_an_end_stays_constant():
    assert ScheduleConfig(name="cosine").factor(500, PER_EPOCH, total=None) == 1


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        ({"epochs": 3.0}, 30),
        ({"epochs": 0.01}, 1),
        ({"epochs": 0.3}, 3),  # 0.3 · 10 is a little more than 3 in floating point
        ({"epochs": 3.0, "steps": 7}, 7),
        ({"epochs": None, "seconds": 5.0}, None),
    ],
)
def test_the_budget_in_steps(budget, limit):
    assert BudgetConfig(**budget).step_limit(PER_EPOCH) == limit
