"""A zip archive, read in place."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

from proxprop.data.containers.base import File
from proxprop.data.containers.rules import (
    check_count,
    check_size,
    check_unpacked,
    damaged,
    refusal,
    safe_parts,
    unique,
)

_DAMAGE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)
_ENCRYPTED = 0x1  # general purpose flag, bit 0


class ZipArchive:
    """A zip archive; untrusted, checked whole before anything is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def files(self) -> list[File]:
        """Return every regular file, after every member was checked."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                return unique((file for _, file in self._checked(archive)), self.path)
        except _DAMAGE as error:
            raise damaged(self.path, error) from error

    def read(self, wanted: Collection[File]) -> Iterator[tuple[File, bytes]]:
        """Yield the contents of `wanted`, in their order."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                members = {file: member for member, file in self._checked(archive)}
                for file in wanted:
                    check_size(file.size, file.name, self.path)
                    # zipfile stops at the declared size and compares the checksum there.
                    yield file, archive.read(members[file])
        except _DAMAGE as error:
            raise damaged(self.path, error) from error

    def state(self) -> str:
        """Return the archive's size and time."""
        status = self.path.stat()
        return f"{status.st_size} {status.st_mtime_ns}"

    def _checked(self, archive: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, File]]:
        members = archive.infolist()
        packed = self.path.stat().st_size
        check_count(len(members), self.path)
        check_unpacked(sum(member.file_size for member in members), packed, self.path)
        if sum(member.compress_size for member in members) > packed:
            raise refusal(self.path, "its members overlap")
        for member in members:
            parts = safe_parts(member.filename, self.path)
            mode = stat.S_IFMT(member.external_attr >> 16)
            if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise refusal(self.path, f"member {member.filename!r} is a link or a device")
            if member.flag_bits & _ENCRYPTED:
                raise refusal(self.path, f"member {member.filename!r} is encrypted")
            if not member.is_dir() and parts:
                yield member, File(parts, member.file_size)
