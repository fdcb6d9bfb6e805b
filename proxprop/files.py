"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

ABANDONED = 86_400.0  # seconds after which an unfinished file has no writer any more


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary neighbour of `path` for writing; it takes the place of `path` at the end.

    The folder is made. What is written is on the disk before it can be seen; if the block raises,
    `path` stays as it was. What killed processes left unfinished beside it is deleted after a day.

    Raises:
        OSError: If the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    delete_abandoned(path.parent)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with unfinished.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write `data` (text as UTF-8) to `path`, whole or not at all; see `atomic_file`.

    Raises:
        OSError: If the disk refuses.
    """
    with atomic_file(path) as stream:
        stream.write(data.encode() if isinstance(data, str) else data)


def delete_abandoned(folder: Path, pattern: str = ".*.part") -> None:
    """Delete files and folders that killed processes left unfinished more than a day ago."""
    for path in folder.glob(pattern):
        with suppress(OSError):  # another process may do the same
            if time.time() - path.stat().st_mtime > ABANDONED:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
