"""The store's file: an SQLite database in WAL mode, its tables, connections that threads share.

The worker appends, everyone else reads. A run's points are kept as chunks: a few rows a second per
run however fast it trains, each a block of little-endian float64 columns. `seq` grows over the
whole store, so a reader asks for "everything after seq" and misses nothing. When a run resumes,
points later than its checkpoint are cut away and `revision` grows, which tells readers to start
that run over.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from proxprop import paths
from proxprop.runs.errors import (
    StoreCorruptError,
    StoreVersionError,
    corrupt,
    disk_error,
    store_error,
)

_IDLE = 4  # connections kept open between calls
SCHEMA_VERSION = 2  # kept in SQLite's user_version
# Store version → the statements that make it the next one.
MIGRATIONS: dict[int, Sequence[str]] = {
    1: (
        "ALTER TABLE runs ADD COLUMN binned REAL NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN counted REAL",
    ),
}

# status: queued → starting → running ⇄ paused → ended; outcome is set once it has ended.
TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    id            TEXT PRIMARY KEY,          -- short, URL-safe, random
    kind          TEXT NOT NULL,             -- run | race | sweep
    name          TEXT NOT NULL,
    config        TEXT NOT NULL,             -- JSON of the config
    digest        TEXT NOT NULL,
    status        TEXT NOT NULL,             -- queued | starting | running | paused | ended
    outcome       TEXT,                      -- see proxprop.spec.events.Outcome
    words         TEXT NOT NULL DEFAULT '',  -- outcome or latest notice, in words
    revision      INTEGER NOT NULL DEFAULT 0,
    step          INTEGER NOT NULL DEFAULT 0,
    epoch         REAL NOT NULL DEFAULT 0,
    seconds       REAL NOT NULL DEFAULT 0,
    progress      REAL,                      -- 0..1 of the budget
    started_info  TEXT,                      -- JSON of proxprop.spec.events.Started
    summary       TEXT NOT NULL DEFAULT '{}',
    owner         TEXT NOT NULL DEFAULT '',  -- cookie of the browser that started it
    tags          TEXT NOT NULL DEFAULT '[]',
    notes         TEXT NOT NULL DEFAULT '',
    created       REAL NOT NULL,             -- unix seconds
    queued        REAL,                      -- unix seconds; when it last joined the queue
    resume        INTEGER NOT NULL DEFAULT 0, -- 1: goes on from a checkpoint; 2: or begins again
    started       REAL,
    ended         REAL,
    deleted       REAL,                      -- set: in the bin, restorable for a while
    pid           INTEGER,                   -- of the process that runs it
    process       TEXT,                      -- host and start time: tells reused pids apart
    heartbeat     REAL,                      -- unix seconds, about twice a second
    binned        REAL NOT NULL DEFAULT 0,   -- seconds in the bin, as counted
    counted       REAL                       -- unix seconds; when they were counted last
);
CREATE TABLE IF NOT EXISTS chunks (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id     TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    member     INTEGER NOT NULL,
    tbl        TEXT NOT NULL,                -- steps | evaluations | layers | settings
    first_step INTEGER NOT NULL,
    last_step  INTEGER NOT NULL,
    rows       INTEGER NOT NULL,
    columns    TEXT NOT NULL,                -- JSON list; starts with step, epoch, seconds
    data       BLOB NOT NULL                 -- float64, little-endian, column after column
);
CREATE INDEX IF NOT EXISTS chunks_by_run ON chunks(run_id, seq);
CREATE TABLE IF NOT EXISTS events (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id  TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    member  INTEGER NOT NULL,
    time    REAL NOT NULL,
    step    INTEGER NOT NULL,
    kind    TEXT NOT NULL,                   -- mark | notice | started | ended
    payload TEXT NOT NULL                    -- JSON of the event
);
CREATE INDEX IF NOT EXISTS events_by_run ON events(run_id, seq);
CREATE TABLE IF NOT EXISTS artifacts (
    run_id  TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    member  INTEGER NOT NULL,
    name    TEXT NOT NULL,
    step    INTEGER NOT NULL,
    version INTEGER NOT NULL,                -- grows with every replacement
    payload TEXT NOT NULL,                   -- JSON; null stands for NaN and infinity
    PRIMARY KEY (run_id, member, name)
);
CREATE TABLE IF NOT EXISTS controls (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id  TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    created REAL NOT NULL,
    payload TEXT NOT NULL,                   -- JSON of proxprop.spec.events.Control
    taken   REAL                             -- when the worker obeyed
);
CREATE INDEX IF NOT EXISTS controls_waiting ON controls(run_id, seq) WHERE taken IS NULL;
CREATE TABLE IF NOT EXISTS checkpoints (
    run_id  TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    step    INTEGER NOT NULL,
    path    TEXT NOT NULL,                   -- relative to the data directory
    created REAL NOT NULL,
    PRIMARY KEY (run_id, step)
);
"""


