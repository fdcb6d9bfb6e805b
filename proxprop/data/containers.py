"""Folders and archives of files, read in place and never unpacked to disk.

Archives are untrusted: whatever points outside, links, devices and bombs are refused before any
image is decoded.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, cast

from proxprop.data.bounds import Listing
from proxprop.data.errors import DataError

MAX_FILE_BYTES = 64 << 20  # one image file
MAX_UNPACKED_BYTES = 16 << 30  # a whole archive
# An archive of images unpacks to a few times its size; flat drawings to a few dozen times.
MAX_RATIO = 200
RATIO_FLOOR_BYTES = 64 << 20  # small archives may compress as well as they like

_ENCRYPTED = 0x1  # general purpose flag of a zip member, bit 0
_DECODERS: dict[bytes, Callable[[Path], Any]] = {  # by the first bytes of a file
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
# Everything that reading a damaged archive can raise.
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)


class DamagedFileError(DataError):
    """One file of a container cannot be read; the others can."""


@dataclass(frozen=True, order=True)
class File:
    """One regular file in a container.

    Attributes:
        parts: Its path below the container, folder by folder.
        size: Bytes, as the container says.
    """

    parts: tuple[str, ...]
    size: int

    @property
    def name(self) -> str:
        """The path as a person reads it."""
        return "/".join(self.parts)


class Container(ABC):
    """Files that can be listed and read.

    Attributes:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def files(self) -> list[File]:
        """Return every regular file, sorted.

        Raises:
            DataError: If the container is damaged or breaks a rule.
        """

    @abstractmethod
    def read(
        self, wanted: Collection[File], damaged: Callable[[File, str], None] | None = None
    ) -> Iterator[tuple[File, bytes]]:
        """Yield the contents of `wanted`, in the order in which they are cheapest to read.

        Args:
            wanted: The files.
            damaged: Called with a file that cannot be read, and why; it is passed over then.

        Raises:
            DataError: If the container cannot be read, or a file and `damaged` is None.
        """

    @abstractmethod
    def state(self) -> str:
        """Return a text that changes when the contents do."""


def open_container(path: str) -> Container:
    """Return the folder, .zip or .tar (plain, gz, bz2 or xz) at `path`; the contents decide which.

    Raises:
        DataError: If there is nothing there, or something else.
    """
    place = Path(os.path.expanduser(path))
    try:
        if place.is_dir():
            return Directory(place)
        if not place.is_file():
            hint = "" if place.is_absolute() else f" (seen from {Path.cwd()})"
            raise DataError(f"{path}{hint} does not exist; check data.path")
        if opener := _tar_opener(place):
            return TarArchive(place, opener)
        if zipfile.is_zipfile(place):
            return ZipArchive(place)
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}; check data.path") from error
    raise DataError(
        f"{path} is neither a folder nor a .zip or .tar archive; give one of class-named folders, "
        "or a table called .csv, .tsv or .npz"
    )


