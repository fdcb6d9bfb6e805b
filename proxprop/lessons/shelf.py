"""Which lectures there are: shipped ones, this machine's own, and the one being served."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

from proxprop import paths
from proxprop.lessons.lecture import Lecture, Lesson
from proxprop.spec.config import ConfigError, Problem

SHIPPED = Path(__file__).with_name("shipped")
SERVED = "PROXPROP_LECTURE"  # environment variable: the file that `proxprop serve` was given
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")


@cache
def lessons() -> dict[str, Lesson]:
    """Return the shipped lessons by name, in their order."""
    files = sorted(SHIPPED.glob("[0-9]-*.toml"))
    return {path.stem[2:]: Lesson.read(path) for path in files}


@cache
def shipped() -> dict[str, Lecture]:
    """Return all shipped lectures by name: the lessons, then the others."""
    files = sorted(SHIPPED.glob("[!0-9]*.toml"))
    return {**lessons(), **{path.stem: Lecture.read(path) for path in files}}


def own_files() -> dict[str, Path]:
    """Return the files of lectures that can be changed, by name; the served one first."""
    served = os.environ.get(SERVED, "")
    first = [Path(served)] if served else []
    files = [*first, *sorted((paths.home() / "lectures").glob("*.toml"))]
    return {name_for(path.stem): path for path in reversed(files)}


def find_lecture(name: str) -> Lecture | None:
    """Return the lecture of a name, or None.

    Raises:
        ConfigError: If its file cannot be read.
    """
    files = own_files()
    if name in files:
        return Lecture.read(files[name])
    return shipped().get(name)


def save(name: str, lecture: Lecture) -> None:
    """Write down a lecture of one's own; a new name is a new file.

    Raises:
        ConfigError: If the name is that of a shipped one, or cannot be a file's.
    """
    if not NAME.fullmatch(name) or name in shipped():
        raise ConfigError([Problem("", f"A lecture cannot be called {name!r}; choose another.")])
    lecture.write(own_files().get(name, paths.home() / "lectures" / f"{name}.toml"))


def name_for(title: str) -> str:
    """Return a name for a title: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "lecture"
