"""How soon a page can be used and a run's first point is seen: `python -m benchmarks.first_point`.

Starts the dashboard and opens Train and Compare in Chromium, warm: each has been opened before in
this browser. *Interactive* is timed inside the page from the start of the navigation until Start
can be pressed; *first point* from the press until the chart has drawn one, of what the page offers
to start, which is stopped thereafter. The bar of a second is for an idle machine on which the next
worker has loaded torch, as it begins to do once a run has its first point; what a person waits who
presses sooner is timed, too, and not judged.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.browsing import conclude, dashboard
from benchmarks.provenance import RESULTS
from tests.browser.conftest import Server

PAGES = {"train": "loss", "compare": "race"}  # page → key of the chart that shows its first point
PATIENCE = 120_000  # milliseconds
# Milliseconds from the page to the press: the next worker is warm, or still loads torch.
WARM, SOON = 12_000, 2_000
READY = "() => document.querySelector('.st-key-start button:not([disabled])') && performance.now()"
DRAWN = """() => {
  const lines = document.querySelector('.st-key-CHART .js-plotly-plot')?.data ?? []
  const drawn = document.querySelector('.st-key-CHART .scatterlayer .trace')
  return drawn && lines.some(({ y }) => y?.some((value) => value !== null)) && performance.now()
}"""
PRESS = "() => { document.querySelector('.st-key-start button').click(); return performance.now() }"


def open_and_start(page: Any, server: Server, name: str, looked: int) -> dict[str, float]:
    """Open a page and start what it offers after `looked` ms; return the seconds of both."""
    page.goto(f"{server.url}/{name}", wait_until="commit")
    interactive = page.wait_for_function(READY, timeout=PATIENCE).json_value()
    page.wait_for_timeout(looked)
    pressed = page.evaluate(PRESS)
    script = DRAWN.replace("CHART", PAGES[name])
    drawn = page.wait_for_function(script, timeout=PATIENCE, polling="raf").json_value()
    page.click(".st-key-stop button")
    page.wait_for_selector(".st-key-start button", timeout=PATIENCE)
    when = "" if looked == WARM else ", right after a run"
    return {
        f"{name}: interactive": interactive / 1000,
        f"{name}: first point{when}": (drawn - pressed) / 1000,
    }


def measure(times: int) -> dict[str, list[float]]:
    """Return the seconds of each kind, as often as asked for; the first ones warm up."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as home, dashboard(Path(home)) as (server, browser):
        size = {"width": 1280, "height": 720}
        page = browser.new_context(viewport=size, bypass_csp=True).new_page()
        for number in range(times + 1):
            for name, looked in itertools.product(PAGES, (WARM, SOON)):
                for kind, seconds in open_and_start(page, server, name, looked).items():
                    found.setdefault(kind, []).extend([seconds] if number else [])
    return found


def main() -> int:
    """Measure, print, write the JSON; fail above the bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=7, help="default 7")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the JSON")
    arguments = parser.parse_args()
    found = measure(arguments.times)
    judged = [kind for kind in found if not kind.endswith("right after a run")]
    return conclude("first_point", found, judged, arguments.output)


if __name__ == "__main__":
    sys.exit(main())
