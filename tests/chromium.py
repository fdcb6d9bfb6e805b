"""One headless Chromium for all tests that need one: two of them cannot share a thread."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def executable() -> str | None:
    """Return where Chromium is; None where there is none."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium; skips where there is none, unless PROXPROP_REQUIRE_BROWSER is set."""
    chromium_path = executable()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium_path = None
    if chromium_path is None:
        reason = "no Chromium on the PATH, or no playwright: browser tests cannot run"
        if os.environ.get("PROXPROP_REQUIRE_BROWSER"):
            raise RuntimeError(reason)
        pytest.skip(reason)
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
        yield chromium
        chromium.close()
