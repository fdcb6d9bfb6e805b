"""The sentence on a step says what the numbers say."""

from __future__ import annotations

import math

import pytest

from app.components.activation_words import sentence

LAYERS = ("linear1", "linear2", "linear3")


def point(*rows: tuple[float, float]) -> dict[str, float]:
    values = {"step": 7.0}
    for layer, (asked, made) in zip(LAYERS, rows, strict=False):
        reach = made / asked if asked else math.inf
        values |= {f"asked/{layer}": asked, f"made_all/{layer}": made, f"reach_all/{layer}": reach}
    return values


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            [(0.01, 0.01), (0.03, 0.09), (0.01, 5.0)],  # the last layer is not a hidden one
            "Layer linear2 was asked to move by 3 % and moved by 9 %: 3 times too far.",
        ),
        (
            [(0.04, 0.01), (0.03, 0.04), (0.01, 0.01)],
            "Layer linear1 was asked to move by 4 % and moved by 1 %: 25 % of the way.",
        ),
        (
            [(0.04, 0.0401), (0.03, 0.03), (0.01, 0.01)],
            "Layer linear1 was asked to move by 4 % and moved by 4 %: as far as asked.",
        ),
        (
            [(0.04, 0.04), (2.6e-6, 640.0), (0.01, 0.01)],
            "Layer linear2 was asked to move by 2.6·10⁻⁴ % and moved by 6.4·10⁴ %: "
            "2.5·10⁸ times too far.",
        ),
        (
            [(0.0, 0.02), (0.03, 0.04), (0.01, 0.01)],
            "Layer linear1 was asked for nothing and moved by 2 %.",
        ),
        (
            [(0.02, math.nan), (0.03, 0.04), (0.01, 0.01)],
            "The change of layer linear1 is not finite.",
        ),
    ],
)
def test_it_names_the_hidden_layer_served_worst(rows: list, words: str) -> None:
    assert sentence(point(*rows), LAYERS) == words


def test_a_point_without_activations_says_nothing() -> None:
    assert sentence({}, LAYERS) == ""
    assert sentence({"step": 1.0, "update/linear1": 0.1}, LAYERS) == ""
