"""Downsampling against the raw rows, and the cut-and-append protocol against the whole truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.live.series import MAX_POINTS, Table, bucket_width
from app.live.wire import numbers

BAD = (np.nan, np.inf, -np.inf)


def rows_of(values, start=0):
    steps = np.arange(start, start + len(values), dtype=float)
    return {
        "step": steps,
        "epoch": steps / 7,
        "seconds": steps * 0.3,
        "y": np.asarray(values, float),
    }


def filled(values, limit=MAX_POINTS, cuts=()):
    table = Table(("y",), limit)
    for part in np.split(np.asarray(values, float), sorted(cuts)):
        table.append(rows_of(part, table.rows))
    return table


def reference(values, limit):
    """Return the row numbers that must be kept, straight from the definition."""
    values = np.asarray(values, float)
    width, keep = 2, set()
    while 2 * -(-len(values) // width) > limit:
        width *= 2
    for start in range(0, len(values), width):
        bucket = values[start : start + width]
        finite = np.flatnonzero(np.isfinite(bucket))
        if len(finite):
            keep.add(start + finite[np.argmin(bucket[finite])])
            keep.add(start + finite[np.flatnonzero(bucket[finite] == bucket[finite].max())[-1]])
        if len(finite) < len(bucket):
            keep.add(start + int(np.flatnonzero(~np.isfinite(bucket))[0]))
    return sorted(keep | {0, len(values) - 1}) if len(values) else []


class Client:
    """A viewer that knows only: cut to the first `from` points, then append."""

    def __init__(self):
        self.points = []
        self.rows = 0

    def take(self, table):
        delta = table.delta(0, self.rows)
        assert delta.start <= len(self.points)
        new = list(zip(delta.step, delta.epoch, delta.seconds, delta.y, strict=True))
        self.points = self.points[: delta.start] + new
        self.rows = table.rows


def truth(table):
    delta = table.delta(0)
    return list(zip(delta.step, delta.epoch, delta.seconds, delta.y, strict=True))


numbers_or_bad = st.one_of(st.floats(-100, 100), st.sampled_from(BAD))
columns = st.lists(numbers_or_bad, min_size=1, max_size=120)


@given(values=columns, limit=st.sampled_from([4, 8, 30]), data=st.data())
def test_any_arrival_keeps_exactly_the_rows_of_the_definition(values, limit, data):
    cuts = data.draw(st.lists(st.integers(0, len(values)), max_size=6))
    table = filled(values, limit, cuts)
    kept = reference(values, limit)
    delta = table.delta(0)
    assert delta.step.astype(int).tolist() == kept
    np.testing.assert_array_equal(delta.y, np.asarray(values, float)[kept])
    np.testing.assert_array_equal(delta.epoch, delta.step / 7)
    np.testing.assert_array_equal(delta.seconds, delta.step * 0.3)


@given(
    parts=st.lists(st.lists(numbers_or_bad, max_size=25), min_size=1, max_size=12),
    looks=st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_cutting_and_appending_gives_the_truth_however_often_a_client_looks(parts, looks):
    table, client = Table(("y",), 10), Client()
    for part, look in zip(parts, looks):
        table.append(rows_of(part, table.rows))
        if look:
            client.take(table)
            np.testing.assert_array_equal(client.points, truth(table))
    client.take(table)
    np.testing.assert_array_equal(client.points, truth(table))


def test_extremes_ends_and_size_of_a_long_run():
    values = np.random.default_rng(0).normal(size=100_003).cumsum()
    values[54_321] = 1e9  # one spike among a hundred thousand
    delta = filled(values).delta(0)
    assert len(delta.y) <= MAX_POINTS + 2
    assert len(delta.y) > MAX_POINTS / 3
    assert delta.y.max() == 1e9
    assert delta.y.min() == values.min()
    assert (delta.y[0], delta.y[-1]) == (values[0], values[-1])


def test_short_series_keep_every_point():
    values = np.random.default_rng(1).normal(size=MAX_POINTS)
    np.testing.assert_array_equal(filled(values, cuts=[3, 77, 400]).delta(0).y, values)


def test_an_up_to_date_client_gets_only_the_tail():
    values = np.random.default_rng(2).normal(size=5000)
    table = filled(values)
    before = table.rows
    table.append(rows_of([0.5], before))
    delta = table.delta(0, before)
    assert len(delta.y) <= 5
    assert delta.start > 200


def test_columns_that_appear_late_begin_where_they_appear():
    table = Table(("y",), 8)
    table.append(rows_of(range(20)))
    late = rows_of(range(20, 40), 20)
    late["z"] = np.arange(20.0)
    table.append(late)
    assert table.columns == ("y", "z")
    delta = table.delta(1)
    assert delta.step.min() == 20
    np.testing.assert_array_equal(delta.y, delta.step - 20)
    assert [table.delta(column).y[-1] for column in (0, 1)] == [39, 19]


@pytest.mark.parametrize(("rows", "width"), [(0, 2), (600, 2), (601, 4), (1200, 4), (1201, 8)])
def test_bucket_width_doubles_only_when_it_must(rows, width):
    assert bucket_width(rows) == width


def test_numbers_on_the_wire_have_six_digits_and_null_for_what_is_not_finite():
    values = np.array([1 / 3, np.nan, np.inf, -np.inf, 1e-12, 123456789.0, -0.0])
    assert numbers(values) == "[0.333333,null,null,null,1e-12,1.23457e+08,-0]"
    assert numbers(np.empty(0)) == "[]"
