"""The Runs page as a person uses it: choose by clicking, open, copy, delete, undo."""

from __future__ import annotations

import pytest

from tests.browser.conftest import start_server, stop_server
from tests.browser.writer import Writer

pytestmark = pytest.mark.browser

HEADER, ROW = 38, 36  # pixels of the table's lines
BOX = 16  # from the left: the box that chooses a line


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A server of its own: these tests count runs."""
    running = start_server(tmp_path_factory.mktemp("runs"))
    try:
        running.wait_until_healthy()
        yield running
    finally:
        stop_server(running)


@pytest.fixture
def ended(place):
    """Two ended runs, the newer one named; what other tests left is deleted for good."""
    older, newer = Writer(place.home), Writer(place.home)
    for run in older.store.runs():
        if run.id not in (older.run, newer.run):
            older.store.delete(run.id)
    older.store.empty_bin(0)
    for writer in (older, newer):
        writer.advance(100)
        writer.end("finished", "finished after 1 epochs")
    newer.store.rename(newer.run, "The newer one")
    return older.run, newer.run


def open_runs(page, place, link=""):
    page.set_default_timeout(120_000)
    page.goto(f"{place.url}/runs{link}")
    page.wait_for_selector("[data-testid=stDataFrame] canvas")


def choose(page, row):
    """Click the box of a line of the table, which is drawn on a canvas."""
    table = page.locator("[data-testid=stDataFrame]").bounding_box()
    page.mouse.click(table["x"] + BOX, table["y"] + HEADER + ROW * row + ROW / 2)


def test_chosen_run_opens_on_the_train_page(page, place, ended):
    _, newer = ended
    open_runs(page, place)
    choose(page, 0)
    page.wait_for_selector("strong:has-text('The newer one')")
    page.click(".st-key-open button")
    page.wait_for_url(f"**/train?run={newer}")
    page.wait_for_function(
        """(document.querySelector('.st-key-loss .js-plotly-plot')?.data ?? [])
           .some((trace) => trace.x?.at(-1) === 99)"""
    )


def test_delete_asks_and_undo_brings_back(page, place, ended):
    older, newer = ended
    store = Writer(place.home).store
    open_runs(page, place)
    choose(page, 1)
    page.wait_for_selector("strong:has-text('The newer one')")
    page.click(".st-key-delete button")
    page.wait_for_selector("[role=dialog] >> text=The newer one")
    assert store.run(newer).deleted is None
    page.click("[role=dialog] .st-key-delete-yes button")
    page.wait_for_selector("text=The run is in the bin.")
    assert store.run(newer).deleted is not None
    assert store.run(older).deleted is None
    page.wait_for_selector("[role=dialog]", state="detached")
    page.click(".st-key-undo button")
    page.wait_for_selector(".st-key-undo", state="detached")
    assert store.run(newer).deleted is None


def test_copy_and_change_leads_to_a_detached_form(page, place, ended):
    older, _ = ended
    open_runs(page, place, f"?run={older}")
    page.click(".st-key-copy button")
    page.wait_for_selector(".st-key-start button")
    page.wait_for_function("!location.search.includes('run=')")
    lr = page.locator(".st-key-dial-optimizer-lr input[type=text]")
    page.wait_for_function(
        "document.querySelector('.st-key-dial-optimizer-lr input[type=text]')?.value === '1'"
    )
    lr.fill("3")
    lr.press("Enter")
    page.wait_for_url("**/train?optimizer.lr=3.0")


def test_search_is_in_the_link_and_survives_a_reload(page, place, ended):
    open_runs(page, place)
    box = page.get_by_role("searchbox")
    box.fill("no such words")
    box.press("Enter")
    page.wait_for_selector("text=No run matches.")
    page.wait_for_url("**/runs?q=no+such+words*")
    page.reload()
    page.wait_for_selector("text=No run matches.")


def test_a_chosen_run_shows_its_curve(page, place, ended):
    _, newer = ended
    open_runs(page, place, f"?run={newer}")
    page.wait_for_function(
        """(document.querySelector('.st-key-runs-overlay .js-plotly-plot')?.data ?? [])
           .some(({ x }) => x?.length)"""
    )
    assert page.locator(".proxprop-table").count() == 0


def test_two_chosen_runs_stand_beside_each_other_and_go_into_a_report(page, place, ended, tmp_path):
    older, newer = ended
    open_runs(page, place, f"?run={older},{newer}")
    page.wait_for_function(
        """(document.querySelector('.st-key-runs-overlay .js-plotly-plot')?.data ?? [])
           .filter(({ x }) => x?.length).length === 2"""
    )
    assert page.locator(".proxprop-table thead th").all_text_contents()[1] == "The newer one"
    with page.expect_download() as caught:
        page.get_by_text("Report (HTML)").click()
    report = tmp_path / "report.html"
    caught.value.save_as(report)
    page.goto(report.as_uri())  # from a disk, without a server
    page.wait_for_selector("h1:has-text('ProxProp: 2 runs')")
    page.wait_for_selector(".js-plotly-plot .scatterlayer .js-line")
    assert page.locator(".js-plotly-plot").count() == 5  # four curves, and all settings at once
    assert "The newer one" in page.locator("table").first.inner_text()
