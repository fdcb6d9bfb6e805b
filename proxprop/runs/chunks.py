"""Points as rows of the store's table `chunks`: some consecutive ones of a table in each."""

from __future__ import annotations

import json
from collections.abc import Iterable

from proxprop.runs.record import AXES, pack
from proxprop.spec.events import Point

# Member, table, columns.
Key = tuple[int, str, tuple[str, ...]]


def grouped(points: Iterable[Point]) -> list[tuple[Key, list[tuple[float, ...]]]]:
    """Group points by member and table; a change of columns begins a new group."""
    groups: list[tuple[Key, list[tuple[float, ...]]]] = []
    latest: dict[tuple[int, str], int] = {}
    for point in points:
        key: Key = (point.member, point.table, (*AXES, *point.values))
        at = latest.get(key[:2])
        if at is None or groups[at][0] != key:
            at = latest[key[:2]] = len(groups)
            groups.append((key, []))
        groups[at][1].append((point.step, point.epoch, point.seconds, *point.values.values()))
    return groups


def chunk_row(run_id: str, key: Key, rows: list[tuple[float, ...]]) -> tuple[object, ...]:
    """Return a row of `chunks`."""
    member, table, names = key
    steps = [row[0] for row in rows]
    first, last = min(steps), max(steps)
    return run_id, member, table, first, last, len(rows), json.dumps(names), pack(rows)
