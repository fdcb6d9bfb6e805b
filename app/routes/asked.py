"""What an address asks for, read in one place: what cannot be meant is refused in words."""

from __future__ import annotations

import math
import re
from collections.abc import Collection

from starlette.responses import PlainTextResponse, Response

RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
WHOLE = re.compile(r"-?[0-9]{1,9}")  # fits into every integer of the store
NUMBER = re.compile(r"[-+]?[0-9.]{1,40}(e[-+]?[0-9]{1,3})?|nan", re.IGNORECASE)
NAME = re.compile(r"[a-z_]{1,64}")  # of an artifact


class Refused(Exception):
    """A request that is not answered.

    Args:
        status: HTTP status.
        words: Why, for the person who asked.
    """

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status

    def response(self) -> Response:
        """Return the answer that says so."""
        text, unkept = f"{self}\n", {"Cache-Control": "no-store"}
        return PlainTextResponse(text, self.status, headers=unkept)


def whole(text: str, what: str) -> int:
    """Return a whole number."""
    if not WHOLE.fullmatch(text):
        raise Refused(400, f"{what} is no whole number of up to nine digits.")
    return int(text)


def number(text: str, what: str) -> float | None:
    """Return a finite number, None for "nan"."""
    if not NUMBER.fullmatch(text):
        raise Refused(400, f"{what} is no number.")
    try:
        value = float(text)
    except ValueError:
        raise Refused(400, f"{what} is no number.") from None
    return value if math.isfinite(value) else None


def one_of(text: str, known: Collection[str], what: str) -> str:
    """Return a word that is known."""
    if text not in known:
        raise Refused(400, f"{what} is none of {', '.join(known)}.")
    return text


def names(text: str, most: int, what: str) -> tuple[str, ...]:
    """Return the words between commas, each once."""
    given = tuple(dict.fromkeys(filter(None, text.split(",", most + 1))))
    if len(given) > most:
        raise Refused(400, f"At most {most} {what} can be asked for at once.")
    return given
