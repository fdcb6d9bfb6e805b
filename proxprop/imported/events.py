"""TensorBoard's event files, read without TensorBoard: its scalars, and nothing else of it.

A file is a row of records (length, its checksum, data, checksum), each a protocol buffer `Event`
(`event.proto`, `summary.proto` and `tensor.proto` of https://github.com/tensorflow/tensorboard).
Only the fields that scalars use are looked at.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from datetime import UTC, datetime

from proxprop.imported.curves import ExportError, ImportedRun, Runs

_MAGIC = b"brain.Event:"  # in the first record: the version of the file
_FLOAT, _DOUBLE = 1, 2  # types of a tensor's numbers


def is_events(content: bytes) -> bool:
    """Return whether this begins as an event file does."""
    return _MAGIC in content[:64]


def read_events(content: bytes) -> list[ImportedRun]:
    """Return the run of an event file; a last record that is cut short is left out.

    Raises:
        ExportError: If it is damaged.
    """
    runs = Runs("TensorBoard", clock="wall")
    began = math.nan
    try:
        for record in _records(memoryview(content)):
            moment, step, scalars = _event(record)
            if scalars and math.isnan(began):
                began = moment
            for tag, value in scalars:
                runs.add("", tag, step, value, seconds=moment - began)
    except (ValueError, struct.error) as error:
        if isinstance(error, ExportError):
            raise
        raise ExportError(f"is a damaged event file ({error})") from error
    return runs.finished({"": _name(began)})


def _name(began: float) -> str:
    """Return what an event file is called: the folder that names its run did not come along."""
    try:
        return f"TensorBoard, {datetime.fromtimestamp(began, UTC):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return "TensorBoard"


def _records(content: memoryview) -> Iterator[memoryview]:
    place = 0
    while place + 12 <= len(content):
        (size,) = struct.unpack_from("<Q", content, place)
        start = place + 12
        if start + size + 4 > len(content):
            return  # still being written, or cut
        yield content[start : start + size]
        place = start + size + 4


def _event(record: memoryview) -> tuple[float, int, list[tuple[str, float]]]:
    moment, step, scalars = math.nan, 0, []
    for number, value in _fields(record):
        if number == 1 and isinstance(value, memoryview):
            (moment,) = struct.unpack("<d", value)
        elif number == 2 and isinstance(value, int):
            step = value - (1 << 64 if value >> 63 else 0)
        elif number == 5 and isinstance(value, memoryview):
            for inner, summary in _fields(value):
                if inner == 1 and isinstance(summary, memoryview):
                    tag, scalar = _value(summary)
                    if scalar is not None:
                        scalars.append((tag, scalar))
    return moment, step, scalars


def _value(summary: memoryview) -> tuple[str, float | None]:
    tag, scalar = "", None
    for number, value in _fields(summary):
        if not isinstance(value, memoryview):
            continue
        if number == 1:
            tag = bytes(value).decode("utf-8", errors="replace")
        elif number == 2:
            (scalar,) = struct.unpack("<f", value)
        elif number == 8:
            scalar = _tensor(value)
    return tag, scalar


def _tensor(tensor: memoryview) -> float | None:
    """Return the number of a tensor that holds one of 32 or 64 bits; None for any other."""
    kind, scalar = 0, None
    for number, value in _fields(tensor):
        if number == 1 and isinstance(value, int):
            kind = value
        elif isinstance(value, memoryview) and (number == 4 or number == 4 + kind):
            # As bytes in 4, or in a field of its type: 5 for 32 bits, 6 for 64.
            form = {_FLOAT: "<f", _DOUBLE: "<d"}.get(kind)
            if form and len(value) == struct.calcsize(form):
                (scalar,) = struct.unpack(form, value)
    return scalar


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field: an integer, or the bytes of anything else."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == 2:
            size, place = _varint(message, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field of the unknown kind {kind}")
        if place + size > len(message):
            raise ValueError("a field beyond its record's end")
        yield number, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for index in range(10):
        if place >= len(message):
            break
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & (1 << 64) - 1, place
    raise ValueError("a number without an end")
