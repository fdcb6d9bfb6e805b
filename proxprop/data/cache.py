"""Decoded samples on disk, so that images are decoded once.

One uncompressed .npz a data set, under `PROXPROP_HOME/cache`. Entries appear by an atomic rename:
a reader sees a whole entry or none, and processes that build the same one at once do no harm. The
zip container checks every member's CRC, so a damaged entry is noticed, dropped and built again.
Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from proxprop.data.source import quiet
from proxprop.files import atomic_file
from proxprop.paths import home
from proxprop.spec.controls import Report

T = TypeVar("T")

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


def read_entry(key: CacheKey, kind: Callable[..., T]) -> T | None:
    """Return the entry of `key`, None if there is none or it is damaged.

    Args:
        key: Which entry.
        kind: The dataclass it holds; refuses what does not fit by raising ValueError.
    """
    if not key.path.exists():
        return None
    try:
        with np.load(key.path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        written = json.loads(str(arrays.pop("written")))
        # A damaged zip directory can lose members that no checksum misses.
        if set(written["arrays"]) != set(arrays):
            return None
        about = {k: tuple(v) if isinstance(v, list) else v for k, v in written["about"].items()}
        return kind(**arrays, **about)
    except _DAMAGE:
        return None


def write_entry(key: CacheKey, value: Any) -> None:
    """Write a dataclass of arrays and plain data in one atomic move; drop what it replaces.

    Raises:
        OSError: If the disk is full or not writable.
    """
    about = {field.name: getattr(value, field.name) for field in fields(value)}
    arrays = {name: about.pop(name) for name in [*about] if isinstance(about[name], np.ndarray)}
    written = np.array(json.dumps({"arrays": list(arrays), "about": about}))
    with atomic_file(key.path) as stream:
        np.savez(stream, allow_pickle=False, written=written, **arrays)
    for path in key.outdated():
        path.unlink(missing_ok=True)


def cached(
    key: CacheKey, kind: Callable[..., T], build: Callable[[], T], progress: Report = quiet
) -> T:
    """Return the entry of `key`; build and keep it if there is none.

    A cache that cannot be written costs the next load time, so it is reported and not fatal.

    Args:
        key: Which entry.
        kind: The dataclass it holds.
        build: Makes it anew.
        progress: Called if the entry cannot be kept.
    """
    value = read_entry(key, kind)
    if value is None:
        value = build()
        try:
            write_entry(key, value)
        except OSError as error:
            progress(f"The decoded data could not be kept in {_folder()}: {error}", None)
    return value


def _folder() -> Path:
    return home() / "cache"


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
