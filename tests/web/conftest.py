"""The browser's modules, served from where they are to a real Chromium; no server runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.live.assets import FOLDER

SITE = "http://modules.test"
PLACES = {"web": FOLDER, "tests": Path(__file__).parent}
TYPES = {".js": "text/javascript", ".css": "text/css"}


def _answer(route: Any) -> None:
    _, _, path = route.request.url.partition(f"{SITE}/")
    place, _, name = path.partition("/")
    if place in PLACES:
        file = PLACES[place] / name
        route.fulfill(body=file.read_text(), content_type=TYPES[file.suffix])
    else:
        route.fulfill(body="<!doctype html><title>modules</title>", content_type="text/html")


@pytest.fixture(scope="session")
def modules(browser: Any) -> Iterator[Any]:
    """A page on which `import('/web/….js')` loads our modules."""
    page = browser.new_page()
    page.route(f"{SITE}/**", _answer)
    page.goto(f"{SITE}/")
    yield page
    page.close()
