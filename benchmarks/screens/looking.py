"""When a page is through, and what measuring it finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# The page's script is through, nothing is pale, and every chart in sight has drawn.
QUIET = """() => document.querySelector('h1')
  && !document.querySelector(
    '[data-testid=stStatusWidget], [data-testid=stSkeleton], [data-stale=true]')
  && [...document.querySelectorAll('[data-testid^=stBidiComponent]')].every((part) =>
    part.querySelector('*') && [...part.querySelectorAll('.pp-chart')].every((chart) =>
      chart.dataset.drawn || chart.getBoundingClientRect().top >= window.innerHeight))"""
# Nothing has changed on the page for a while; a live page never rests.
AT_REST = """() => new Promise((resolve) => {
  let pause
  const rest = () => { clearTimeout(pause); pause = setTimeout(resolve, 1000) }
  new MutationObserver(rest).observe(document.body,
    { subtree: true, childList: true, attributes: true, characterData: true })
  setTimeout(resolve, 6000)
  rest()
})"""
FINDINGS = (Path(__file__).parent / "findings.js").read_text(encoding="utf-8")


def findings(page: Any) -> list[tuple[str, str]]:
    """Return what is wrong with the look of the page, as kind and words."""
    return sorted({(kind, words) for kind, words in page.evaluate(FINDINGS)})
