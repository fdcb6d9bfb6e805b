"""The browser's back button leads to the place before, with what it showed."""

from __future__ import annotations

import pytest

from app.state.url_state import SETTLE
from tests.browser.writer import Writer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def run(server):
    """A finished run."""
    writer = Writer(server.home)
    writer.advance(60)
    writer.end("finished", "after 1 epoch")
    return writer.run


def follow(page, name):
    page.get_by_test_id("stTopNav").get_by_role("link", name=name).click()


def test_back_from_a_run_leads_to_the_page_before_and_never_to_an_empty_form(page, server, run):
    page.goto(f"{server.url}/train?run={run}")
    page.wait_for_selector(".pp-status:has-text('Finished')")
    page.wait_for_function("window.history.keptByProxprop")
    follow(page, "Compare")
    page.wait_for_selector(".st-key-race .pp-bar")
    follow(page, "Train")
    page.wait_for_url(f"**/train?run={run}")
    page.wait_for_selector(".pp-status:has-text('Finished')")
    page.go_back()
    page.wait_for_selector(".st-key-race .pp-bar")
    page.go_back()
    page.wait_for_url(f"**/train?run={run}")
    page.wait_for_selector(".pp-status:has-text('Finished')")


def test_what_a_person_changes_can_be_gone_back_on(page, server):
    chosen = ".st-key-choice-direction-solver [role=radio][aria-checked=true]:has-text('{}')"
    page.goto(f"{server.url}/train")
    page.wait_for_selector(chosen.format("exact"))
    page.wait_for_function("window.history.keptByProxprop")
    page.click(".st-key-choice-direction-solver button:has-text('CG k')")
    page.wait_for_url("**direction.solver=cg*")
    # Until then the page takes an address from before its change for one that is on its way.
    page.wait_for_timeout(2000 * SETTLE)
    page.go_back()
    page.wait_for_url("**/train")
    page.wait_for_selector(chosen.format("exact"))
