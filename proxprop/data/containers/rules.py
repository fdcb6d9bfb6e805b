"""What is refused of untrusted files, and the limits they must keep."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from proxprop.data.containers.base import File
from proxprop.data.errors import DataError

MAX_FILES = 500_000  # above any set of images that fits in memory
MAX_FILE_BYTES = 64 << 20  # one image file
MAX_UNPACKED_BYTES = 16 << 30  # a whole archive
# An archive of images unpacks to a few times its size; flat drawings to a few dozen times.
MAX_RATIO = 200
RATIO_FLOOR_BYTES = 64 << 20  # small archives may compress as well as they like
MAX_DECODED_BYTES = 8 << 30  # all images as uint8
MAX_PIXELS = 64_000_000  # one image


def safe_parts(name: str, archive: Path) -> tuple[str, ...]:
    """Return a member's path, folder by folder.

    Raises:
        DataError: If the path is absolute or leads out of the archive.
    """
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    absolute = name.startswith("/") or name[1:2] == ":"  # the latter with a drive letter
    if absolute or ".." in parts or "\\" in name or "\0" in name:
        raise refusal(archive, f"member {name!r} points outside the archive")
    return parts


def check_count(count: int, place: Path) -> None:
    """Refuse more files than any image set has.

    Raises:
        DataError: If `count` is above `MAX_FILES`.
    """
    if count > MAX_FILES:
        raise DataError(
            f"{place} holds more than {MAX_FILES:,} files; point data.path at the folder or "
            "archive of class folders itself"
        )


def check_unpacked(unpacked: int, packed: int, archive: Path) -> None:
    """Refuse archives that unpack to far more than images do.

    Raises:
        DataError: If `unpacked` bytes are too many, or too many for `packed` bytes.
    """
    if unpacked > MAX_UNPACKED_BYTES:
        raise refusal(archive, f"it unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB")
    if unpacked > max(RATIO_FLOOR_BYTES, MAX_RATIO * packed):
        raise refusal(archive, f"it unpacks to more than {MAX_RATIO} times its size")


def check_size(size: int, name: str, place: Path) -> None:
    """Refuse an image file that is too large to be one.

    Raises:
        DataError: If `size` is above `MAX_FILE_BYTES`.
    """
    if size > MAX_FILE_BYTES:
        raise DataError(
            f"{name} in {place} has {size >> 20} MiB, above the limit of "
            f"{MAX_FILE_BYTES >> 20} MiB an image; make it smaller"
        )


def unique(files: Iterable[File], archive: Path) -> list[File]:
    """Return `files` sorted; refuse a path that appears twice, as only one of them can be meant.

    Raises:
        DataError: If two files have the same path.
    """
    ordered = sorted(files)
    for one, other in pairwise(ordered):
        if one.parts == other.parts:
            raise refusal(archive, f"member {one.name!r} appears twice")
    return ordered


def refusal(archive: Path, reason: str) -> DataError:
    """Return the error for an archive that is not what it should be."""
    return DataError(
        f"{archive} is refused: {reason}; pack plain class folders of images into a new archive"
    )


def damaged(archive: Path, error: Exception) -> DataError:
    """Return the error for an archive that cannot be read to its end."""
    return DataError(
        f"{archive} is damaged ({error or type(error).__name__}); copy or download it again"
    )
