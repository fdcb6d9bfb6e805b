"""Where data may lie and how long it may be looked at, where strangers name the path."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from proxprop.data.errors import DataError

ROOTS_VARIABLE = "PROXPROP_DATA_ROOTS"  # folders that may be read, separated as in PATH
AGAIN, MOST_SLOW = 30.0, 64  # seconds before a place that took too long is tried again; places
MAX_FILES = 500_000  # above any set of images that fits in memory


@dataclass(frozen=True)
class Limits:
    """How far a listing may go.

    Attributes:
        files: Files and folders at most.
        seconds: Time at most.
        alive: Called now and then; what it raises ends the listing.
    """

    files: int = MAX_FILES
    seconds: float = float("inf")
    alive: Callable[[], object] = lambda: None


class Listing:
    """Counts what a listing has come across, and ends it where it goes too far.

    Args:
        place: What is listed.

    Attributes:
        limits: Of all listings of this process; the dashboard's server sets narrower ones.
    """

    limits: ClassVar[Limits] = Limits()
    _slow: ClassVar[dict[Path, float]] = {}  # places that took too long, and when they did

    def __init__(self, place: Path) -> None:
        self._place = place
        if time.monotonic() - self._slow.get(place, float("-inf")) < AGAIN:
            raise self._too_slow()
        self._end = time.monotonic() + self.limits.seconds

    def check(self, count: int) -> None:
        """Go on after `count` files and folders.

        Raises:
            DataError: If they are too many, or took too long.
        """
        if count > self.limits.files:
            raise DataError(
                f"{self._place} holds more than {self.limits.files:,} files; point data.path at "
                "the folder or archive of class folders itself"
            )
        if count % 256 == 0 and time.monotonic() > self._end:
            if len(self._slow) >= MOST_SLOW:
                self._slow.clear()
            self._slow[self._place] = time.monotonic()
            raise self._too_slow()
        if count % 256 == 0:
            self.limits.alive()

    def _too_slow(self) -> DataError:
        return DataError(
            f"{self._place} cannot be listed within {self.limits.seconds:g} s; point data.path at "
            "the folder or archive of class folders itself"
        )


def permitted(path: str) -> str:
    """Return `path` if data may be read there.

    Raises:
        DataError: If it lies outside the permitted folders, whether it exists or not.
    """
    roots = os.environ.get(ROOTS_VARIABLE, "")
    if not roots:
        return path
    allowed = [Path(root).expanduser().resolve() for root in roots.split(os.pathsep) if root]
    try:
        place = Path(os.path.expanduser(path)).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a name too long, a circle of links
        raise DataError(f"{path} is no path") from error
    if not any(place.is_relative_to(root) for root in allowed):
        raise DataError(
            f"{path} is outside the folders that are read here: "
            f"{', '.join(str(root) for root in allowed)}; send a small file, or have it put there"
        )
    return path
