"""Points survive the way into a blob and back, bit for bit."""

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from proxprop.runs.record import head, pack, unpack

NUMBER = st.floats(allow_nan=True, allow_infinity=True, width=64)


@given(
    st.integers(1, 6).flatmap(
        lambda width: st.lists(
            st.lists(NUMBER, min_size=width, max_size=width), min_size=1, max_size=20
        )
    )
)
def test_rows_come_back_bit_for_bit(rows: list[list[float]]) -> None:
    names = [f"c{i}" for i in range(len(rows[0]))]
    columns = unpack(pack(rows), names)
    for i, name in enumerate(names):
        expected = b"".join(struct.pack("<d", row[i]) for row in rows)
        assert columns[name].astype("<f8").tobytes() == expected


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.integers(-1, 51))
def test_head_keeps_exactly_the_rows_up_to_a_step(steps: list[int], last: int) -> None:
    rows = [(float(step), 0.5, 1.0, float("nan")) for step in steps]
    names = ["step", "epoch", "seconds", "loss"]
    data, count = head(pack(rows), names, last)
    kept = [step for step in steps if step <= last]
    assert count == len(kept)
    assert unpack(data, names)["step"].tolist() == kept
    assert np.isnan(unpack(data, names)["loss"]).all()
