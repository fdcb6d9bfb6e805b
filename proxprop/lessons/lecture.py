"""Scenes, lectures and lessons, and the files that people write them in.

A scene is a link with words; a lecture is a list of scenes in a TOML file:

    title = "Implicit steps in ten minutes"

    [[scenes]]
    title = "A quadratic"
    link = "stability?s=2.2"
    words = "The explicit step overshoots; the implicit one cannot."
    notes = "Drag the start point first."
    arrive = "play"

A lesson is a lecture with a claim, an honest limit and the experiment that checks the claim.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl, urlencode

import tomli_w
from pydantic import Field, field_validator

from proxprop.files import write_atomically
from proxprop.spec.config import ConfigError, Problem
from proxprop.spec.config.base import Config

PAGES = ("home", "lessons", "train", "stability", "compare", "layers", "paper", "runs")
MODE = "lecture"  # the name in an address that says which scene is shown; no part of a scene's own
LARGEST = 1_000_000  # bytes of a file; more was written by no person
MOST = 200  # scenes

Title = Annotated[str, Field(min_length=1, max_length=120)]
Words = Annotated[str, Field(max_length=600)]
Notes = Annotated[str, Field(max_length=4000)]


class Scene(Config):
    """A link with words.

    Attributes:
        title: What the audience reads at the foot of the page.
        link: A page and its query as the address bar shows them; kept without host and mode.
        words: One or two sentences for the room.
        notes: For the speaker alone.
        arrive: What happens on arrival: a run, race or map starts, the picture plays, or nothing.
        expect: What should then be seen, for the speaker.
    """

    title: Title
    link: Annotated[str, Field(max_length=20_000)]
    words: Words = ""
    notes: Notes = ""
    arrive: Literal["nothing", "start", "play"] = "nothing"
    expect: Words = ""

    @field_validator("link")
    @classmethod
    def _without_host(cls, link: str) -> str:
        place, _, query = re.sub(r"^\w+://[^/]*", "", link.strip()).partition("?")
        page = place.strip("/") or "home"
        if page not in PAGES:
            allowed = ", ".join(PAGES)
            raise ValueError(f"must begin with a page, one of {allowed}; got {page!r}")
        fields = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != MODE]
        return f"{page}?{urlencode(fields)}" if fields else page

    @property
    def page(self) -> str:
        """Name of the page."""
        return self.link.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The page's query."""
        return dict(parse_qsl(self.link.partition("?")[2], keep_blank_values=True))

    @staticmethod
    def link_to(page: str, query: dict[str, str]) -> str:
        """Return the link of a page's view."""
        return f"{page}?{urlencode(query)}" if query else page

    def address(self, lecture: str, place: int) -> str:
        """Return page and query of this scene as the one at `place`, from 1, of a lecture."""
        page, _, query = self.link.partition("?")
        mode = f"{MODE}={lecture}.{place}"
        return f"{'' if page == 'home' else page}?{f'{query}&' if query else ''}{mode}"


class Lecture(Config):
    """A list of scenes.

    Attributes:
        title: What it is called.
        about: One sentence on it.
        scenes: In the order in which they are shown.
    """

    title: Title
    about: Words = ""
    scenes: Annotated[tuple[Scene, ...], Field(min_length=1, max_length=MOST)]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return what a file describes.

        Raises:
            ConfigError: With file, line and field of everything refused, and what is allowed.
        """
        try:
            if path.stat().st_size > LARGEST:
                raise ConfigError([Problem(path.name, f"has more than {LARGEST:,} bytes")])
            text = path.read_text("utf-8")
        except OSError as error:
            raise ConfigError([Problem(str(path), f"cannot be read: {error.strerror}")]) from error
        except UnicodeDecodeError as error:
            raise ConfigError([Problem(path.name, "must be text in UTF-8")]) from error
        return cls.from_toml(text, path.name)

    @classmethod
    def from_toml(cls, text: str, name: str = "lecture") -> Self:
        """Return what TOML describes; `name` is what errors call the file.

        Raises:
            ConfigError: As `read` does.
        """
        try:
            values = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ConfigError([Problem(name, f"is no TOML: {error}")]) from error
        try:
            return cls.parse(values)
        except ConfigError as error:
            places = [_placed(cls, problem, _lines(text)) for problem in error.problems]
            problems = [Problem(f"{name}, line {at}", words) for at, words in sorted(places)]
            raise ConfigError(problems) from error

    def to_toml(self) -> str:
        """Return the file's text; `from_toml` reads it back."""
        values = self.model_dump(mode="json", exclude_defaults=True)
        return tomli_w.dumps(values, multiline_strings=True)

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        write_atomically(path, self.to_toml())


class Lesson(Lecture):
    """A claim, the scenes that show it, its limit, and the experiment that checks it.

    Attributes:
        claim: One sentence.
        limit: What it does not say.
    """

    claim: Words
    limit: Words


def _placed(kind: type[Config], problem: Problem, lines: dict[str, int]) -> tuple[int, str]:
    """Return the line a problem stands on, and its words; a misspelling's say what is allowed."""
    message, place = problem.message, problem.field
    if message.startswith("is not a field"):
        fields = Scene.model_fields if place.startswith("scenes.") else kind.model_fields
        message = f"is no field here; allowed are {', '.join(fields)}"
    parents = [place]
    while "." in parents[-1]:
        parents.append(parents[-1].rpartition(".")[0])
    line = next((lines[parent] for parent in parents if parent in lines), 1)
    shown = re.sub(r"scenes\.(\d+)", lambda found: f"scene {int(found[1]) + 1}", place)
    return line, f"{shown.replace('.', ', ')}: {message}"


def _lines(text: str) -> dict[str, int]:
    """Return the line on which each field stands, by dotted name."""
    found: dict[str, int] = {}
    prefix, scenes, within = "", 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        if within:  # a text of several lines
            within = "" if within in line else within
        elif re.match(r"\s*\[\[\s*scenes\s*\]\]", line):
            prefix, scenes = f"scenes.{scenes}.", scenes + 1
            found[prefix.rstrip(".")] = number
        elif key := re.match(r"\s*[\"']?([\w-]+)[\"']?\s*=\s*(.*)", line):
            found.setdefault(prefix + key[1], number)
            quotes = key[2][:3]
            if quotes in ('"""', "'''") and quotes not in key[2][3:]:
                within = quotes
    return found