class Database:
    """A store's file and a small pool of connections, one per call at a time.

    Args:
        path: The file; default `proxprop.db` in the data directory. Its folder is made.
        busy_timeout: Seconds to wait for another writer before giving up.

    Raises:
        StoreError: If the file cannot be opened, is damaged, or of a newer version.
    """

    def __init__(self, path: Path | str | None = None, busy_timeout: float = 5.0) -> None:
        self.path = Path(path).resolve() if path else paths.database()
        self._busy_timeout = busy_timeout
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_error(error, self.path.parent) from error
        self._prepare()

    @property
    def home(self) -> Path:
        """The data directory the store lies in; checkpoints and logs lie beside it."""
        return self.path.parent

    def damage(self) -> str:
        """Look through the whole file; return what is wrong with it in words, "" if nothing is."""
        try:
            first = self._rows("PRAGMA quick_check(1)")[0][0].rpartition("***")[2]
        except StoreCorruptError as error:
            return str(error)
        if first == "ok":
            return ""
        return str(corrupt(self.path, first))

    def check_writable(self) -> None:
        """Raise if nothing can be recorded.

        Raises:
            StoreError: If the file or its folder may not be written, or another program holds it.
        """
        with self._writing():
            pass

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy of the file to `target` while others go on reading and writing.

        Raises:
            StoreError: If either cannot be read or written.
        """
        unfinished = target.with_name(f".{target.name}.part")
        try:
            unfinished.unlink(missing_ok=True)
            with self._reading() as source, closing(sqlite3.connect(unfinished)) as copy:
                source.backup(copy)
            unfinished.replace(target)
        except OSError as error:
            raise disk_error(error, target) from error
        finally:
            unfinished.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the idle connections; the store stays usable."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._take()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise store_error(error, self.path) from error
        self._give_back(connection)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection in one transaction: all of it is written, or nothing."""
        with self._reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        """Return what a query finds."""
        with self._reading() as connection:
            return connection.execute(query, values).fetchall()

    def _write(self, statement: str, values: Sequence[object] = ()) -> int:
        """Carry out one statement; return how many rows it changed."""
        with self._writing() as connection:
            return connection.execute(statement, values).rowcount

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._open()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if len(self._idle) < _IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _open(self) -> sqlite3.Connection:
        # A connection moves between threads but is only ever used by the one that took it.
        connection = sqlite3.connect(
            self.path, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    def _prepare(self) -> None:
        """Create the tables of a new file, migrate an older one; refuse a damaged or newer one."""
        with self._reading() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise StoreVersionError(
                    f"The run store {self.path} was written by a newer proxprop (store version "
                    f"{version}, this one knows {SCHEMA_VERSION}). Upgrade proxprop, or point "
                    "PROXPROP_HOME at another folder."
                )
            if version == 0:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.executescript(
                    f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version={SCHEMA_VERSION}; COMMIT"
                )
        if 0 < version < SCHEMA_VERSION:
            self._migrate()

    def _migrate(self) -> None:
        """Bring the tables up to date; the file as it was is kept beside it."""
        with self._writing() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version < SCHEMA_VERSION:  # no other process was faster
                self.copy_to(self.path.with_name(f"{self.path.name}.version-{version}"))
            for older in range(version, SCHEMA_VERSION):
                for statement in MIGRATIONS[older]:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
