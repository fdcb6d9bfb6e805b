"""A tar archive, plain or compressed, read as a stream and never unpacked."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from proxprop.data.containers.base import File
from proxprop.data.containers.rules import (
    MAX_FILE_BYTES,
    check_count,
    check_size,
    check_unpacked,
    damaged,
    refusal,
    safe_parts,
    unique,
)
from proxprop.data.errors import DataError

_DAMAGE = (OSError, EOFError, ValueError, tarfile.TarError, zlib.error, lzma.LZMAError)
_DECODERS: dict[bytes, Callable[[Path], Any]] = {  # by the first bytes of a file
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}


def is_tar(path: Path) -> bool:
    """Return whether the file at `path` starts like a tar archive or a compressed file."""
    return _decoder(path) is not None or _starts_with_header(path)


class TarArchive:
    """A tar archive; untrusted, listed and checked whole before any image is decoded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def files(self) -> list[File]:
        """Return every regular file, after every member was checked."""
        with self._open() as (archive, _):
            return unique((file for _, file in self._members(archive)), self.path)

    def read(self, wanted: Collection[File]) -> Iterator[tuple[File, bytes]]:
        """Yield the contents of `wanted`, in the archive's order."""
        missing = set(wanted)
        with self._open() as (archive, stream):
            for member, file in self._members(archive):
                if file in missing:
                    missing.remove(file)
                    check_size(file.size, file.name, self.path)
                    stream.seek(member.offset_data)
                    yield file, stream.read(member.size)
                if not missing:
                    return

    def state(self) -> str:
        """Return the archive's size and time."""
        status = self.path.stat()
        return f"{status.st_size} {status.st_mtime_ns}"

    @contextmanager
    def _open(self) -> Iterator[tuple[tarfile.TarFile, BoundedStream]]:
        try:
            decoder = _decoder(self.path)
            with decoder(self.path) if decoder else self.path.open("rb") as content:
                stream = BoundedStream(content, self.path)
                with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r:") as archive:
                    yield archive, stream
        except DataError:
            raise
        except _DAMAGE as error:
            raise damaged(self.path, error) from error

    def _members(self, archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, File]]:
        for count, member in enumerate(archive, start=1):
            check_count(count, self.path)
            parts = safe_parts(member.name, self.path)
            if member.isdir():
                continue
            if not member.isreg():
                raise refusal(self.path, f"member {member.name!r} is a link or a device")
            if member.issparse():
                raise refusal(self.path, f"member {member.name!r} is a sparse file")
            if member.size < 0:
                raise OSError("a member has a negative size")
            if parts:
                yield member, File(parts, member.size)


class BoundedStream:
    """A stream that only goes forward, and stops a bomb before it fills the memory."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream = stream
        self._path = path
        self._packed = path.stat().st_size
        self._position = 0

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes.

        Raises:
            DataError: If one read or the whole stream is larger than any image set needs.
        """
        if size > MAX_FILE_BYTES:
            raise refusal(self._path, f"it holds a header of {size >> 20} MiB")
        content = self._stream.read(size)
        self._position += len(content)
        check_unpacked(self._position, self._packed, self._path)
        return content

    def seek(self, offset: int) -> int:
        """Skip to `offset`.

        Raises:
            OSError: If it lies behind: no sound archive leads back.
        """
        if offset < self._position:
            raise OSError("a member's header leads backwards")
        while self._position < offset and self.read(min(1 << 20, offset - self._position)):
            pass
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position


def _decoder(path: Path) -> Callable[[Path], Any] | None:
    with path.open("rb") as stream:
        start = stream.read(6)
    return next((found for magic, found in _DECODERS.items() if start.startswith(magic)), None)


def _starts_with_header(path: Path) -> bool:
    # tarfile.is_tarfile would read what a hostile first header asks for.
    with path.open("rb") as stream:
        block = stream.read(tarfile.BLOCKSIZE)
    try:
        tarfile.TarInfo.frombuf(block, tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        return block == bytes(tarfile.BLOCKSIZE)  # an archive without members
    return True
