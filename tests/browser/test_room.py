"""A presenter and a follower in real browsers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import TimeoutError, expect

from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Point
from tests.browser.conftest import start_server, stop_server

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SECONDS = 30_000  # milliseconds; the machine may be busy
FOLLOWING = "Following the presenter"
SLACK = 10.0  # seconds on a machine that is busy; 1 is meant
# A person looks at a page before turning it: it is drawn, and has fetched what charts need.
AT_REST = "window.Plotly && document.querySelector('[data-test-script-state=notRunning]')"
# Each window notes by its own clock when it first shows something, also after it was loaded anew:
# one that is asked while it draws answers late.
WATCH = """
window.watch = (what, shown) => {
  sessionStorage.watched = JSON.stringify([what, shown])
  const test = new Function(`return ${shown}`)
  clearInterval(window.watching)
  window.watching = setInterval(() => {
    if (!document.body || !test()) return
    clearInterval(window.watching)
    window.saw = { what, time: Date.now() }
  }, 5)
}
if (sessionStorage.watched) window.watch(...JSON.parse(sessionStorage.watched))
"""


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
    page.add_init_script(WATCH)
    page.goto(f"{room.url}/present")
    if page.get_by_label("Passphrase").count():
        page.get_by_label("Passphrase").fill("sesame")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{room.url}/")
    contexts = [browser.new_context(bypass_csp=True) for _ in range(3)]
    viewers = [context.new_page() for context in contexts]

    def all_see(what: str, shown: str, act: Callable[[], Any], *, but: Any = None) -> None:
        """Do something as the presenter; measure when the followers show it, after that window."""
        following = [viewer for viewer in viewers if viewer is not but]
        for window in (page, *following):
            window.wait_for_function(AT_REST)
        for window in (page, *following):
            assert not window.evaluate(f"window.watch('{what}', `{shown}`), {shown}")
        act()
        times = []
        for window in (page, *following):
            try:
                window.wait_for_function(f"window.saw?.what === '{what}'")
            except TimeoutError:
                where = [other.url.removeprefix(room.url) for other in (page, *viewers)]
                pytest.fail(f"{what}: not shown at {window.url}; the windows are at {where}")
            times.append(window.evaluate("window.saw.time"))
        late = (max(times) - times[0]) / 1000
        with capsys.disabled():
            print(f"\n{what}: shown by all {late:.2f} s after the presenter", end="")
        assert late < SLACK

    def turn_to(name: str) -> Callable[[], None]:
        return page.get_by_test_id("stTopNav").get_by_role("link", name=name).click

    def press(selector: str, key: str) -> Callable[[], None]:
        page.bring_to_front()
        return lambda: page.locator(selector).press(key)

    try:
        for viewer in viewers:
            viewer.set_default_timeout(SECONDS)
            viewer.add_init_script(WATCH)
            viewer.goto(room.url)
            expect(viewer.get_by_role("button", name=FOLLOWING)).to_be_visible(timeout=SECONDS)
        page.bring_to_front()
        knob = "document.querySelector('[data-control=s]')"
        all_see("a page", f"{knob} !== null", turn_to("Stability"))
        before = page.input_value("[data-exact=s]")
        all_see(
            "a slider",
            f"document.querySelector('[data-exact=s]').value !== '{before}'",
            press("[data-control=s]", "ArrowRight"),
        )
        values = {window.input_value("[data-exact=s]") for window in (page, *viewers)}
        assert len(values) == 1

        view = page.get_by_role("radio", name="Real layers").or_(
            page.get_by_role("button", name="Real layers")
        )
        drawn = "document.querySelector('.st-key-layers-figure .xtick') !== null"
        all_see("a view", drawn, view.first.click)

        stage = "document.querySelector('.pp-slow')?.dataset.stage"
        all_see("another page", f"{stage} === '0'", turn_to("Layers"))
        all_see("a stage", f"{stage} === '1'", press(".pp-slow [data-go=next]", "Enter"))

        chosen = "document.querySelector('.st-key-open button') !== null"
        all_see("a link with a run", chosen, lambda: page.goto(f"{room.url}/runs?run={run}"))
        chart = "document.querySelector('.st-key-loss .js-plotly-plot')?.data?.length > 0"
        all_see("a run", chart, page.locator(".st-key-open button").click)

        alone = viewers[0]
        alone.mouse.click(5, 5)
        title = "/Paper/.test(document.title)"
        all_see("a page, by two", title, turn_to("Paper"), but=alone)
        assert "the one on stage" in alone.title()
        alone.get_by_role("button", name="Follow the presenter").click()
        alone.wait_for_function(title)
    finally:
        for context in contexts:
            context.close()
        store.close()
