"""What cannot be read is refused in words that begin with the file's name; nothing else happens."""

from __future__ import annotations

import sqlite3
import struct
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxprop.imported import MAX_MEGABYTES, ExportError, read_export
from tests.imported.written import event_file, field, record, trackio_file

EVENTS = event_file([("loss", step, 1 / (step + 1), float(step)) for step in range(20)])
ROWS = [("a", "mine", step, "2026-11-01", {"loss": 1.0}) for step in range(20)]


def refusal(content: bytes, name: str = "odd.file") -> str:
    with pytest.raises(ExportError) as refused:
        read_export(name, content)
    assert str(refused.value).startswith(name)
    return str(refused.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "is of no kind that is read here"),
        (b"PK\x03\x04\0\0\0\0", "wanted are event files of TensorBoard"),
        (b":W&B\xe1\xbe\x01\0", "`wandb sync` it"),
        (b"just words", "has no column of steps"),
        (b"epoch,loss\n1,2\n", "its columns are epoch, loss"),
        (b"step,step,loss\n1,1,2\n", "two columns of the same name"),
        (b"step,loss\n", "holds no numbers by step"),
        (b"step,loss\n1,fine\n", "holds no numbers by step"),
        (b"step,loss\ninf,1\n", "holds no numbers by step"),
        (b"step,loss\n1,2,3\n", "a row that is longer than its head"),
        (b'step,loss\n1,"' + b"x" * 200_000 + b'"\n', "cannot be read as a table"),
        (b"{", "cannot be read as JSON"),
        (b"[" * 100_000, "cannot be read as JSON"),
        (b"[1, 2]", "no list of rows"),
        (b"[]", "no list of rows"),
        (b'[{"step": 1, "loss": {}}]', "holds no numbers by step"),
        (b"SQLite format 3\0", "cannot be read as trackio's store"),
    ],
)
def test_it_is_said_what_is_wrong(content: bytes, words: str) -> None:
    assert words in refusal(content)


def test_too_much_is_refused() -> None:
    assert f"above the limit of {MAX_MEGABYTES} MB" in refusal(bytes(MAX_MEGABYTES * 10**6 + 1))
    wide = ",".join(f"m{column}" for column in range(150))
    rows = "".join(f"{step},{'1,' * 149}1\n" for step in range(7_000))
    assert "more than 1,000,000 numbers" in refusal(f"step,{wide}\n{rows}".encode())
    assert "columns" in refusal(("step," + ",".join(map(str, range(6_000)))).encode())


def test_numbers_beyond_a_float_are_none() -> None:
    huge = '[{"step": 1, "loss": 1' + "0" * 400 + '}, {"step": 2, "loss": 0.5}]'
    (run,) = read_export("h.json", huge.encode())
    assert run.curves["loss"].step.tolist() == [2]


@pytest.mark.parametrize(
    "inside",
    [
        field(5, field(1, field(2, b"abc"))),  # a float of three bytes
        b"\xff" * 12,  # a number without an end
        b"\x0f",  # a field of an unknown kind
        b"\x2a\x7f",  # a field longer than its record
    ],
)
def test_damaged_events(inside: bytes) -> None:
    assert "is a damaged event file" in refusal(EVENTS + record(inside))


def test_a_record_that_claims_to_be_endless_ends_the_file() -> None:
    (run,) = read_export("e", EVENTS + struct.pack("<QI", 1 << 63, 0) + b"more")
    assert len(run.curves["loss"]) == 20


def test_other_stores_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE metrics (name TEXT)")
    connection.close()
    assert "none of trackio's" in refusal(path.read_bytes())


def test_a_store_that_would_compute_forever_is_refused_at_once(tmp_path: Path) -> None:
    """A view in place of the table, or a column that is worked out, is not read at all."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"
    columns = "'a' run_id, 'a' run_name, i step, '' timestamp, '{}' metrics"
    path = tmp_path / "view.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE VIEW metrics AS {endless} {columns} FROM n")
    connection.close()
    began = time.monotonic()
    assert "none of trackio's" in refusal(path.read_bytes())
    path = tmp_path / "worked-out.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_id TEXT, run_name TEXT, step INT, "
            "timestamp TEXT, metrics TEXT AS (hex(zeroblob(500000000))))"
        )
    connection.close()
    assert "none of trackio's" in refusal(path.read_bytes())
    assert time.monotonic() - began < 5


@given(st.data())
def test_no_damage_ends_in_anything_but_words(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from(DAMAGED), label="file"))
    for _ in range(data.draw(st.integers(1, 8), label="bytes changed")):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    runs = []
    with suppress(ExportError):
        runs = read_export("damaged", bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    assert all(len(curve) for run in runs for curve in run.curves.values())


@pytest.fixture(scope="module", autouse=True)
def _store(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Have a store among the files that are damaged."""
    if len(DAMAGED) == 3:
        DAMAGED.append(trackio_file(tmp_path_factory.mktemp("store") / "p.db", ROWS))


DAMAGED = [
    EVENTS,
    b"step,loss,run\n" + b"".join(b"%d,0.5,a\n" % step for step in range(20)),
    b'[{"step": 1, "loss": 0.5, "_timestamp": 1e9}, {"step": 2, "loss": "NaN"}]',
]
