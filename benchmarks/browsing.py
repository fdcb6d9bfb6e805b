"""The dashboard in a browser, for what is timed inside a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.provenance import environment, write_result
from tests.browser.conftest import Server, start_server, stop_server
from tests.chromium import ARGUMENTS, executable

BAR = 1.0  # seconds, on an idle machine


@contextmanager
def chromium() -> Iterator[Any]:
    """Start a headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def dashboard(home: Path) -> Iterator[tuple[Server, Any]]:
    """Start the dashboard on the data in `home`, and a browser beside it."""
    with chromium() as browser:
        server = start_server(home)
        try:
            server.wait_until_healthy(120)
            yield server, browser
        finally:
            stop_server(server)


def conclude(
    name: str, found: dict[str, list[float]], judged: Sequence[str], output: Path, **more: Any
) -> int:
    """Print the seconds of each kind and write them down; return 1 if a judged median is too long.

    Args:
        name: Of the JSON.
        found: Kind → seconds.
        judged: Kinds that the bar is for.
        output: Folder of the JSON.
        **more: What else it says.
    """
    import torch

    for kind, seconds in found.items():
        print(f"{kind}: median {median(seconds):.2f} s, slowest {max(seconds):.2f} s")
    within = all(median(found[kind]) <= BAR for kind in judged)
    result = {
        "environment": environment(torch.device("cpu")),
        **more,
        "seconds": found,
        "median": {kind: median(seconds) for kind, seconds in found.items()},
        "bar": BAR,
        "within": within,
    }
    print(write_result(name, result, output))
    return 0 if within else 1
