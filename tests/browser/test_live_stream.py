"""What stays whole when a page reloads, hides, loses its worker or its server."""

from __future__ import annotations

import pytest

from tests.browser.chart_page import LONG, chart, open_page, wait_for_points
from tests.browser.conftest import start_server, stop_server
from tests.browser.writer import Writer

pytestmark = pytest.mark.browser


def test_a_reload_and_a_second_window_show_every_point(page, gallery, writer):
    writer.advance(150)
    open_page(page, gallery, writer)
    wait_for_points(page, 150)
    page.reload()
    writer.advance(30)
    wait_for_points(page, 180)
    second = page.context.new_page()
    open_page(second, gallery, writer)
    writer.advance(20)
    for window in (page, second):
        wait_for_points(window, 200)
        steps = window.evaluate("document.querySelector('.js-plotly-plot').data[0].x")
        assert steps == list(range(200))


def test_status_reruns_the_page_once_when_a_run_ends(page, gallery, writer):
    writer.advance(400)
    open_page(page, gallery, writer)
    page.wait_for_selector(".pp-word:text('Running')")
    page.wait_for_timeout(1000)
    before = int(page.inner_text("text=/reruns: \\d+/").split()[-1])
    writer.end("finished", "validation accuracy 98.1 % after 4 epochs")
    page.wait_for_selector(".pp-word:text('Finished')")
    page.wait_for_selector("text=validation accuracy 98.1 %")
    page.wait_for_selector(f"text=reruns: {before + 1}")
    page.wait_for_timeout(1500)
    assert page.inner_text("text=/reruns: \\d+/") == f"reruns: {before + 1}"


def test_a_silent_worker_is_told_and_its_points_stay(page, gallery, writer):
    writer.advance(50)
    open_page(page, gallery, writer)
    wait_for_points(page, 50)
    page.wait_for_selector(".pp-word:text('Running')")
    writer.fall_silent()
    page.wait_for_selector(".pp-word:text('stopped answering')", timeout=LONG)
    assert chart(page)["last"][0] == 49
    writer.advance(5)
    page.wait_for_selector(".pp-word:text('Running')")


def test_a_hidden_tab_closes_its_stream_and_catches_up(page, gallery, writer):
    writer.advance(50)
    open_page(page, gallery, writer)
    wait_for_points(page, 50)
    hide = (
        "(hidden) => {"
        " Object.defineProperty(document, 'hidden', { configurable: true, value: hidden });"
        " document.dispatchEvent(new Event('visibilitychange')) }"
    )
    page.evaluate(hide, True)
    assert page.evaluate("window.__proxpropHub.source") is None
    writer.advance(25)
    page.evaluate(hide, False)
    wait_for_points(page, 75)
    steps = page.evaluate("document.querySelector('.js-plotly-plot').data[0].x")
    assert steps == list(range(75))


@pytest.mark.slow
def test_a_page_picks_up_where_it_was_after_the_server_came_back(browser, tmp_path):
    """The lecturer's nightmare: the server dies in front of everyone, and is started again."""
    script = "tests/browser/gallery/server.py"
    first = start_server(tmp_path, script)
    second = None
    context = browser.new_context()
    try:
        first.wait_until_healthy()
        writer = Writer(tmp_path)
        writer.advance(60)
        window = context.new_page()
        open_page(window, first, writer)
        wait_for_points(window, 60)
        first.process.kill()
        first.process.wait()
        window.wait_for_selector(".pp-word:text('No connection')", timeout=LONG)
        writer.advance(60)
        second = start_server(tmp_path, script, port=int(first.url.rsplit(":", 1)[1]))
        second.wait_until_healthy()
        wait_for_points(window, 120)
        steps = window.evaluate("document.querySelector('.js-plotly-plot').data[0].x")
        assert steps == list(range(120))
        window.wait_for_selector(".pp-word:text('Running')")
        writer.fall_silent()
    finally:
        context.close()
        for running in filter(None, (first, second)):
            stop_server(running)
