"""What a person sees of a live chart, in a real browser against the real server."""

from __future__ import annotations

import math

import pytest

from tests.browser.chart_page import LONG, READY, chart, drag, open_page, wait_for_points
from tests.browser.writer import Writer

pytestmark = pytest.mark.browser


def test_an_empty_chart_says_what_to_do(page, gallery):
    page.goto(gallery.url)
    page.wait_for_selector(".pp-empty:has-text('Press Start')")
    page.wait_for_function("document.querySelector('.js-plotly-plot')?.layout")
    assert page.evaluate(READY) in (0, None)


def test_zoom_survives_twenty_updates_and_a_rerun(page, gallery, writer):
    writer.advance(200)
    open_page(page, gallery, writer)
    wait_for_points(page, 200)
    drag(page, 0.2, 0.2, 0.6, 0.7)
    page.wait_for_selector("[data-reset]:visible")
    zoomed = chart(page)
    assert zoomed["x"][0] > 20
    assert zoomed["x"][1] < 160
    for update in range(1, 21):
        writer.advance(5)
        wait_for_points(page, 200 + 5 * update)
    after = chart(page)
    assert (after["x"], after["y"]) == (zoomed["x"], zoomed["y"])
    assert after["last"][0] == 299
    before = int(page.inner_text("text=/reruns: \\d+/").split()[-1])
    page.click("button:has-text('rerun')")
    page.wait_for_selector(f"text=reruns: {before + 1}")
    writer.advance(5)
    wait_for_points(page, 305)
    assert chart(page)["x"] == zoomed["x"]
    page.click("[data-reset]")
    page.wait_for_function("document.querySelector('.js-plotly-plot').layout.xaxis.range[1] > 290")


def test_axis_and_scale_change_at_one_click_without_a_rerun(page, gallery, writer):
    writer.advance(100)
    open_page(page, gallery, writer)
    wait_for_points(page, 100)
    page.wait_for_selector(".pp-word:text('Running')")
    reruns = page.inner_text("text=/reruns: \\d+/")
    assert chart(page)["xTitle"] == "step"
    page.click("[data-axis=seconds]")
    assert chart(page)["xTitle"] == "training time [s]"
    assert chart(page)["last"][0] == pytest.approx(0.99)
    page.click("[data-axis=epoch]")
    assert chart(page)["last"][0] == pytest.approx(0.99)
    page.click("[data-log]")
    seen = chart(page)
    assert seen["type"] == "log"
    assert page.get_attribute("[data-log]", "aria-pressed") == "true"
    assert seen["y"][1] == pytest.approx(math.log10(2.4), abs=0.15)
    assert page.inner_text("text=/reruns: \\d+/") == reruns
    page.reload()
    wait_for_points(page, 100)
    assert chart(page)["xTitle"] == "epoch"
    assert chart(page)["type"] == "log"


def test_a_hidden_line_stays_hidden(page, gallery, writer):
    writer.advance(100)
    open_page(page, gallery, writer)
    wait_for_points(page, 100)
    hidden = chart(page)["names"].index("validation")
    label = page.locator(".pp-label", has_text="validation")
    label.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(
        f"document.querySelector('.js-plotly-plot').data[{hidden}].visible === 'legendonly'"
    )
    for update in range(1, 4):
        writer.advance(10)
        wait_for_points(page, 100 + 10 * update)
    assert chart(page)["visible"][hidden] == "legendonly"
    assert label.get_attribute("aria-pressed") == "false"
    label.click()
    page.wait_for_function(
        f"document.querySelector('.js-plotly-plot').data[{hidden}].visible === true"
    )


def test_divergence_is_drawn_and_the_others_stay_readable(page, gallery):
    steady, wild = Writer(gallery.home), Writer(gallery.home)
    steady.advance(200)
    wild.advance(38, loss=lambda step: 2.3 * 10.0 ** (max(0, step - 20) ** 2 / 20))
    wild.advance(1, loss=lambda step: math.inf)
    wild.end("diverged", "diverged at step 38: loss 1e12 → inf")
    open_page(page, gallery, steady, wild)
    wait_for_points(page, 200)
    wait_for_points(page, 38, trace=2)
    page.wait_for_function("document.querySelector('.js-plotly-plot').layout.annotations?.length")
    seen = chart(page)
    assert seen["labels"] == ["✕ diverged at step 38: loss 1·10¹² → inf"]
    assert seen["lines"] == [39]
    assert 2 < seen["y"][1] < 12
    page.wait_for_selector(".pp-words:text-is('at step 38: loss 1·10¹² → inf')")
    steady.fall_silent()


