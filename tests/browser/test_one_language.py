"""One language on every page: addresses, the tab, numbers far out, waiting, ticks, times."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import suppress
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error, expect

from app.components.race_link import encode
from proxprop.spec.events import Point
from proxprop.spec.racing import default_race
from tests.app.conftest import PAGES
from tests.browser.conftest import LONG
from tests.browser.test_train import exact, turn
from tests.browser.writer import Writer

pytestmark = pytest.mark.browser

FAR = "Far from usual: Step size η is mostly 1.00·10⁻⁵ to 100, here 1.00·10⁹."
EMPTY = ".st-key-loss .pp-empty"
NAME = "implicit (exact), SGD + Nesterov, η 1, τ 0.05"
MINUTES = 4  # since the run that is shown was made


@pytest.fixture(scope="module")
def run(server):
    """A run by exact steps, minutes old, that diverged with 9 % right throughout."""
    writer = Writer(server.home)
    rows = []
    for step, right in ((0, 0.091), (1, 0.094), (2, 0.0925)):
        place = {"step": step, "epoch": step / 15, "seconds": step / 100}
        rows.append(Point("steps", **place, values={"loss": 2.3 * 30.0**step}))
        rows.append(Point("evaluations", **place, values={"validation_accuracy": right}))
    writer.step = 2
    writer.store.append(writer.run, rows)
    writer.end("diverged", "diverged at step 2: loss 69 → 2.07e+03")
    with sqlite3.connect(server.home / "proxprop.db") as database:
        made = time.time() - 60 * MINUTES
        database.execute("UPDATE runs SET created = ? WHERE id = ?", (made, writer.run))
    return writer.run


@pytest.mark.parametrize("address", ["nonsense", "train/nonsense/deeper?seed=1"])
def test_an_unknown_address_says_so_and_leads_home(page, server, address):
    answer = page.goto(f"{server.url}/{address}")
    # The address itself, which Chromium notes; nothing besides.
    assert [error.count("404") for error in page.console_errors] == [1]
    page.console_errors.clear()
    assert answer.status == 404
    assert page.title() == "No such page · ProxProp"
    assert page.inner_text("h1") == "There is no such page."
    page.get_by_text(f"/{address.partition('?')[0]} leads nowhere.").wait_for()
    page.get_by_role("link", name="To the first page").click()
    page.wait_for_url(f"{server.url}/")
    page.wait_for_function("document.title === 'Home · ProxProp'")


def test_a_deep_link_asks_for_nothing_in_vain_and_names_its_tab(page, server, run):
    page.add_init_script(
        """window.titles = []
           const look = () => window.titles.push(document.title)
           new MutationObserver(look).observe(document, { childList: true, subtree: true })"""
    )
    asked, lost = {}, []
    page.on("response", lambda answer: asked.update({answer.url: answer.status}))
    page.on("requestfailed", lambda request: lost.append((request.failure, request.url)))
    of_runs = ("train", "layers", "runs")
    tabs = {name: f"{name.title()} · ProxProp" for name in {*PAGES} - {"home", *of_runs}}
    tabs |= {f"{name}?run={run}": f"{NAME} · {name.title()} · ProxProp" for name in of_runs}
    for link, tab in tabs.items():
        asked.clear()
        lost.clear()
        page.goto(f"{server.url}/{link}")
        page.wait_for_selector("h1")
        page.wait_for_function(f"document.title === {tab!r}")
        paths = {urlsplit(url).path for url in asked if url.startswith(server.url)}
        assert {"/_stcore/health", "/_stcore/host-config"} <= paths, link
        assert {url: status for url, status in asked.items() if status >= 400} == {}, link
        # What is under way while the next page is opened is given up.
        assert [why for why in lost if "ERR_ABORTED" not in why[0]] == [], link
        assert all("ProxProp" in title for title in page.evaluate("window.titles") if title), link


def test_a_number_far_out_is_told_where_it_is_typed(page, server):
    page.goto(f"{server.url}/train")
    page.wait_for_selector(exact("optimizer.lr"))
    turn(page, "optimizer.lr", "1e9")
    words = page.get_by_text(FAR)
    words.wait_for()
    box, said = page.locator(exact("optimizer.lr")).bounding_box(), words.bounding_box()
    assert 0 < said["y"] - box["y"] < 80
    turn(page, "optimizer.lr", "1e400")
    page.get_by_text("Step size η must be finite").wait_for()
    words.wait_for(state="detached")
    expect(page.locator(".st-key-start button").first).to_be_disabled(timeout=LONG)


def test_a_number_far_out_is_told_on_a_contenders_card(page, server):
    race = default_race()
    first, second = race.contenders[:2]
    far = first.replace(**{"optimizer.lr": 1e9})
    steady = second.replace(**{"optimizer.explicit_lr": 1e9})
    race = race.replace(contenders=(far, steady))
    page.goto(f"{server.url}/compare?form={encode(race)}")
    page.get_by_text(FAR).wait_for()
    page.get_by_text(FAR.replace("Step size", "Explicit")).wait_for()
    page.click(".st-key-card-0 button")
    box = page.get_by_label("Step size η, exact value")
    box.fill("0.1")
    box.press("Enter")
    page.get_by_text(FAR).first.wait_for(state="detached")


def test_hidden_widths_are_refused_in_the_forms_words(page, server):
    page.goto(f"{server.url}/train?model.widths=64,b")
    page.get_by_text("Hidden widths must be a whole number, got 'b'.").wait_for()
    page.click(".st-key-group-model button")
    field = page.locator(".st-key-text-model-widths input")
    field.fill("64, 0")
    field.press("Enter")
    page.get_by_text("Hidden widths must be ≥ 1, got 0.").first.wait_for()


def test_waiting_is_said_and_start_is_not_asked_for_again(page, server):
    held = []
    stream = re.compile(r"/api/stream\?")  # tables with a slash in their names are asked for, too
    page.route(stream, lambda route: held.append(route))
    writer = Writer(server.home)
    try:
        page.goto(f"{server.url}/train?run={writer.run}")
        page.wait_for_selector(f"{EMPTY}:has-text('Loading')")
        page.evaluate(
            """() => { const told = (window.told = [])
               const empty = document.querySelector('.st-key-loss .pp-empty')
               new MutationObserver(() => told.push(empty.textContent))
                 .observe(empty, { childList: true, characterData: true, subtree: true }) }"""
        )
        for route in held:
            with suppress(Error):  # one that the page has given up meanwhile
                route.continue_()
        page.unroute(stream)
        page.wait_for_selector(f"{EMPTY}:has-text('The first points come at once')")
        writer.store.append(writer.run, fields={"status": "starting"})
        page.wait_for_selector(f"{EMPTY}:has-text('Starting')")
        writer.advance(5)
        page.wait_for_selector(".st-key-loss .scatterlayer .js-line")
        assert not [words for words in page.evaluate("window.told") if "Press Start" in words]
    finally:
        writer.end("stopped", "stopped at step 5")


def test_ticks_of_a_share_differ_however_flat_its_curve(page, server, run):
    page.goto(f"{server.url}/train?run={run}")
    page.wait_for_selector(".st-key-accuracy .ytick text")
    ticks = page.locator(".st-key-accuracy .ytick text").all_text_contents()
    assert len(ticks) >= 3
    assert len(set(ticks)) == len(ticks)
    assert all(re.fullmatch(r"\d+\s?%", tick.strip()) for tick in ticks)


def test_an_exact_run_of_minutes_ago_opens_in_layers_by_exact_steps(page, server, run):
    page.goto(f"{server.url}/train?run={run}")
    page.get_by_role("link", name="Open in Layers").click()
    weights = page.locator(".st-key-layers-weights input")
    weights.wait_for()
    expect(weights).to_have_value(re.compile(re.escape(NAME)), timeout=LONG)
    made = datetime.now() - timedelta(minutes=MINUTES)
    if made.date() == datetime.now().date():
        assert re.fullmatch(rf"{re.escape(NAME)} .*· +\d\d:\d\d", weights.input_value())
    expect(page.locator(".st-key-layers-bar [aria-checked=true]")).to_have_text(
        "exact", timeout=LONG
    )
    expect(page.get_by_label("k", exact=True)).to_be_disabled(timeout=LONG)
