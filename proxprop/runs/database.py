"""The SQLite file: opening it, checking it, and connections that threads may share out."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proxprop import paths
from proxprop.runs.errors import StoreVersionError, disk_in_words, in_words
from proxprop.runs.schema import SCHEMA_VERSION, TABLES

_IDLE = 4  # connections kept open between calls


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
            raise disk_in_words(error, self.path.parent) from error
        self._prepare()

    @property
    def home(self) -> Path:
        """The data directory the store lies in; checkpoints and logs lie beside it."""
        return self.path.parent

    def close(self) -> None:
        """Close the idle connections; the store stays usable."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        connection = None
        try:
            connection = self._take()
            yield connection
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise in_words(error, self.path) from error
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        self._give_back(connection)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection in one transaction: all of it is written, or nothing."""
        with self._reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

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
        """Create the tables of a new file; refuse a damaged or newer one, never touching it."""
        with self._reading() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise StoreVersionError(
                    f"The run store {self.path} was written by a newer proxprop (store version "
                    f"{version}, this one knows {SCHEMA_VERSION}). Upgrade proxprop, or point "
                    "PROXPROP_HOME at another folder."
                )
            if version < SCHEMA_VERSION:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.executescript(
                    f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version={SCHEMA_VERSION}; COMMIT"
                )
