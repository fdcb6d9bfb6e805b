"""Training for talking: no end, a speed limit, one large dial, a divergence and the way back."""

from __future__ import annotations

import re
import time

import pytest

from tests.browser.test_train import marks, open_train, shows, start, turn, until, wait_for_points

pytestmark = pytest.mark.browser

PACE = 20.0  # steps a second
SPIRALS = {
    "data.name": "spirals",
    "model.widths": "64,64",
    "batch_size": "50",
    "direction.solver": "explicit",
    "optimizer.lr": "0.05",
}
BUDGET = ".st-key-group-budget button"
DIAL = ".st-key-large-dial"
GREW = re.compile(
    r"The step of the explicit (last )?layer linear\d (had grown|was the) largest: "
    r"\S+ % of its weights at step \d+, \S+ % at step \d+\."
)


def wait_for_the_picture_above_the_foot(page):
    """Wait until chart and boundary are there and end above the bar at the foot of a lecture."""
    page.wait_for_function(
        """() => {
          const foot = document.querySelector('nav.pp-talk').getBoundingClientRect().top
          return ['.st-key-loss .xtitle', '.st-key-boundary canvas'].every((part) =>
            document.querySelector(part)?.getBoundingClientRect().bottom <= foot)
        }"""
    )


def test_an_endless_run_is_talked_over_driven_too_far_and_taken_back(page, server, store):
    open_train(page, server, **SPIRALS)
    page.click(BUDGET)
    page.click(".st-key-switch-budget-endless label")
    page.wait_for_url("**budget.endless=true*")
    page.locator(".st-key-text-budget-epochs").wait_for(state="detached")
    page.locator(".st-key-text-pace input").fill(f"{PACE:g}")
    page.keyboard.press("Enter")
    page.wait_for_url("**pace=20*")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Batch 50 · ∞, 20 steps/s · seed 0").wait_for()
    run_id = start(page)
    wait_for_points(page, 1)
    budget = store.run(run_id).config.budget
    assert (budget.endless, budget.epochs, budget.seconds, budget.steps) == (True, None, None, None)
    # What is recorded may lag behind by a second.
    begun, first = time.monotonic(), store.run(run_id).step
    until(lambda: store.run(run_id).step >= first + 40)
    assert time.monotonic() - begun > 40 / PACE - 1.2

    # In a lecture one dial stands there, large, and arrow keys turn it.
    page.click(".st-key-lecture-switch label")
    slider = page.locator(f"{DIAL} input[type=range]")
    slider.wait_for()
    page.locator(".st-key-form").wait_for(state="detached")
    assert page.locator("input[type=range]").count() == 1
    assert slider.bounding_box()["width"] > 600
    wait_for_the_picture_above_the_foot(page)
    slider.focus()
    page.keyboard.press("ArrowRight")
    until(lambda: marks(store, run_id))
    page.click(".st-key-dial-pace input")
    page.get_by_role("option", name="10 steps/s").click()
    until(lambda: len(marks(store, run_id)) == 2)
    assert [m.changes for m in marks(store, run_id)] == [{"optimizer.lr": 0.06}, {"pace": 10.0}]
    turned = marks(store, run_id)[-1].step

    # Too far: the run says whose step grew, and offers the way back.
    turn(page, "optimizer.lr", "100")
    until(lambda: store.run(run_id).outcome == "diverged")
    page.wait_for_selector(".st-key-back button")
    page.get_by_text(GREW).wait_for()
    wait_for_the_picture_above_the_foot(page)
    page.mouse.click(640, 60)
    page.keyboard.press("Escape")
    page.wait_for_selector(".st-key-form")
    page.get_by_text(GREW).wait_for()
    back = re.search(r"Back to step (\d+)", page.inner_text(".st-key-back button"))
    step = int(back[1])
    assert turned <= step < store.run(run_id).step
    turn(page, "optimizer.lr", "0.04")
    page.wait_for_url("**optimizer.lr=0.04*")
    page.click(".st-key-back button")
    page.wait_for_selector(".st-key-pause button")
    page.wait_for_url(lambda url: run_id not in url)
    again = page.url.split("run=")[1].split("&")[0]
    until(lambda: store.run(again).step > step)
    last = marks(store, again)[-1]
    assert (last.step, last.changes) == (step, {"optimizer.lr": 0.04})
    shows(page, "optimizer.lr", "0.04")
    page.click(".st-key-stop button")
    until(lambda: store.run(again).outcome == "stopped")
