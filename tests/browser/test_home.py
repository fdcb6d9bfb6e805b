"""The Home page: a picture that is there at once, and a way to a live run."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


def test_race_moves_and_is_run_live(page, server):
    page.set_default_timeout(120_000)
    page.goto(server.url)
    page.wait_for_selector("svg.race polyline >> nth=1")
    names = page.locator("svg.race .race-name").all_text_contents()
    assert names == ["explicit", "implicit (exact)"]
    box = page.locator("svg.race").bounding_box()
    assert box["y"] + box["height"] < 720  # above the fold
    drawn = "() => getComputedStyle(document.querySelector('.race-clip')).transform"
    before = page.evaluate(drawn)
    page.wait_for_function(f"before => ({drawn})() !== before", arg=before)  # it moves
    page.click(".st-key-live button")
    page.wait_for_url("**/compare?race=*")
    page.wait_for_selector(".st-key-stop button, .st-key-start button")


def test_no_request_leaves_the_machine(page, server):
    foreign = []
    page.on(
        "request",
        lambda request: (
            foreign.append(request.url)
            if not request.url.startswith((server.url, "data:", "blob:"))
            else None
        ),
    )
    page.set_default_timeout(120_000)
    for path, marker in (("/", "svg.race"), ("/train", ".st-key-start"), ("/runs", "h1")):
        page.goto(server.url + path)
        page.wait_for_selector(marker)
    assert foreign == []
