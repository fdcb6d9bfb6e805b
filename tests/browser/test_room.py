"""A presenter and a follower in real browsers."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Point
from tests.browser.conftest import start_server, stop_server

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SECONDS = 30_000  # milliseconds; the machine may be busy
FOLLOWING = "Following the presenter"
LINK = "location.pathname + location.search"
SLACK = 10.0  # seconds on a machine that is busy; 1 is meant


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    home = tmp_path_factory.mktemp("room")
    secrets = {"PROXPROP_PASSPHRASE": "sesame", "PROXPROP_TOKEN": "once"}
    running = start_server(home, **secrets, PROXPROP_AUDIENCE_LINK="http://192.0.2.7:8501")
    try:
        running.wait_until_healthy()
        yield running
    finally:
        stop_server(running)


def test_a_follower_sees_what_the_presenter_shows_until_moving_alone(room, browser, page):
    run = Store(room.home / "proxprop.db").create_run(RunConfig(), process=Process.current())
    expect.set_options(timeout=SECONDS)
    page.goto(f"{room.url}/present?token=once")
    expect(page.get_by_alt_text("QR code")).to_be_visible()
    other = browser.new_context(viewport={"width": 1280, "height": 720})
    try:
        viewer = other.new_page()
        viewer.goto(room.url)
        button = viewer.get_by_role("button", name="ollow")
        expect(button).to_contain_text(FOLLOWING)
        viewer.evaluate("window.stillTheSame = true")
        page.bring_to_front()
        page.goto(f"{room.url}/stability")
        expect(viewer.get_by_role("heading", name="Stability", exact=True)).to_be_visible()
        page.goto(f"{room.url}/runs?q=nothing")
        expect(viewer.get_by_role("searchbox")).to_have_value("nothing")
        assert viewer.evaluate("window.stillTheSame")  # nothing was loaded anew

        viewer.get_by_role("heading", name="Runs", exact=True).click()
        expect(button).not_to_contain_text(FOLLOWING)
        viewer.goto(f"{room.url}/paper")
        expect(viewer.get_by_role("heading", name="Paper", exact=True)).to_be_visible()
        expect(button).not_to_contain_text(FOLLOWING)
        page.goto(f"{room.url}/runs?run={run}")
        expect(page.get_by_role("button", name="Delete")).to_be_visible()
        expect(viewer.get_by_role("heading", name="Paper", exact=True)).to_be_visible()
        button.click()
        expect(viewer.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
        expect(viewer.get_by_label("Notes")).to_be_disabled()
        expect(viewer.get_by_role("button", name="Delete")).to_have_count(0)
    finally:
        other.close()


def test_three_followers_see_page_run_view_slider_and_stage(room, browser, page, capsys):
    store = Store(room.home / "proxprop.db")
    run = store.create_run(RunConfig(), name="the one on stage", process=Process.current())
    store.append(run, [Point("steps", step, step / 10, 0.1, {"loss": 2.0}) for step in (1, 2)])
    store.end(run, "finished", "")
    page.goto(f"{room.url}/present")
    if page.get_by_label("Passphrase").count():
        page.get_by_label("Passphrase").fill("sesame")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{room.url}/")
    contexts = [browser.new_context(bypass_csp=True) for _ in range(3)]
    viewers = [context.new_page() for context in contexts]

    def all_see(what, text, *, but=None):
        """Wait until the followers' links are the presenter's, then for what the page shows."""
        began = time.monotonic()
        following = [viewer for viewer in viewers if viewer is not but]
        while {viewer.evaluate(LINK) for viewer in following} != {page.evaluate(LINK)}:
            assert time.monotonic() - began < SECONDS / 1000
            page.wait_for_timeout(20)
        opened = time.monotonic() - began
        for viewer in following:
            viewer.wait_for_function(text)
        drawn = time.monotonic() - began
        with capsys.disabled():
            print(
                f"\n{what}: opened by all after {opened:.2f} s, drawn after {drawn:.2f} s", end=""
            )
        assert opened < SLACK

    def press(selector, key):
        page.bring_to_front()
        page.locator(selector).press(key)
        page.wait_for_timeout(260)  # a control stands still before the address follows

    try:
        for viewer in viewers:
            viewer.set_default_timeout(SECONDS)
            viewer.goto(room.url)
            expect(viewer.get_by_role("button", name=FOLLOWING)).to_be_visible(timeout=SECONDS)
        page.bring_to_front()
        page.goto(f"{room.url}/stability")
        page.wait_for_selector("[data-control=s]")
        all_see("a page", "document.querySelector('[data-control=s]')")
        before = page.input_value("[data-exact=s]")
        press("[data-control=s]", "ArrowRight")
        now = page.input_value("[data-exact=s]")
        assert now != before
        all_see("a slider", f"document.querySelector('[data-exact=s]').value === '{now}'")

        page.get_by_role("radio", name="Real layers").or_(
            page.get_by_role("button", name="Real layers")
        ).first.click()
        page.wait_for_url("**view=Real**")
        all_see("a view", "document.querySelector('.st-key-layers-figure .xtick')")

        page.goto(f"{room.url}/layers")
        page.wait_for_selector(".pp-slow[data-stage='0']")
        all_see("another page", "document.querySelector('.pp-slow[data-stage]')")
        press(".pp-slow [data-go=next]", "Enter")
        all_see("a stage", "document.querySelector('.pp-slow').dataset.stage === '1'")

        page.goto(f"{room.url}/train?run={run}")
        all_see("a run", "/the one on stage/.test(document.title)")

        alone = viewers[0]
        alone.mouse.click(5, 5)
        page.goto(f"{room.url}/paper")
        all_see("a page, by two", "/Paper/.test(document.title)", but=alone)
        assert "the one on stage" in alone.title()
        alone.get_by_role("button", name="Follow the presenter").click()
        all_see("the way back", "/Paper/.test(document.title)")
    finally:
        for context in contexts:
            context.close()
        store.close()
