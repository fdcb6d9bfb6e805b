"""The shipped lecture as a lecturer gives it: by Page Down alone, reloaded on the way."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from proxprop.lessons.shelf import shipped
from proxprop.spec.config import RunConfig
from tests.browser.conftest import LONG

pytestmark = pytest.mark.browser

LECTURE = shipped()["ten-minutes"]
POINTS = 24  # CSS pixels of 18 pt, in a window of 1280 × 720
LEAST_SHARE = 0.6  # of the window's height, for a scene's picture
# The picture of each page, by its link or page, and what it shows once it has something to show.
DRAWN = ".js-plotly-plot g.trace"
PICTURES = {
    "home": ("svg.race", "svg.race polyline"),
    "stability?view=Real+layers": (".pp-chart", ".pp-chart .xtick"),
    "stability?view=Whole+network": (".pp-picture", ".pp-map rect[data-outcome=finished]"),
    "stability": (".pp-quadratic", ".pp-quadratic .pp-said span"),
    "layers": (".pp-slow", ".pp-slow[data-stage]"),
    "train": (".pp-chart", DRAWN),
    "compare": (".pp-chart", DRAWN),
}
# Texts smaller than asked for, cut at the sides or by what they stand in, or below the bar's edge.
# Sub- and superscripts and what only a screen reader finds are left out.
SMALL = """least => {
  const left = 'script, style, noscript, option, sub, sup, .pp-small, .msupsub, .mfrac, math mfrac,'
    + ' .katex-mathml,'
    + ' tspan:is([style*=font-size], [font-size], [dy]),'
    + ' math :is(msub, msup, msubsup) > :nth-child(n + 2)'
  const found = []
  const bar = document.querySelector('.pp-talk')
  const foot = bar.getBoundingClientRect().top
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walk.nextNode()) {
    const text = walk.currentNode, element = text.parentElement
    if (!text.data.trim() || /^Skip to main/.test(text.data) || element.closest(left)) continue
    const range = document.createRange()
    range.selectNodeContents(text)
    const box = range.getBoundingClientRect()
    const seen = element.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    if (box.width < 1 || box.height < 1 || !seen) continue
    let size = parseFloat(getComputedStyle(element).fontSize)
    const matrix = element.ownerSVGElement && element.getScreenCTM()
    if (matrix) size *= Math.hypot(matrix.a, matrix.b)
    const own = element.closest('.pp-talk, .st-key-lecture-tools, .st-key-recorded')
    const lowest = own ? innerHeight : foot
    let cut = box.right > innerWidth + 1 || box.left < -1 || box.bottom > lowest + 1
    for (let around = element; around && !around.ownerSVGElement; around = around.parentElement) {
      const inside = around.getBoundingClientRect()
      cut ||= getComputedStyle(around).overflowX !== 'visible' && box.right > inside.right + 1
    }
    const about = [text.data.trim().slice(0, 60), Math.round(size), Math.round(box.bottom)]
    if (size < least - 0.5 || cut) found.push(about)
  }
  return found
}"""
SHARE = "picture => document.querySelector(picture).getBoundingClientRect().height / innerHeight"
STARTED = r"location.search.match(/(?:run|race|sweep)=(\w+)/)?.[1]"


def place(page) -> str:
    return page.text_content(".pp-talk span")


def pictured(scene) -> tuple[str, str]:
    return PICTURES.get(scene.link) or PICTURES[scene.page]


def wait_for_scene(page, number: int) -> None:
    """Wait until a scene is on show, and its picture shows something."""
    page.wait_for_function(
        "text => document.querySelector('.pp-talk span')?.textContent === text",
        arg=f"{number} of {len(LECTURE.scenes)}",
    )
    page.wait_for_selector(pictured(LECTURE.scenes[number - 1])[1], state="attached")


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_shipped_lecture_by_page_down_alone(
    browser, server, store, scheme, width, height, capsys
):
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(LONG)
    page.goto(f"{server.url}/?lecture=ten-minutes.1")
    before = {run.id for run in store.runs()}
    runs, wrong = [], {}
    for number, scene in enumerate(LECTURE.scenes, start=1):
        came = time.monotonic()
        wait_for_scene(page, number)
        with capsys.disabled():
            print(f"\n{scene.title}: first drawn after {time.monotonic() - came:.1f} s", end="")
        if scene.arrive == "start":
            runs.append(page.evaluate(STARTED))
            assert runs[-1]
        page.reload()
        wait_for_scene(page, number)
        if scene.arrive == "start":
            assert page.evaluate(STARTED) == runs[-1]  # attached to, not started again
        page.wait_for_timeout(500)  # a chart draws with the next frames
        wrong[scene.title] = page.evaluate(SMALL, POINTS * min(width / 1280, height / 720))
        if (share := page.evaluate(SHARE, pictured(scene)[0])) < LEAST_SHARE:
            wrong[scene.title].append(f"the picture has {share:.0%} of the height")
        if number < len(LECTURE.scenes):
            page.keyboard.press("PageDown")
    assert {title: found for title, found in wrong.items() if found} == {}
    assert len(set(runs)) == 4
    assert {run.id for run in store.runs()} - before <= set(runs)
    page.keyboard.press("PageUp")
    wait_for_scene(page, 8)
    page.wait_for_function(f"() => location.search.includes('race={runs[2]}')")  # attached to again
    page.keyboard.press("Escape")
    page.wait_for_function("() => !location.search.includes('lecture')")
    page.wait_for_selector(".pp-talk", state="detached")
    assert errors == []
    context.close()


def test_keys_belong_to_the_lecture_and_the_speaker_follows(page, server):
    page.set_default_timeout(60_000)
    page.goto(f"{server.url}/layers?step=exact&lecture=ten-minutes.4")
    wait_for_scene(page, 4)
    with page.expect_popup() as opened:
        page.click(".pp-talk button:text('Speaker')")
    speaker = opened.value
    speaker.wait_for_selector("h1:text('Backprop, stage by stage')")
    assert LECTURE.scenes[3].notes in speaker.text_content("body")
    assert f"Next: {LECTURE.scenes[4].title}" in speaker.text_content("footer")

    def stage() -> int:
        return int(page.get_attribute(".pp-slow", "data-stage"))

    page.wait_for_function("() => document.querySelector('.pp-slow').dataset.stage > 0")  # it plays
    page.focus(".st-key-lecture-switch input")  # a switch: space would turn it off
    page.keyboard.press("Space")
    held = stage()
    page.wait_for_timeout(1500)
    assert stage() == held
    page.keyboard.press("ArrowRight")
    assert stage() == held + 1
    page.wait_for_function(f"() => location.search.includes('stage={held + 1}')")
    page.reload()
    wait_for_scene(page, 4)
    page.wait_for_function(f"() => document.querySelector('.pp-slow')?.dataset.stage >= {held + 1}")
    page.wait_for_selector(".pp-slow .pp-play:text('Pause')")
    page.keyboard.press("Space")
    last = int(page.get_attribute(".pp-slow input[type=range]", "max"))
    for _ in range(last - stage()):
        page.keyboard.press("ArrowRight")
    assert stage() == last
    page.keyboard.press("ArrowRight")  # there is no further stage: the lecture goes on
    wait_for_scene(page, 5)
    speaker.wait_for_selector("h1:text('A real layer')")
    speaker.keyboard.press("PageUp")
    wait_for_scene(page, 4)
    page.wait_for_selector(".pp-slow .pp-play:text('Pause')")
    speaker.keyboard.press("Space")  # the same key as in the lecture
    page.wait_for_selector(".pp-slow .pp-play:text('Play')")
    page.evaluate("sessionStorage['proxprop-began-ten-minutes'] = Date.now() - 600_000")
    speaker.reload()
    speaker.wait_for_selector("header button:text('10:0')")
    speaker.click("header button")
    speaker.wait_for_selector("header button:text('0:0')")
    speaker.close()


OWN = """title = "Mine"

