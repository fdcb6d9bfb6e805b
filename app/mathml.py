"""Mathematics for components of our own; Streamlit typesets what it is given as LaTeX itself."""

from __future__ import annotations

from functools import lru_cache
from html import escape

from latex2mathml.converter import convert


@lru_cache(maxsize=500)
def mathml(tex: str) -> str:
    """Return `tex` as a MathML element, which browsers typeset and screen readers read out."""
    named = convert(tex).replace("<math ", f'<math aria-label="{escape(tex)}" ', 1)
    return named.replace("<mi>&#x00394;", '<mi mathvariant="normal">&#x00394;')  # Δ is upright
