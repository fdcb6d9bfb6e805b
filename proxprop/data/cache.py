"""Decoded samples on disk, so that images are decoded once.

One uncompressed .npz a data set, under `PROXPROP_HOME/cache`. Entries appear by an atomic rename:
a reader sees a whole entry or none, and processes that build the same one at once do no harm. The
zip container checks every member's CRC, so a damaged entry is noticed, dropped and built again.
Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np

from proxprop.data.source import Array, Progress, quiet
from proxprop.paths import home

T = TypeVar("T")

ABANDONED = 86_400.0  # seconds after which an unfinished file has no writer any more
FORMAT = 1  # raise it when what an entry means changes

# Everything that reading a damaged entry can raise.
_DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class CacheKey:
    """Where an entry belongs.

    Attributes:
        name: Start of the file name, for people who look.
        identity: What is cached: the source and the options that shape it.
        state: The source's contents: sizes and times, or checksums. An entry replaces those of
            equal identity and another state.
    """

    name: str
    identity: str
    state: str

    @property
    def path(self) -> Path:
        """File of the entry."""
        return _folder() / f"{self._prefix}{_short(self.state)}.npz"

    @property
    def _prefix(self) -> str:
        return f"{self.name}-{_short(f'{FORMAT} {self.identity}')}-"

    def outdated(self) -> list[Path]:
        """Return the entries of equal identity and another state."""
        return [path for path in _folder().glob(f"{self._prefix}*.npz") if path != self.path]


@dataclass(frozen=True)
class Entry:
    """Arrays by name (any but "written"), and plain data about them."""

    arrays: dict[str, Array]
    about: dict[str, Any]


def read_entry(key: CacheKey) -> Entry | None:
    """Return the entry of `key`, or None if there is none or it is damaged."""
    if not key.path.exists():
        return None
    try:
        with np.load(key.path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        written = json.loads(str(arrays.pop("written")))
        # A damaged zip directory can lose members that no checksum misses.
        whole = set(written["arrays"]) == set(arrays)
        return Entry(arrays, written["about"]) if whole else None
    except _DAMAGE:
        return None


def write_entry(key: CacheKey, entry: Entry) -> None:
    """Write `entry` in one atomic move and drop the entries it replaces.

    Raises:
        OSError: If the disk is full or not writable.
    """
    written = np.array(json.dumps({"arrays": list(entry.arrays), "about": entry.about}))
    with atomic_file(key.path) as stream:
        np.savez(stream, allow_pickle=False, written=written, **entry.arrays)
    for path in key.outdated():
        path.unlink(missing_ok=True)


def cached(
    key: CacheKey,
    build: Callable[[], Entry],
    unpack: Callable[[Entry], T],
    progress: Progress = quiet,
) -> T:
    """Return what `unpack` makes of the entry of `key`; build and keep the entry if there is none.

    A cache that cannot be written costs the next load time, so it is told and not fatal.

    Args:
        key: Which entry.
        build: Makes it anew.
        unpack: Reads it; raises KeyError, TypeError or ValueError if something is missing or odd.
        progress: Told if the entry cannot be kept.
    """
    entry = read_entry(key)
    if entry is not None:
        try:
            return unpack(entry)
        except (KeyError, TypeError, ValueError):
            pass  # as good as damaged: built again below
    entry = build()
    try:
        write_entry(key, entry)
    except OSError as error:
        progress(f"The decoded data could not be kept in {_folder()}: {error}", None)
    return unpack(entry)


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary neighbour of `path` for writing; move it there once written completely."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _sweep(folder: Path) -> None:
    """Drop what processes killed while writing left behind."""
    for path in folder.glob(".*.part"):
        with suppress(OSError):  # another process may sweep too
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()


def _folder() -> Path:
    return home() / "cache"


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