[[scenes]]
title = "A run that is gone"
link = "train?run={run}"

[[scenes]]
title = "What comes after"
link = "home"
arrive = "play"
"""


def test_an_import_is_refused_by_line_and_field_or_opened_even_where_a_run_is_gone(
    page, server, store, tmp_path
):
    run = store.create_run(RunConfig())
    store.delete(run)
    file = tmp_path / "mine.toml"
    right = OWN.format(run=run)
    file.write_text(right.replace('link = "home"', 'lnk = "home"').replace('"play"', '"plai"'))
    page.goto(f"{server.url}/lessons")
    page.locator("input[type=file]").set_input_files(file)
    refusal = page.locator(".stAlert")
    for words in (
        "mine.toml, line 9: scene 2, lnk: is no field here; allowed are title, link, words",
        "mine.toml, line 10: scene 2, arrive: must be one of 'nothing', 'start' or 'play'",
    ):
        expect(refusal).to_contain_text(words, timeout=LONG)
    file.write_text(right)
    page.locator("input[type=file]").set_input_files(file)
    page.click(".st-key-lecture-mine button:has-text('Open')")
    page.wait_for_function("document.querySelector('.pp-talk span')?.textContent === '1 of 2'")
    page.wait_for_selector(f".stMain :text('{run}')")
    page.keyboard.press("PageDown")
    page.wait_for_function("document.querySelector('.pp-talk span')?.textContent === '2 of 2'")
    page.wait_for_selector("svg.race polyline", state="attached")
