"""Every page for everyone: axe-core finds nothing serious, names and titles say what is there."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.app.conftest import PAGES
from tests.browser.writer import Writer

pytestmark = pytest.mark.browser

# The script has come to its end, and the style that it sends first has been put into the page.
QUIET = """!document.querySelector('[data-testid=stStatusWidget]')
  && [...document.querySelectorAll('style')].some((own) => /proxprop-/.test(own.textContent))"""


@pytest.fixture(scope="module")
def diverged(server):
    """A run that diverged at its ninth step, measured once."""
    writer = Writer(server.home)
    writer.advance(9)
    writer.end("diverged", "diverged at step 9: loss 127 → 1.52e+04")
    return writer.run


def visit(page, server, link):
    page.set_default_timeout(60_000)
    page.goto(f"{server.url}/{link}")
    page.wait_for_selector("h1")
    page.wait_for_function(QUIET)


# A control without a name, as a screen reader is told of it: its role, and no words after it.
NAMELESS = re.compile(
    r"^ *- (button|link|textbox|searchbox|combobox|slider|spinbutton|checkbox|radio|switch|tab|"
    r"option)\b(?! \").*$",
    re.MULTILINE,
)
# Beyond the pages as they open; each in one of the themes.
STATES = {
    "light": (
        *("stability?view=Real+layers", "layers?step=exact", "paper?experiment=stability"),
        *("runs?run={run}", "layers?view=time&run={run}"),
    ),
    "dark": (
        *("stability?view=Whole+network", "layers?view=time", "paper?experiment=batch"),
        *("runs?run={run},{live}", "train?run={live}"),
    ),
}


@pytest.fixture
def live(server):
    """A run that goes on."""
    writer = Writer(server.home)
    writer.advance(60)
    yield writer.run
    writer.end("stopped", "stopped at step 60")


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_a_serious_finding(page, server, diverged, live, theme):
    page.emulate_media(color_scheme=theme)
    found = []
    states = [link.format(run=diverged, live=live) for link in STATES[theme]]
    for link in [*(name.replace("home", "") for name in PAGES), f"train?run={diverged}", *states]:
        visit(page, server, link)
        # What a rerun is about to replace is drawn pale.
        page.wait_for_function(
            """() => !document.querySelector('[data-stale=true]')
                 && !document.getAnimations().some((one) => one instanceof CSSTransition)"""
        )
        serious = [
            (
                link,
                finding["id"],
                node["html"][:200],
                node["any"][0]["message"][:160] if node["any"] else "",
            )
            for finding in Axe().run(page).response["violations"]
            if finding["impact"] in ("serious", "critical")
            for node in finding["nodes"]
        ]
        found += serious
        said = page.locator("body").aria_snapshot()
        found += [(link, "nameless", match.group().strip()) for match in NAMELESS.finditer(said)]
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), link
    assert found == []


def test_a_diverged_run_shows_its_points_and_says_so_everywhere(page, server, diverged):
    visit(page, server, f"train?run={diverged}")
    page.wait_for_function("document.title.includes('η 1')")
    assert page.title().endswith("· Train · ProxProp")
    page.wait_for_selector(".pp-words:has-text('1.52·10⁴')")
    chart = ".st-key-accuracy .js-plotly-plot"
    page.wait_for_function(f"document.querySelector('{chart}')?.data?.some((t) => t.x?.length)")
    modes, low, high, logs = page.evaluate(
        f"""(() => {{ const {{ data, layout }} = document.querySelector('{chart}')
            return [data.filter((t) => t.x?.length).map((t) => t.mode), ...layout.yaxis.range,
                    document.querySelectorAll('.st-key-accuracy [data-log]').length] }})()"""
    )
    assert all("markers" in mode for mode in modes)
    assert high - low >= 0.1
    assert logs == 0
    dashes = page.evaluate(
        """Object.fromEntries(document.querySelector('.st-key-loss .js-plotly-plot').data
             .map((trace) => [trace.name, trace.line?.dash]))"""
    )
    assert (dashes["training"], dashes["validation"]) == ("solid", "dot")
    page.click(".st-key-loss [data-axis=epoch]")
    page.wait_for_function(f"document.querySelector('{chart}').layout.xaxis.title.text === 'epoch'")


def test_a_run_that_waits_is_not_told_to_press_start(page, server):
    writer = Writer(server.home)
    visit(page, server, f"train?run={writer.run}")
    empty = page.locator(".st-key-loss .pp-empty")
    page.wait_for_selector(".st-key-loss .pp-empty:has-text('The first points come at once')")
    writer.store.append(writer.run, fields={"status": "starting"})
    page.wait_for_selector(".st-key-loss .pp-empty:has-text('Starting')")
    assert "Press Start" not in empty.inner_text()
    writer.end("stopped", "stopped at step 0")


def test_on_a_phone_the_picture_comes_before_the_form(page, server, diverged):
    page.set_viewport_size({"width": 390, "height": 844})
    visit(page, server, f"train?run={diverged}")
    page.wait_for_selector(".st-key-loss .js-plotly-plot")
    picture, form = (
        page.locator(f".st-key-{name}").first.bounding_box() for name in ("picture", "form")
    )
    assert picture["y"] + picture["height"] <= form["y"]
    assert picture["width"] > 330
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize(
    ("link", "picture", "controls"),
    [
        ("stability?view=Real+layers", ".st-key-layers-figure", ".st-key-controls"),
        ("layers", ".st-key-slowmotion", ".st-key-layers-bar"),
    ],
)
def test_on_a_phone_a_recorded_picture_comes_before_its_controls(
    page, server, link, picture, controls
):
    page.set_viewport_size({"width": 390, "height": 844})
    visit(page, server, link)
    page.wait_for_selector(f"{picture} svg")
    above, below = (page.locator(name).first.bounding_box() for name in (picture, controls))
    assert above["y"] + above["height"] <= below["y"] + 1
    assert above["y"] < 500
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_an_opened_group_lies_within_the_window(page, server):
    visit(page, server, "train")
    page.click(".st-key-group-more button")
    page.wait_for_selector("[data-testid=stPopoverBody] .st-key-choice-precision")
    box = page.locator("[data-testid=stPopoverBody]").bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 720


def test_the_focus_is_seen_in_the_navigation_and_frames_nothing_else(page, server):
    visit(page, server, "runs")
    look = """() => {
      const focused = document.activeElement
      const { outlineStyle, outlineWidth } = getComputedStyle(focused)
      return [focused.textContent.trim(), outlineStyle, parseFloat(outlineWidth)]
    }"""
    for _ in range(6):
        page.keyboard.press("Tab")
        name, style, width = page.evaluate(look)
        if name == "Home":
            break
    assert (name, style) == ("Home", "solid")
    assert width >= 2
    page.mouse.click(1275, 600)  # on nothing, after keys were pressed
    _, style, width = page.evaluate(look)
    assert style == "none" or width == 0
