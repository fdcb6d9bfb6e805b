"""What an experiment found, and where this machine keeps it."""

from __future__ import annotations

import math
from pathlib import Path

from pydantic import ValidationError

from proxprop import __version__, paths
from proxprop.files import write_atomically
from proxprop.spec.config.base import Config


class Measured(Config):
    """One number of an experiment, and what it must be.

    Attributes:
        what: What was measured.
        value: The number; None where it is not finite.
        rule: What it must be for the claim to hold, for example "≤ 1e-12"; empty for a number that
            only informs.
        holds: Whether it is.
    """

    what: str
    value: float | None
    rule: str = ""
    holds: bool = True

    @property
    def words(self) -> str:
        """The number as a terminal or a page shows it."""
        return "no finite number" if self.value is None else f"{self.value:.3g}"


class Verdict(Config):
    """What came out on this machine.

    Attributes:
        lesson: Name of the lesson.
        version: Of proxprop.
        seconds: How long the experiment took.
        numbers: What it measured.
        problem: Why it could not be carried out; empty where it could.
    """

    lesson: str
    version: str = __version__
    seconds: float
    numbers: tuple[Measured, ...] = ()
    problem: str = ""

    @property
    def holds(self) -> bool:
        """Whether the numbers bear the claim out."""
        return not self.problem and all(number.holds for number in self.numbers)

    def keep(self) -> None:
        """Write it down for this machine."""
        write_atomically(_path(self.lesson), self.model_dump_json(indent=1))


def known_verdict(lesson: str) -> Verdict | None:
    """Return what this machine found last with this version, or None."""
    try:
        verdict = Verdict.model_validate_json(_path(lesson).read_text())
    except (OSError, ValidationError):
        return None
    return verdict if verdict.version == __version__ else None


def at_most(what: str, value: float, bound: float) -> Measured:
    """Return a number that must be at most `bound`; NaN is not."""
    return _measured(what, value, f"≤ {bound:g}", value <= bound)


def at_least(what: str, value: float, bound: float) -> Measured:
    """Return a number that must be at least `bound`; NaN is not."""
    return _measured(what, value, f"≥ {bound:g}", value >= bound)


def between(what: str, value: float, low: float, high: float) -> Measured:
    """Return a number that must lie in a range."""
    return _measured(what, value, f"{low:g} … {high:g}", low <= value <= high)


def for_information(what: str, value: float) -> Measured:
    """Return a number that decides nothing."""
    return _measured(what, value, "", True)


def _measured(what: str, value: float, rule: str, holds: bool) -> Measured:
    number = float(value)
    return Measured(
        what=what, value=number if math.isfinite(number) else None, rule=rule, holds=bool(holds)
    )


def _path(lesson: str) -> Path:
    return paths.home() / "lessons" / f"{lesson}.json"
