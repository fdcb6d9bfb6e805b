"""What a folder and an archive have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


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


class Container(Protocol):
    """Files that can be listed and read.

    Attributes:
        path: Where it is.
    """

    path: Path

    def files(self) -> list[File]:
        """Return every regular file.

        Raises:
            DataError: If the container is damaged or breaks a rule.
        """
        ...

    def read(self, wanted: Collection[File]) -> Iterator[tuple[File, bytes]]:
        """Yield the contents of `wanted`, in the order in which they are cheapest to read.

        Raises:
            DataError: If a file cannot be read.
        """
        ...

    def state(self) -> str:
        """Return a text that changes when the contents do."""
        ...
