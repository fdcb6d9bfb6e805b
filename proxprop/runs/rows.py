"""Rows of the store's tables from points, events and artifacts, inside one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from proxprop.runs.chunks import AXES, head
from proxprop.runs.record import kind_of, to_json, to_strict_json
from proxprop.spec.events import Artifact, Ended, Mark, Notice, Point, Started

RecordedEvent = Started | Mark | Notice | Ended

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


def add_event(
    connection: sqlite3.Connection, run_id: str, moment: float, event: RecordedEvent
) -> None:
    """Add a row of `events`."""
    connection.execute(
        "INSERT INTO events (run_id, member, time, step, kind, payload) VALUES (?, ?, ?, ?, ?, ?)",
        (
            run_id,
            event.member,
            moment,
            getattr(event, "step", 0),
            kind_of(event),
            to_json(event),
        ),
    )


def replace_artifact(connection: sqlite3.Connection, run_id: str, artifact: Artifact) -> None:
    """Add an artifact, or put it in the place of its predecessor."""
    connection.execute(
        "INSERT INTO artifacts VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT DO UPDATE SET "
        "step = excluded.step, version = version + 1, payload = excluded.payload",
        (
            run_id,
            artifact.member,
            artifact.name,
            artifact.step,
            to_strict_json(artifact.payload),
        ),
    )


def cut(connection: sqlite3.Connection, row: sqlite3.Row, last_step: int) -> None:
    """Cut a row of `chunks` down to its points up to `last_step`."""
    data, rows = head(row["data"], json.loads(row["columns"]), last_step)
    if rows == 0:
        connection.execute("DELETE FROM chunks WHERE seq = ?", (row["seq"],))
        return
    connection.execute(
        "UPDATE chunks SET data = ?, rows = ?, last_step = ? WHERE seq = ?",
        (data, rows, last_step, row["seq"]),
    )
