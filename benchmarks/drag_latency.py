"""How long the quadratic takes to answer a drag: `python -m benchmarks.drag_latency`.

Starts the dashboard, opens the Stability page in Chromium, moves the step-size slider 50 times,
through the limit and back, and measures from the slider's event to the next frame in which
trajectories, curves and caption have changed. Prints the median; the bar is 100 ms.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tests.browser.conftest import ARGUMENTS, BROWSERS, start_server, stop_server

DRAGS = 50
BAR = 100.0  # milliseconds
MEASURE = """
(at) => new Promise((done) => {
  const view = document.querySelector('.pp-quadratic')
  const slider = view.querySelector('input[data-control=s]')
  const said = view.querySelector('.pp-said').textContent
  const way = view.querySelector('[data-way=exact] path').getAttribute('d')
  const curve = view.querySelector('[data-curve=exact]').getAttribute('d')
  const start = performance.now()
  const look = () => {
    const now = performance.now()
    const changed = view.querySelector('.pp-said').textContent !== said
      && view.querySelector('[data-way=exact] path').getAttribute('d') !== way
      && view.querySelector('[data-curve=exact]').getAttribute('d') !== curve
    if (changed || now - start > 2000) done(now - start)
    else requestAnimationFrame(look)
  }
  slider.value = at
  slider.dispatchEvent(new Event('input'))
  requestAnimationFrame(look)
})
"""


def measure(drags: int = DRAGS) -> list[float]:
    """Return the milliseconds of each drag in a fresh browser on a fresh server."""
    import shutil

    from playwright.sync_api import sync_playwright

    executable = next(path for name in BROWSERS if (path := shutil.which(name)))
    with tempfile.TemporaryDirectory() as home, sync_playwright() as driver:
        server = start_server(Path(home))
        try:
            server.wait_until_healthy()
            browser = driver.chromium.launch(executable_path=executable, args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.goto(f"{server.url}/stability?beta=0.5")
            page.wait_for_selector(".pp-quadratic .pp-said")
            page.evaluate(MEASURE, 0.0)  # the first draws for the first time
            # 0.1 … 10 and back: λ_max = 1, so the limit 2 is crossed both ways.
            places = [abs(2 - 4 * i / drags) - 1 + 0.011 * (i % 2) for i in range(drags)]
            times = [page.evaluate(MEASURE, place) for place in places]
            browser.close()
        finally:
            stop_server(server)
    return times


def main() -> int:
    """Print median and worst; fail above the bar."""
    times = measure()
    median = statistics.median(times)
    print(
        f"{len(times)} drags: median {median:.1f} ms, slowest {max(times):.1f} ms (bar {BAR:g} ms)"
    )
    return 0 if median <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
