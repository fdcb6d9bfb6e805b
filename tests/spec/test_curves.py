"""When a target is reached, against values worked out by hand and curves of known form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxprop.spec.curves import Stat, band, crossing, value_at

SHARE = st.floats(0.01, 0.99)


def test_a_loss_falls_straight_in_the_logarithm() -> None:
    losses, clock = [4.0, 1.0, 0.25], [0.0, 10.0, 30.0]
    assert crossing(range(3), losses, 0.5) == pytest.approx(1.5)
    assert crossing(clock, losses, 0.5) == pytest.approx(20.0)
    assert crossing(clock, losses, 1.0) == pytest.approx(10.0)
    assert math.isnan(crossing(clock, losses, 0.1))


@given(rate=st.floats(0.1, 3.0), start=st.floats(0.1, 10.0), share=SHARE, gap=st.floats(0.1, 3.0))
def test_exponential_decay_is_crossed_exactly_however_rarely_it_is_measured(
    rate: float, start: float, share: float, gap: float
) -> None:
    places = gap * np.arange(4)
    place = share * places[-1]
    losses = start * np.exp(-rate * places)
    target = start * math.exp(-rate * place)
    assert crossing(places, losses, target) == pytest.approx(place, rel=1e-9, abs=1e-9)
    assert value_at(places, losses, place) == pytest.approx(target, rel=1e-9)


def test_the_first_crossing_counts_and_a_target_met_at_once_takes_no_time() -> None:
    assert crossing([0, 1, 2, 3], [4.0, 1.0, 8.0, 1.0], 2.0) == pytest.approx(0.5)
    assert crossing([0, 1], [2.0, 1.0], 2.5) == 0.0
    assert crossing([3, 4], [2.0, 1.0], 2.0) == 3.0


def test_a_loss_of_zero_is_reached_along_the_chord() -> None:
    assert crossing([0, 1], [2.0, 0.0], 1.0) == 0.5
    assert crossing([0, 1], [2.0, -2.0], -1.0) == 0.75
    assert crossing([0, 1], [2.0, 0.0], 0.0) == 1.0


def test_an_accuracy_is_reached_from_below_along_the_chord() -> None:
    assert crossing([0, 2], [0.0, 0.8], 0.4, rising=True) == 1.0
    assert crossing([0, 2], [0.25, 0.75], 0.5, rising=True) == 1.0
    assert math.isnan(crossing([0, 2], [0.25, 0.75], 0.8, rising=True))


@pytest.mark.parametrize("none", [None, math.nan, math.inf])
def test_nothing_is_interpolated_from_what_is_no_number(none: float | None) -> None:
    assert crossing([0, 1, 2], [4.0, none, 1.0], 2.0) == 2.0
    assert math.isnan(crossing([0, 1], [4.0, none], 2.0))
    assert math.isnan(crossing([], [], 2.0))


def test_values_between_measurements_and_past_them() -> None:
    losses, clock = [4.0, 1.0, 0.25], [0.0, 10.0, 30.0]
    assert value_at(clock, losses, 20.0) == pytest.approx(0.5)
    assert (value_at(clock, losses, 0.0), value_at(clock, losses, 31.0)) == (4.0, 0.25)
    assert value_at([0.0, 1.0], [4.0, math.inf], 1.0) == math.inf
    assert value_at([0.0, 1.0], [4.0, 0.0], 0.25) == 3.0
    assert value_at([0.0, 1.0], [0.2, 0.4], 0.5, rising=True) == pytest.approx(0.3)
    assert math.isnan(value_at(clock, losses, math.nan))


@given(st.lists(st.floats(0.01, 10), min_size=2, max_size=8), SHARE)
def test_a_curve_has_the_target_where_it_crosses_it(losses: list[float], share: float) -> None:
    target = max(losses[0] ** (1 - share) * min(losses) ** share, min(losses))
    place = crossing(range(len(losses)), losses, target)
    assert value_at(range(len(losses)), losses, place) == pytest.approx(target, rel=1e-9)


def test_of_several_seeds_those_that_get_there_are_averaged_and_counted() -> None:
    seeds = [[4.0, 1.0], [2.0, 1.0], [4.0, 3.0], [4.0, None]]
    arrival = Stat.of(crossing([0, 1], losses, 2.0) for losses in seeds)
    assert (arrival.mean, arrival.n) == (pytest.approx(0.25), 2)
    assert arrival.std == pytest.approx(0.5 / math.sqrt(2))
    nobody = Stat.of([])
    assert (nobody.n, math.isnan(nobody.mean), math.isnan(nobody.over(arrival))) == (0, True, True)


def test_a_band_is_as_long_as_its_shortest_seed() -> None:
    mean, std = band([[2.0, 1.0, 0.5], [2.0, 3.0]])
    assert mean.tolist() == [2.0, 2.0]
    assert std == pytest.approx([0.0, math.sqrt(2)])
    mean, std = band([[2.0, None]])
    assert mean[0] == 2.0
    assert np.isnan(mean[1])
    assert np.isnan(std).all()
    assert [len(part) for part in band([])] == [0, 0]
