"""A backup: one archive of the store, checkpoints and sent files, taken while runs go on."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from proxprop.files import atomic_file
from proxprop.runs.database import Database
from proxprop.runs.errors import RunError, StoreCorruptError, StoreError, disk_error, store_error
from proxprop.runs.store import Store

STORE = "proxprop.db"
FOLDERS = ("checkpoints", "uploads")
TEMPORARY = (".backup-*", ".restore-*")  # folders beside the store while it is copied


def back_up(store: Store, target: Path) -> None:
    """Write a backup of a store with all that its runs resume from; they may go on meanwhile.

    Checkpoints are pinned before and after the store is copied, so that each one the copy knows is
    in the archive, whole, whatever runs save or delete meanwhile.

    Args:
        store: The store.
        target: The archive (.tar); replaced whole, or left as it is.

    Raises:
        StoreError: If the store is damaged or the archive cannot be written.
    """
    if damage := store.damage():  # nobody could bring it back
        raise StoreCorruptError(damage)
    with _beside(store.home, "backup") as folder:
        _pin(store.home, folder)
        store.copy_to(folder / STORE)
        _pin(store.home, folder)
        _keep_whole(folder)
        try:
            with atomic_file(target) as file, tarfile.open(fileobj=file, mode="w|") as archive:
                for name in (STORE, *FOLDERS):
                    if (folder / name).exists():
                        archive.add(folder / name, name)
        except OSError as error:
            raise disk_error(error, target) from error


def restore(archive: Path, home: Path) -> Path | None:
    """Bring a backup back; what is there now is moved aside.

    Args:
        archive: What `back_up` wrote.
        home: The data directory; made if there is none.

    Returns:
        Where what was there is now; None where nothing was.

    Raises:
        RunError: If a process has the store open, or the archive is no whole backup.
        StoreError: If the disk refuses.
    """
    if users := _users(home / STORE):
        raise RunError(
            f"Process {', '.join(map(str, users))} has the store of {home} open; stop the "
            "dashboard and the runs that go on, then restore."
        )
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _beside(home, "restore") as folder:
            _unpack(archive, folder)
            aside = home / f"before-restore-{time.strftime('%Y%m%d-%H%M%S')}"
            for name in (STORE, f"{STORE}-wal", f"{STORE}-shm", *FOLDERS):
                if (home / name).exists():
                    aside.mkdir(exist_ok=True)
                    (home / name).rename(aside / name)
            for name in (*FOLDERS, STORE):  # the store last: it names the others
                if (folder / name).exists():
                    (folder / name).rename(home / name)
    except OSError as error:
        raise disk_error(error, home) from error
    return aside if aside.exists() else None


@contextmanager
def _beside(home: Path, purpose: str) -> Iterator[Path]:
    """Make a temporary folder on the data directory's own disk."""
    try:
        folder = TemporaryDirectory(prefix=f".{purpose}-", dir=home)
    except OSError as error:
        raise disk_error(error, home) from error
    with folder as path:
        yield Path(path)


def _pin(home: Path, folder: Path) -> None:
    """Give every file that runs need a second name in `folder`; a deleted one stays there."""
    for path in (file for name in FOLDERS for file in (home / name).rglob("*")):
        if path.name.startswith(".") or path.is_dir():
            continue
        pinned = folder / path.relative_to(home)
        pinned.parent.mkdir(parents=True, exist_ok=True)
        try:
            if pinned.exists() and not pinned.samefile(path):
                pinned.unlink()  # replaced by a newer one
            if not pinned.exists():
                os.link(path, pinned)
        except FileNotFoundError:  # deleted this moment: nothing needs it any more
            continue
        except OSError:  # a disk without hard links
            shutil.copy2(path, pinned)


def _keep_whole(folder: Path) -> None:
    """Strike checkpoints from the copied store that came and went while it was copied."""
    path = folder / STORE
    try:
        with closing(sqlite3.connect(path)) as copy:
            rows = copy.execute("SELECT run_id, step, path FROM checkpoints").fetchall()
            missing = [row[:2] for row in rows if not (folder / row[2]).exists()]
            copy.executemany("DELETE FROM checkpoints WHERE run_id = ? AND step = ?", missing)
            copy.commit()
    except sqlite3.Error as error:
        raise store_error(error, path) from error


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
        if not (folder / STORE).is_file():
            raise RunError(f"{archive} is no backup: it holds no {STORE}.")
        store = Database(folder / STORE)
        damage = store.damage()
        store.close()
    except (OSError, tarfile.TarError, StoreError) as error:
        raise RunError(f"{archive} is no whole backup: {error}") from error
    if damage:
        raise RunError(f"{archive} is no whole backup: {damage}")


def _users(path: Path) -> list[int]:
    """Return the processes that have a file open, as far as the system tells (Linux)."""
    users = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink() == path:
                users.add(int(link.parts[2]))
        except OSError:  # gone this moment, or another person's
            continue
    return sorted(users - {os.getpid()})
