"""`python -m benchmarks.drills [NAME…]`: carry the drills out and print their figures.

All of them take some twelve minutes on two idle cores.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.drills.damage import damage
from benchmarks.drills.dashboard import furnish, running
from benchmarks.drills.deaths import disk, kills
from benchmarks.drills.requests import raw_requests, send
from benchmarks.drills.strangers import attacks, links, viewers


def requests(home: Path) -> str:
    """Send raw requests: each path with each odd value."""
    with running(home) as dashboard:
        made = raw_requests(1500, *furnish(dashboard.store()))
        answers = send(dashboard.port, made)
        return f"{len(made)} sent: {answers}; {dashboard.tracebacks()} tracebacks"


DRILLS: dict[str, Callable[[Path], str]] = {
    "requests": requests,
    "attacks": attacks,
    "links": links,
    "viewers": viewers,
    "kills": lambda home: kills(home, workers=20, servers=10, both=5),
    "disk": disk,
    "damage": damage,
}


def main(chosen: list[str]) -> None:
    """Carry out the drills of these names, all of them by default."""
    for name in chosen or DRILLS:
        with tempfile.TemporaryDirectory(prefix=f"drill-{name}-") as folder:
            start = time.monotonic()
            figures = DRILLS[name](Path(folder))
            print(f"{name:9} {time.monotonic() - start:5.0f} s  {figures}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