def test_live_changes_are_labelled_lines_at_their_step(page, gallery, writer):
    writer.advance(120)
    open_page(page, gallery, writer)
    wait_for_points(page, 120)
    writer.mark("τ 0.05 → 0.5", {"direction.tau": 0.5})
    writer.advance(60)
    writer.mark("η 1 → 0.3", {"optimizer.lr": 0.3})
    writer.advance(60)
    page.wait_for_function("document.querySelector('.js-plotly-plot').layout.shapes?.length === 2")
    seen = chart(page)
    assert seen["lines"] == [120, 180]
    assert seen["labels"] == ["τ 0.05 → 0.5", "η 1 → 0.3"]


def test_numbers_and_pictures_follow(page, gallery, writer):
    writer.advance(21)
    open_page(page, gallery, writer, boundary=1)
    page.wait_for_selector("[data-tile='Validation accuracy'] dd:text('15.8 %')")
    page.wait_for_selector("[data-tile='Step time'] dd:text('2.00 ms')")
    grid = [[255 if column > 1 else 0 for column in range(4)] for _ in range(4)]
    points = {"x": [0.0], "y": [0.0], "target": [1]}
    payload = {"classes": ["a", "b"], "x": [-1, 1], "y": [-1, 1], "size": 4, "points": points}
    writer.artifact("boundary", {**payload, "probability": grid})
    page.wait_for_selector("text=after step 21")
    color = (
        "(x) => { const c = document.querySelector('.pp-body canvas');"
        " return [...c.getContext('2d').getImageData(x * c.width, c.height / 4, 1, 1).data] }"
    )
    left, right = page.evaluate(color, 0.1), page.evaluate(color, 0.9)
    assert left[2] > left[0]  # blue: the first class
    assert right[0] > right[2]  # orange: the last class


def test_the_chart_follows_the_theme(browser, gallery, writer):
    writer.advance(50)
    context = browser.new_context(color_scheme="light", viewport={"width": 1280, "height": 720})
    window = context.new_page()
    open_page(window, gallery, writer)
    wait_for_points(window, 50)
    assert chart(window)["background"].lower() in ("#ffffff", "rgb(255, 255, 255)")
    window.emulate_media(color_scheme="dark")
    window.wait_for_function(
        "document.querySelector('.js-plotly-plot').layout.paper_bgcolor.startsWith('#14')",
        timeout=LONG,
    )
    context.close()


@pytest.mark.parametrize(("format", "holds"), [("svg", b"training loss J"), ("csv", b"mini-batch")])
def test_exports_hold_what_is_drawn(page, gallery, writer, format, holds):
    writer.advance(50)
    open_page(page, gallery, writer)
    wait_for_points(page, 50)
    page.click(".pp-export summary")
    with page.expect_download() as download:
        page.click(f"[data-export={format}]")
    assert download.value.suggested_filename == f"loss.{format}"
    body = download.value.path().read_bytes()
    assert holds in body
    if format == "svg":
        assert b">training<" in body  # the legend names the line


def test_another_run_is_shown_whole_whatever_was_zoomed_before(page, gallery, writer):
    writer.advance(100)
    other = Writer(gallery.home)
    other.advance(300)
    open_page(page, gallery, writer)
    wait_for_points(page, 100)
    drag(page, 0.2, 0.2, 0.5, 0.7)
    page.wait_for_selector("[data-reset]:visible")
    # The same page, as a link within the app would change it.
    page.evaluate(
        "(run) => { history.pushState({}, '', `/?run=${run}`);"
        " dispatchEvent(new Event('popstate')) }",
        other.run,
    )
    page.click("button:has-text('rerun')")
    wait_for_points(page, 300)
    page.wait_for_function("document.querySelector('.js-plotly-plot').layout.xaxis.range[1] > 290")
    other.fall_silent()
