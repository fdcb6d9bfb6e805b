"""How numbers, times and counts are written on every page, and what the symbols follow."""

from __future__ import annotations

import math
import re

PAPER = "[Frerix, Möllenhoff, Moeller and Cremers, ICLR 2018](https://arxiv.org/abs/1706.04638)"
FOOTNOTE = (
    f"The method: {PAPER}. The paper writes τ for the step size, here η, and $\\tau_\\theta$ "
    "for the proximal step, here τ."
)


RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def exact_number(value: float) -> str:
    """Return the shortest text that reads back as exactly `value`: 0.05, 1, 1e-5."""
    text = repr(float(value)).removesuffix(".0")
    return text.replace("e-0", "e-").replace("e+", "e")


def number(value: float | None, digits: int = 3) -> str:
    """Return `value` with `digits` significant digits, 4.74·10⁻⁴; a dash where there is none."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "not finite"
    # As `number` of app/web/format.js: small and large numbers by powers of ten.
    scientific = value != 0 and not 1e-3 <= abs(value) < 1e4
    rounded = f"{value:.{digits - 1}e}" if scientific else f"{value:.{digits}g}"
    mantissa, _, exponent = rounded.partition("e")
    if scientific:
        return f"{mantissa}·10{str(int(exponent)).translate(RAISED)}"
    return f"{value:.0f}" if exponent else mantissa


def spelled(words: str) -> str:
    """Return words of a run with the numbers in them as on every page: 1.52e+04 is 1.52·10⁴."""

    def power(found: re.Match[str]) -> str:
        return f"{found[1]}·10{str(int(found[2])).translate(RAISED)}"

    return re.sub(r"(\d)e([+-]?\d+)\b", power, words)


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


def typeset(text: str) -> str:
    """Return plain text as Markdown in which λ_max and its like are typeset."""
    return re.sub(r"λ_(max|min)", r"$\\lambda_{\\\1}$", text)


# What Markdown, TeX and Streamlit's own signs begin or end with; at the start of a line, lists.
_SIGNS = re.compile(
    r"[\\`*\[\]<~$]|(?<!\w)_|_(?!\w)|:(?=\S)|&(?=[\w#])|(?<=\bwww)\."
    r"|^[-+=>#](?=[\s#>]|$)|(?<=^\d)[.)](?=\s)"
)


def as_written(text: str) -> str:
    """Return text that Markdown shows as it is, in one line.

    Whatever a person may have named (runs, files, classes) or put into a link is shown so.
    """
    return _SIGNS.sub(r"\\\g<0>", " ".join(text.split()))
