"""Opens the dashboard in a browser once it answers: `python -m proxprop.cli.browser URL`.

A process apart, because `proxprop serve` becomes the server and can do nothing else afterwards.
"""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import webbrowser

_LONGEST_WAIT = 60.0  # seconds for the server to come up
_DETACH = "--detach"


def open_when_ready(url: str) -> None:
    """Leave a process behind that opens `url` as soon as the server there is healthy."""
    _start(_DETACH, url).wait()


def is_healthy(url: str) -> bool:
    """Return whether a dashboard answers at `url`."""
    try:
        health = urllib.parse.urljoin(url, "/_stcore/health")
        with urllib.request.urlopen(health, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def main(arguments: list[str]) -> None:
    """Wait for the server and open its page; with --detach in a process that nobody waits for."""
    *flags, url = arguments
    if _DETACH in flags:
        # The child of a process that has ended belongs to the system, which buries it; a child of
        # the server would stay behind as a zombie.
        _start(url)
        return
    deadline = time.monotonic() + _LONGEST_WAIT
    while time.monotonic() < deadline:
        if is_healthy(url):
            webbrowser.open(url)
            return
        time.sleep(0.2)


def _start(*arguments: str) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-m", "proxprop.cli.browser", *arguments]
    return subprocess.Popen(
        command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )


if __name__ == "__main__":
    main(sys.argv[1:])
