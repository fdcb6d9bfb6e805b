"""How long the quadratic takes to answer a drag: `python -m benchmarks.drag_latency`.

Starts the dashboard, opens the Stability page in Chromium, moves the step-size slider 50 times,
through the limit and back, and measures from the slider's event to the next frame in which
trajectories, curves and caption have changed. Prints the median, writes every drag; the bar is
100 ms. Fails above it, and if the browser reports an error meanwhile.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.browsing import dashboard
from benchmarks.provenance import RESULTS, environment, write_result

DRAGS = 50
BAR = 100.0  # milliseconds
WINDOW = {"width": 1280, "height": 720}
QUERY = "?beta=0.5"  # all four kinds of step
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


def measure(drags: int = DRAGS) -> dict[str, Any]:
    """Return the milliseconds of each drag in a fresh browser on a fresh server, and its errors."""
    errors: list[str] = []
    with tempfile.TemporaryDirectory() as home, dashboard(Path(home)) as (server, browser):
        page = browser.new_page(viewport=WINDOW)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{server.url}/stability{QUERY}")
        page.wait_for_selector(".pp-quadratic .pp-said")
        page.evaluate(MEASURE, 0.0)  # the first draws for the first time
        # 0.1 … 10 and back: λ_max = 1, so the limit 2 is crossed both ways.
        places = [abs(2 - 4 * i / drags) - 1 + 0.011 * (i % 2) for i in range(drags)]
        times = [page.evaluate(MEASURE, place) for place in places]
        version = f"Chromium {browser.version}, headless"
        errors += [line for line in server.log.read_text().splitlines() if "Traceback" in line]
    return {"browser": version, "milliseconds": times, "errors": errors}


def main() -> int:
    """Measure, print, write; fail above the bar."""
    arguments = _arguments()
    found = measure(arguments.drags)
    times = found["milliseconds"]
    median, slowest = statistics.median(times), max(times)
    print(f"{len(times)} drags: median {median:.1f} ms, slowest {slowest:.1f} ms (bar {BAR:g} ms)")
    for error in found["errors"]:
        print(error, file=sys.stderr)
    import torch

    result = {
        "environment": environment(torch.device("cpu")),
        "browser": found["browser"],
        "window": WINDOW,
        "page": f"/stability{QUERY}",
        "bar_milliseconds": BAR,
        "median_milliseconds": round(median, 2),
        "slowest_milliseconds": round(slowest, 2),
        "milliseconds": [round(time, 2) for time in times],
        "errors": found["errors"],
    }
    print(write_result("drag_latency", result, arguments.output))
    return 0 if median <= BAR and not found["errors"] else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drags", type=int, default=DRAGS, help=f"default {DRAGS}")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
