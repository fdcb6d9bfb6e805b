"""A folder on disk."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from hashlib import sha256
from pathlib import Path

from proxprop.data.containers.base import File
from proxprop.data.containers.rules import check_count, check_size
from proxprop.data.errors import DataError


class Directory:
    """A folder on disk; links in it are followed, as they are the owner's own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def files(self) -> list[File]:
        """Return every regular file below the folder."""
        return sorted(File(parts, entry.stat().st_size) for parts, entry in self._walk())

    def read(self, wanted: Collection[File]) -> Iterator[tuple[File, bytes]]:
        """Yield the contents of `wanted`, in their order."""
        for file in wanted:
            check_size(file.size, file.name, self.path)
            try:
                content = self.path.joinpath(*file.parts).read_bytes()
            except OSError as error:
                raise DataError(
                    f"{file.name} in {self.path} cannot be read: {error.strerror}"
                ) from error
            yield file, content

    def state(self) -> str:
        """Return a digest of all names, sizes and times."""
        digest = sha256()
        for parts, entry in sorted(self._walk(), key=lambda found: found[0]):
            status = entry.stat()
            digest.update(f"{parts} {status.st_size} {status.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def _walk(self) -> Iterator[tuple[tuple[str, ...], os.DirEntry[str]]]:
        pending: list[tuple[tuple[str, ...], Path]] = [((), self.path)]
        seen: set[tuple[int, int]] = set()  # folders visited: links may form a circle
        count = 0
        while pending:
            parts, folder = pending.pop()
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            for entry in _entries(folder):
                count += 1
                check_count(count, self.path)
                if entry.is_dir():
                    pending.append(((*parts, entry.name), folder / entry.name))
                elif entry.is_file():
                    yield (*parts, entry.name), entry


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError as error:
        raise DataError(f"{folder} cannot be listed: {error.strerror}") from error
