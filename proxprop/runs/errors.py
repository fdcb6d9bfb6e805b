"""What can go wrong around runs, each with a sentence a person can act on."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path


class RunError(RuntimeError):
    """A run cannot do what was asked of it; the message says why and what to do instead."""


class UnknownRunError(RunError):
    """No run has this id."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"There is no run {run_id!r}; it may have been deleted for good.")


class RunEndedError(RunError):
    """A command came after the run's end."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"Run {run_id} has ended; it takes no more commands.")


class StoreError(RuntimeError):
    """The run store cannot be read or written; the message holds cause and remedy."""


class StoreCorruptError(StoreError):
    """The file is damaged or not a store at all."""


class StoreLockedError(StoreError):
    """Another program holds the store for too long; trying again may help."""


class StoreFullError(StoreError):
    """The disk is full or refuses to be written; trying again may help."""


class StoreVersionError(StoreError):
    """The store was written by a newer proxprop."""


# SQLite's primary result codes (the low byte of the extended ones), https://sqlite.org/rescode.html
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_DENIED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}


def store_error(error: sqlite3.Error, path: Path) -> StoreError:
    """Return the store error that says what `error` means for the file at `path`."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _LOCKED:
        return StoreLockedError(
            f"The run store {path} is locked by another program; close whatever has it open "
            "(a database browser, a backup) and try again."
        )
    if code == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR:
        return StoreFullError(
            f"The run store {path} cannot be written: {error}. Free some space on its disk, or "
            "point PROXPROP_HOME at another one. What was recorded before is kept."
        )
    if code in _CORRUPT:
        return corrupt(path, str(error))
    if code in _DENIED:
        return StoreError(
            f"The run store {path} cannot be opened for writing: {error}. Check the permissions "
            "of its folder, or point PROXPROP_HOME at another one."
        )
    return StoreError(f"The run store {path} failed: {error}.")


def corrupt(path: Path, detail: str) -> StoreCorruptError:
    """Return the error of a damaged store: what is wrong, and the ways out."""
    return StoreCorruptError(
        f"The run store {path} is damaged or no run store: {' '.join(detail.split())}. It was left "
        "as it is. Move it away (with its -wal and -shm files) to start afresh, or bring a backup "
        "back: proxprop restore FILE"
    )


def disk_error(error: OSError, path: Path) -> StoreError:
    """Return the store error that says what `error` means for a file or folder at `path`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StoreFullError(
            f"{path} cannot be written: {error.strerror}. Free some space on its disk, or point "
            "PROXPROP_HOME at another one. What was recorded before is kept."
        )
    return StoreError(
        f"{path} cannot be written: {error.strerror or error}. Check its permissions, or point "
        "PROXPROP_HOME at another folder."
    )
