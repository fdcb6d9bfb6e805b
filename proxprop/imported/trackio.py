"""trackio's store: an SQLite file a project, a row a call of its `log`.

The file is a stranger's: it is opened in memory, only its own table is read, and no longer than a
number of SQLite's steps.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing

from proxprop.imported.curves import MAX_RUNS, ExportError, ImportedRun, Runs, as_number
from proxprop.imported.moments import as_moment

_MAGIC = b"SQLite format 3\0"
_JOURNAL = slice(18, 20)  # of the header: 2 2 for a write-ahead log, which memory has none of
_MOST_OPERATIONS = 20_000_000  # of SQLite's machine: a second or two
_LOOK = 100_000
_ROWS = "SELECT run_id, run_name, step, timestamp, metrics FROM metrics ORDER BY run_id, step, id"


def is_store(content: bytes) -> bool:
    """Return whether this is an SQLite file."""
    return content.startswith(_MAGIC)


def read_store(content: bytes) -> list[ImportedRun]:
    """Return the runs of a project.

    Raises:
        ExportError: If it is no store of trackio's, or damaged.
    """
    runs = Runs("trackio", clock="wall")
    names: dict[str, str] = {}
    began: dict[str, float] = {}
    legacy = bytearray(content)
    legacy[_JOURNAL] = b"\1\1"
    left = _MOST_OPERATIONS // _LOOK

    def tired() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    try:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.deserialize(bytes(legacy))
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.set_progress_handler(tired, _LOOK)
            _check(connection)
            for run_id, name, step, timestamp, metrics in connection.execute(_ROWS):
                key = str(run_id)
                if key not in names and len(names) >= MAX_RUNS:
                    break
                names.setdefault(key, str(name))
                moment = as_moment(timestamp)
                first = began.setdefault(key, moment)
                values = json.loads(metrics)
                if not isinstance(values, dict):
                    raise ExportError("has a row whose metrics are no JSON object")
                for metric, cell in values.items():
                    if (value := as_number(cell)) is not None:
                        runs.add(key, metric, as_number(step) or 0.0, value, seconds=moment - first)
    except (sqlite3.Error, ValueError, TypeError, RecursionError, MemoryError) as error:
        if isinstance(error, ExportError):
            raise
        raise ExportError(f"cannot be read as trackio's store ({error})") from error
    return runs.finished(_distinct(names))


def _check(connection: sqlite3.Connection) -> None:
    """Refuse a file whose `metrics` is no plain table of trackio's."""
    row = connection.execute(
        "SELECT type FROM sqlite_master WHERE name = 'metrics'",
    ).fetchone()
    columns = {
        str(name): hidden
        for _, name, _, _, _, _, hidden in connection.execute("PRAGMA table_xinfo(metrics)")
    }
    wanted = ("run_id", "run_name", "step", "timestamp", "metrics")
    if row != ("table",) or any(columns.get(name) != 0 for name in wanted):
        raise ExportError(
            "is an SQLite file, but none of trackio's: it has no table of metrics with "
            f"{', '.join(wanted)}"
        )


def _distinct(names: dict[str, str]) -> dict[str, str]:
    """Return key → name, with the key where two runs have one name."""
    often = Counter(names.values())
    return {key: name if often[name] == 1 else f"{name} ({key})" for key, name in names.items()}
