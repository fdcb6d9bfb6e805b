"""What is said of a divergence is what was recorded of the layers' steps."""

from __future__ import annotations

import math

import pytest

from proxprop.spec.divergence import growth_sentence

LAYERS = ("linear1", "linear2", "linear3")
EVERY = 20


def record(step: int, *updates: float) -> dict[str, float]:
    return {"step": step, **{f"update/{n}": u for n, u in zip(LAYERS, updates, strict=True)}}


def test_the_explicit_last_layer_is_named_beside_the_implicit_ones() -> None:
    records = [record(1, 0.01, 0.02, 0.03), record(9, 0.02, 0.05, 3.0)]
    assert growth_sentence(records, LAYERS, LAYERS[:2], EVERY) == (
        "The step of the explicit last layer linear3 had grown largest: 3 % of its weights at step "
        "1, 300 % at step 9; that of the implicit ones was at most 5 % (linear2)."
    )


def test_the_implicit_layers_are_named_where_theirs_became_larger() -> None:
    records = [record(1, 0.01, 0.02, 0.03), record(9, 0.02, 2.0, 0.5)]
    assert growth_sentence(records, LAYERS, LAYERS[:2], EVERY) == (
        "The step of the implicit layer linear2 had grown largest: 2 % of its weights at step 1, "
        "200 % at step 9; that of the explicit ones was at most 50 % (linear3)."
    )


def test_the_largest_counts_however_little_it_grew() -> None:
    """An explicit layer that took wild steps from the first one on is what a person looks for."""
    records = [record(1, 0.01, 0.02, 2.4), record(3, 0.02, 0.5, 2.0)]
    words = growth_sentence(records, LAYERS, LAYERS[:2], EVERY)
    assert words.startswith("The step of the explicit last layer linear3 was the largest: 240 %")


@pytest.mark.parametrize("kind", ["explicit", "implicit"])
def test_layers_of_one_kind_are_compared_with_nothing(kind: str) -> None:
    records = [record(1, 0.01, 0.02, 0.03), record(9, 0.02, 3.0, 0.03)]
    words = growth_sentence(records, LAYERS, LAYERS if kind == "implicit" else (), EVERY)
    assert words == (
        f"The step of the {kind} layer linear2 had grown largest: 2 % of its weights at step 1, "
        "300 % at step 9."
    )


def test_the_step_is_compared_with_that_of_a_calm_moment_before() -> None:
    records = [record(n, 0.01 * n, 0.01, 0.01) for n in (1, 20, 40)]
    words = growth_sentence([*records, record(49, 9.0, 1.0, 1.0)], LAYERS, (), EVERY)
    assert "linear1 had grown largest: 20 % of its weights at step 20, 900 % at step 49" in words


def test_what_is_no_number_says_nothing() -> None:
    broken = record(10, math.nan, 1.0, math.inf)
    first, second = record(1, 0.01, 0.02, 0.03), record(9, 0.02, 0.03, 3.0)
    assert "at step 9." in growth_sentence([first, second, broken], LAYERS, (), EVERY)
    assert growth_sentence([first, broken], LAYERS, (), EVERY) == ""
    assert growth_sentence([first], LAYERS, (), EVERY) == ""
    assert growth_sentence([], (), (), EVERY) == ""
