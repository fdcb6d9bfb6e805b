"""Exported files as tools write them, written here byte by byte, so that no tool is needed."""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Sequence
from pathlib import Path

Scalar = tuple[str, int, float, float]  # tag, step, value, time


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def field(number: int, content: bytes | int | float, kind: int = 2) -> bytes:
    """Return one field of a protocol buffer; kinds: 0 a number, 1 a double, 2 bytes, 5 a float."""
    key = varint(number << 3 | kind)
    if isinstance(content, bytes):
        return key + varint(len(content)) + content
    if kind == 0:
        return key + varint(int(content))
    return key + struct.pack("<d" if kind == 1 else "<f", content)


def record(data: bytes) -> bytes:
    return struct.pack("<QI", len(data), 0) + data + bytes(4)


def event_file(scalars: Sequence[Scalar], *, as_tensor: bool = False) -> bytes:
    """Return an event file of TensorBoard; checksums are left at 0."""
    records = [record(field(1, 0.0, 1) + field(3, b"brain.Event:2"))]
    for tag, step, value, moment in scalars:
        held = field(2, value, 5)
        if as_tensor:
            held = field(8, field(1, 1, 0) + field(2, b"") + field(4, struct.pack("<f", value)))
        summary = field(1, field(1, tag.encode()) + held)
        records.append(record(field(1, moment, 1) + field(2, step, 0) + field(5, summary)))
    return b"".join(records)


def trackio_file(
    path: Path, rows: Sequence[tuple[str, str, int, str, dict[str, object]]], kind: str = "TABLE"
) -> bytes:
    """Return a project file of trackio: rows of id, name, step, time and metrics."""
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, "
            "timestamp TEXT NOT NULL, run_name TEXT NOT NULL, step INTEGER NOT NULL, "
            "metrics TEXT NOT NULL)"
        )
        connection.executemany(
            "INSERT INTO metrics (run_id, run_name, step, timestamp, metrics) VALUES (?,?,?,?,?)",
            [(*row[:4], json.dumps(row[4])) for row in rows],
        )
    connection.close()
    return path.read_bytes()
