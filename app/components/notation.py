"""How numbers, times and counts are written on every page, and what the symbols follow."""

from __future__ import annotations

import re

PAPER = "[Frerix, Möllenhoff, Moeller and Cremers, ICLR 2018](https://arxiv.org/abs/1706.04638)"
FOOTNOTE = (
    f"The method: {PAPER}. The paper writes τ for the step size, here η, and $\\tau_\\theta$ "
    "for the proximal step, here τ."
)


def exact_number(value: float) -> str:
    """Return the shortest text that reads back as exactly `value`: 0.05, 1, 1e-5."""
    text = repr(float(value)).removesuffix(".0")
    return text.replace("e-0", "e-").replace("e+", "e")


def number(value: float | None, digits: int = 3) -> str:
    """Return `value` with `digits` significant digits, or a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.{digits}g}".replace("e-0", "e-").replace("e+0", "e")


def duration(seconds: float | None) -> str:
    """Return a time a person reads at a glance: 0.4 s, 12 s, 3 min, 2 h."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def count(value: float | None) -> str:
    """Return a whole number with thin grouping: 1,797."""
    return "–" if value is None else f"{value:,.0f}"


def as_written(text: str) -> str:
    """Return text that Markdown shows as it is: names of files and classes may hold any sign."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