class Directory(Container):
    """A folder on disk; links in it are followed, as they are the owner's own."""

    def files(self) -> list[File]:
        """Return every regular file below the folder."""
        return sorted(File(parts, status.st_size) for parts, status in self._walk())

    def read(
        self, wanted: Collection[File], damaged: Callable[[File, str], None] | None = None
    ) -> Iterator[tuple[File, bytes]]:
        """Yield the contents of `wanted`, in their order."""
        for file in wanted:
            _check_size(file, self.path)
            try:
                content = self.path.joinpath(*file.parts).read_bytes()
            except OSError as error:
                message = f"{file.name} in {self.path} cannot be read: {error.strerror}"
                if damaged is None:
                    raise DamagedFileError(message) from error
                damaged(file, message)
            else:
                yield file, content

    def state(self) -> str:
        """Return a digest of all names, sizes and times."""
        digest = sha256()
        for parts, status in sorted(self._walk(), key=lambda walked: walked[0]):
            digest.update(f"{parts} {status.st_size} {status.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def _walk(self) -> Iterator[tuple[tuple[str, ...], os.stat_result]]:
        def refuse(error: OSError) -> None:
            raise DataError(f"{error.filename} cannot be listed: {error.strerror}") from error

        seen: set[tuple[int, int]] = set()  # folders visited: links may form a circle
        count, listing = 0, Listing(self.path)
        for folder, folders, names in os.walk(self.path, onerror=refuse, followlinks=True):
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                folders.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            count += len(folders)
            above = Path(folder).relative_to(self.path).parts
            for name in names:
                listing.check(count := count + 1)
                try:
                    status = os.stat(os.path.join(folder, name))
                except OSError:  # a link to nowhere
                    continue
                if stat.S_ISREG(status.st_mode):
                    yield (*above, name), status


class Archive(Container):
    """An archive; untrusted, listed and checked whole before any image is decoded."""

    def files(self) -> list[File]:
        """Return every regular file, after every member was checked."""
        with self._open() as archive:
            files = sorted(file for _, file in self._members(archive))
        for file, following in pairwise(files):
            if file.parts == following.parts:  # only one of them can be meant
                raise _refusal(self.path, f"member {file.name!r} appears twice")
        return files

    def read(
        self, wanted: Collection[File], damaged: Callable[[File, str], None] | None = None
    ) -> Iterator[tuple[File, bytes]]:
        """Yield the contents of `wanted`, in the archive's order."""
        missing = set(wanted)
        with self._open() as archive:
            for member, file in self._members(archive):
                if file in missing:
                    missing.remove(file)
                    _check_size(file, self.path)
                    try:
                        content = self._content(archive, member)
                    except DamagedFileError as error:
                        if damaged is None:
                            raise
                        damaged(file, str(error))
                    else:
                        yield file, content
                if not missing:
                    return

    def state(self) -> str:
        """Return the archive's size and time."""
        status = self.path.stat()
        return f"{status.st_size} {status.st_mtime_ns}"

    @abstractmethod
    def _open(self) -> AbstractContextManager[Any]:
        """Open the archive; what damage raises becomes a `DataError`."""

    @abstractmethod
    def _members(self, archive: Any) -> Iterator[tuple[Any, File]]:
        """Yield every regular file, checked."""

    @abstractmethod
    def _content(self, archive: Any, member: Any) -> bytes: ...


class ZipArchive(Archive):
    """A zip archive, read in place."""

    @contextmanager
    def _open(self) -> Iterator[zipfile.ZipFile]:
        with _damage_in_words(self.path), zipfile.ZipFile(self.path) as archive:
            yield archive

    def _members(self, archive: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, File]]:
        members = archive.infolist()
        packed = self.path.stat().st_size
        Listing(self.path).check(len(members))
        _check_unpacked(sum(member.file_size for member in members), packed, self.path)
        if sum(member.compress_size for member in members) > packed:
            raise _refusal(self.path, "its members overlap")
        for member in members:
            parts = _safe_parts(member.filename, self.path)
            mode = stat.S_IFMT(member.external_attr >> 16)
            if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refusal(self.path, f"member {member.filename!r} is a link or a device")
            if member.flag_bits & _ENCRYPTED:
                raise _refusal(self.path, f"member {member.filename!r} is encrypted")
            if parts and not member.filename.endswith(("/", "\\")):
                yield member, File(parts, member.file_size)

    def _content(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
        # zipfile stops at the declared size and compares the checksum there.
        try:
            return archive.read(member)
        except _DAMAGE as error:
            raise DamagedFileError(
                f"{member.filename} in {self.path} is damaged ({error or type(error).__name__})"
            ) from error


class TarArchive(Archive):
    """A tar archive, plain or compressed, read as a stream."""

    def __init__(self, path: Path, opener: Callable[[Path], Any]) -> None:
        super().__init__(path)
        self._opener = opener

    @contextmanager
    def _open(self) -> Iterator[tarfile.TarFile]:
        with _damage_in_words(self.path), self._opener(self.path) as content:
            stream = cast(IO[bytes], _BoundedStream(content, self.path))
            with tarfile.open(fileobj=stream, mode="r:") as archive:
                yield archive

    def _members(self, archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, File]]:
        listing = Listing(self.path)
        for count, member in enumerate(archive, start=1):
            listing.check(count)
            parts = _safe_parts(member.name, self.path)
            if member.isdir():
                continue
            if not member.isreg():
                raise _refusal(self.path, f"member {member.name!r} is a link or a device")
            if member.issparse():
                raise _refusal(self.path, f"member {member.name!r} is a sparse file")
            if member.size < 0:
                raise OSError("a member has a negative size")
            if parts:
                yield member, File(parts, member.size)

    def _content(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
        stream = cast(_BoundedStream, archive.fileobj)
        stream.seek(member.offset_data)
        return stream.read(member.size)


class _BoundedStream:
    """A stream that only goes forward, and stops a bomb before it fills the memory."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream = stream
        self._path = path
        self._packed = path.stat().st_size
        self._position = 0

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; refuse more than any image set needs."""
        if size > MAX_FILE_BYTES:
            raise _refusal(self._path, f"it holds a header of {size >> 20} MiB")
        content = self._stream.read(size)
        self._position += len(content)
        _check_unpacked(self._position, self._packed, self._path)
        return content

    def seek(self, offset: int) -> int:
        """Skip to `offset`; no sound archive leads back."""
        if offset < self._position:
            raise OSError("a member's header leads backwards")
        while self._position < offset and self.read(min(1 << 16, offset - self._position)):
            pass
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position


@contextmanager
def _damage_in_words(archive: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except _DAMAGE as error:
        raise DataError(
            f"{archive} is damaged ({error or type(error).__name__}); copy or download it again"
        ) from error


def _safe_parts(name: str, archive: Path) -> tuple[str, ...]:
    """Return a member's path, folder by folder; refuse one that leads out of the archive."""
    path = name.replace("\\", "/")  # archives made on Windows
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    absolute = path.startswith("/") or path[1:2] == ":"  # the latter with a drive letter
    if absolute or ".." in parts or "\0" in name:
        raise _refusal(archive, f"member {name!r} points outside the archive")
    return parts


def _check_unpacked(unpacked: int, packed: int, archive: Path) -> None:
    if unpacked > MAX_UNPACKED_BYTES:
        raise _refusal(archive, f"it unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB")
    if unpacked > max(RATIO_FLOOR_BYTES, MAX_RATIO * packed):
        raise _refusal(archive, f"it unpacks to more than {MAX_RATIO} times its size")


def _check_size(file: File, place: Path) -> None:
    if file.size > MAX_FILE_BYTES:
        raise DataError(
            f"{file.name} in {place} has {file.size >> 20} MiB, above the limit of "
            f"{MAX_FILE_BYTES >> 20} MiB an image; make it smaller"
        )


def _refusal(archive: Path, reason: str) -> DataError:
    return DataError(
        f"{archive} is refused: {reason}; pack plain class folders of images into a new archive"
    )


def _tar_opener(path: Path) -> Callable[[Path], Any] | None:
    """Return what opens the tar archive at `path`; None if the file does not start like one."""
    # tarfile.is_tarfile would read what a hostile first header asks for.
    with path.open("rb") as stream:
        block = stream.read(tarfile.BLOCKSIZE)
    for magic, opener in _DECODERS.items():
        if block.startswith(magic):
            return opener
    try:
        tarfile.TarInfo.frombuf(block, tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        if block != bytes(tarfile.BLOCKSIZE):  # that of an archive without members
            return None
    return partial(open, mode="rb")
