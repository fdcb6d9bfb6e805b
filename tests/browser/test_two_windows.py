"""Two windows on one run: what each shows is what the run has, and only what is turned is sent."""

from __future__ import annotations

import pytest

from tests.browser.test_train import (
    ENDLESS,
    exact,
    marks,
    open_train,
    pause,
    shows,
    start,
    turn,
    until,
    wait_for_points,
)

pytestmark = pytest.mark.browser


def test_a_window_follows_the_other_and_sends_nothing_by_itself(page, server, store):
    open_train(page, server, **ENDLESS)
    run_id = start(page)
    wait_for_points(page, 1)
    page.get_by_role("link", name="Compare").click()
    page.wait_for_selector(".st-key-race .pp-bar")
    page.get_by_role("link", name="Train").click()
    page.wait_for_selector(".st-key-pause button")
    other = page.context.new_page()
    open_train(other, server, run=run_id)
    turn(other, "direction.tau", "0.03")
    shows(page, "direction.tau", "0.03")  # nobody touched this window
    pause(page)
    shows(page, "direction.tau", "0.03")
    other.wait_for_selector(".st-key-go button")
    page.click(".st-key-go button")
    other.click(".st-key-choice-direction-solver button:has-text('CG k')")
    page.wait_for_selector(".st-key-dial-direction-cg_steps")
    pause(page)
    turn(page, "optimizer.lr", "10")
    shows(other, "optimizer.lr", "10")
    page.click(".st-key-step button")
    page.wait_for_timeout(500)
    other.click(".st-key-stop button")
    until(lambda: store.run(run_id).status == "ended")
    page.wait_for_selector(".st-key-start button")
    changes = [mark.changes for mark in marks(store, run_id)]
    assert changes == [{"direction.tau": 0.03}, {"direction.solver": "cg"}, {"optimizer.lr": 10.0}]
    assert page.locator("[data-testid=stAlert]").count() == 0


def test_a_dial_is_turned_by_mouse_and_keys_and_says_one_value(page, server):
    open_train(page, server)
    box, slider = exact("optimizer.lr"), exact("optimizer.lr").replace("text", "range")
    place = page.locator(slider).bounding_box()
    assert place["width"] > 300
    page.locator(slider).focus()
    page.keyboard.press("ArrowRight")
    shows(page, "optimizer.lr", "1.2")
    page.keyboard.press("ArrowUp")
    shows(page, "optimizer.lr", "1.21")
    page.keyboard.press("PageDown")
    page.wait_for_url("**optimizer.lr=0.121*")
    assert page.get_attribute(slider, "aria-valuetext") == "0.121"
    # A drag of 43 pixels is less than a decade.
    at = place["x"] + place["width"] * 0.5
    page.mouse.click(at, place["y"] + 10)
    page.wait_for_url("**optimizer.lr=0.0*")
    low = float(page.input_value(box))
    page.mouse.move(at, place["y"] + 10)
    page.mouse.down()
    page.mouse.move(at + 43, place["y"] + 10, steps=4)
    page.mouse.up()
    page.wait_for_function(f"document.querySelector('{box}').value != '{low:g}'")
    assert 3 < float(page.input_value(box)) / low < 10
    page.fill(box, "much")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Step size η must be a number, got 'much'.")
    assert page.input_value(box) == "much"
