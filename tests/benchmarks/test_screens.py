"""What measuring a page finds: texts upon each other, cut or turned, and what scrolls sideways."""

from __future__ import annotations

import pytest

from benchmarks.screens.looking import FINDINGS
from benchmarks.screens.states import DONE, LIVE, screens

pytestmark = pytest.mark.browser

SOUND = """<main data-testid=stMain style="width: 600px"><h1>Sound</h1><p>One line.</p>
<div style="overflow: auto; width: 80px; white-space: nowrap">What scrolls by itself is whole</div>
<div style="overflow: hidden; width: 9px; height: 0">hidden</div></main>"""
WRONG = """<main><p style="position: absolute; top: 40px; left: 10px">First words</p>
<p style="position: absolute; top: 44px; left: 30px">Second words</p>
<div style="position: absolute; top: 120px; width: 60px; overflow: hidden; white-space: nowrap">
Cut in the middle</div>
<div class="js-plotly-plot"
style="position: absolute; left: 0; top: 0; width: 400px; height: 400px">
<svg width="400" height="200" style="position: absolute; top: 200px">
<g class="subplot xy"><g class="scatterlayer"><path class="js-line" d="M0,100L400,100"
stroke="black" stroke-width="2"/></g></g>
<g class="annotation-text"><text x="150" y="105">crossed words</text></g>
<g class="xtick"><text x="50" y="150" transform="rotate(-45 50 150)">turned</text></g></svg></div>
<div data-testid="stPopoverBody" style="position: fixed; top: 700px; height: 90px">Low</div>
<div style="width: 2000px; position: absolute; top: 500px">wide</div></main>"""
# As Plotly says where the frame of a panel is.
PLOTTED = """() => {
  const [xaxis, yaxis] = [{ _offset: 0, _length: 400 }, { _offset: 200, _length: 200 }]
  const plot = document.querySelector('.js-plotly-plot')
  if (plot) plot._fullLayout = { _plots: { xy: { xaxis, yaxis } } }
}"""


@pytest.fixture
def measured(browser):
    page = browser.new_page(viewport={"width": 1280, "height": 720})

    def measure(body: str) -> list[list[str]]:
        page.set_content(
            f"<!doctype html><body style='margin: 0; font: 16px sans-serif'>{body}</body>"
        )
        page.evaluate(PLOTTED)
        return page.evaluate(FINDINGS)

    yield measure
    page.close()


def test_a_sound_page_has_no_finding(measured):
    assert measured(SOUND) == []


def test_every_kind_of_flaw_is_found(measured):
    found = dict(measured(WRONG))
    assert found["overlap"] == "“First words” and “Second words”"
    assert found["cut"].startswith("“Cut in the middle” by")
    assert found["crossed by a curve"] == "“crossed words”"
    assert found["turned"] == "tick “turned”"
    assert found["beyond the window"] == "stPopoverBody by 70 px"
    assert found["scrolls sideways"] == "the page, 2000 px in 1280"


def test_every_page_is_looked_at_empty_and_in_every_state():
    pages = {screen.link.partition("?")[0] for screen in screens({})}
    assert pages >= {"", "lessons", "train", "compare", "stability", "layers", "paper", "runs"}
    full = screens({state: state for state in (*DONE, *LIVE)})
    assert {f"train-{state}" for state in ("live", "finished", "diverged")} <= {
        screen.name for screen in full
    }
