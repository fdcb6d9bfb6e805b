"""The Layers page as a person uses it: twenty stages by keyboard, equations, ratios, runs."""

from __future__ import annotations

import re

import pytest

from proxprop.analysis.questions import StepQuestion
from proxprop.analysis.state import load_state
from proxprop.data.source import quiet
from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Point
from tests.analysis.slow_motion.cases import trace as step_trace
from tests.browser.conftest import LONG

pytestmark = pytest.mark.browser

PLAYER = ".pp-slow"
NOT_YET = -1.0  # E begins with the loss


@pytest.fixture(scope="module")
def opened(browser, server):
    """The default step in a window that the tests share, and its trace by the library itself."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, bypass_csp=True)
    window, errors = context.new_page(), []
    window.set_default_timeout(LONG)
    window.on("pageerror", lambda error: errors.append(str(error)))
    window.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    window.goto(f"{server.url}/layers", wait_until="commit")
    # Meanwhile the server's own process computes the same.
    question = StepQuestion(config=RunConfig().replace(**{"direction.solver": "cg"}))
    expected = step_trace(load_state(question, quiet))
    window.wait_for_selector(f"{PLAYER} [data-go=next]")
    yield window, expected
    context.close()
    assert not errors, f"the browser's console reports: {errors}"


@pytest.fixture
def shared(opened):
    """The shared window at its first stage."""
    window, _ = opened
    window.emulate_media(reduced_motion="no-preference")
    window.locator(PLAYER).focus()
    window.locator(f"{PLAYER} input[type=range]").fill("0")
    window.wait_for_function(f"document.querySelector('{PLAYER}').dataset.stage === '0'")
    return window


@pytest.fixture
def trace(opened):
    """The trace of the default step."""
    return opened[1]


def open_player(page, server, query=""):
    page.goto(f"{server.url}/layers{query}")
    page.wait_for_selector(f"{PLAYER} [data-go=next]")


SEEN = """() => {
  const root = document.querySelector('.pp-slow')
  const all = (selector, read) => [...root.querySelectorAll(selector)].map(read)
  const checksum = (canvas) => {
    const { width, height } = canvas
    const { data } = canvas.getContext('2d').getImageData(0, 0, width, height)
    const mix = (sum, value, at) => (sum * 31 + value * ((at % 7) + 1)) % 1000003
    return [width, height, data.reduce(mix, 7)]
  }
  const number = (dd) => [dd.dataset.number, Number(dd.dataset.value)]
  return {
    stage: Number(root.dataset.stage),
    key: root.querySelector('.pp-equation').dataset.key,
    equation: root.querySelector('.pp-equation math').getAttribute('aria-label'),
    title: root.querySelector('h3').textContent,
    words: all('.pp-what, .pp-why', (p) => p.textContent),
    numbers: Object.fromEntries(all('[data-number]', number)),
    energy: all('.pp-bar-value', (value) => value.dataset.value),
    ticks: all('.pp-bar-tick', (tick) => tick.hidden || tick.style.left),
    lit: all('.pp-active', (box) => box.dataset.box),
    boxes: all('.pp-box', (box) => box.getAttribute('class') + box.textContent),
    dots: all('.pp-done', (dot) => dot.classList.contains('pp-on')),
    arc: root.querySelector('.pp-arc')?.getAttribute('d') ?? null,
    tiles: all('.pp-tile:not([hidden])', (tile) => tile.textContent),
    pixels: all('.pp-tile:not([hidden]) canvas:not([hidden])', checksum),
  }
}"""


def seen(page):
    """Return everything the player shows, as text and numbers."""
    return page.evaluate(SEEN)


def press(page, key, stage):
    page.keyboard.press(key)
    page.wait_for_function(f"document.querySelector('{PLAYER}').dataset.stage === '{stage}'")


def test_twenty_stages_forward_and_back_by_keyboard(shared, trace):
    page = shared
    frames = trace["frames"]
    assert len(frames) == 20
    # Nothing may be rebuilt or jump: the same elements stay, at the same place.
    page.evaluate(
        """() => {
          window.__player = document.querySelector('.pp-slow')
          window.__canvas = window.__player.querySelector('canvas')
          window.__gone = 0
          new MutationObserver((all) => all.forEach(({ removedNodes }) =>
            removedNodes.forEach((node) => node === window.__player && window.__gone++)
          )).observe(document.body, { childList: true, subtree: true })
        }"""
    )
    top = page.locator(f"{PLAYER} .pp-stage").bounding_box()["y"]
    forward = []
    for index, frame in enumerate(frames):
        if index:
            press(page, "ArrowRight", index)
        now = seen(page)
        assert now["key"] == frame["equation_key"]
        assert now["equation"] == frame["equation"]
        assert now["title"] == frame["title"]
        expected = {number["key"]: number["value"] for number in frame["numbers"]}
        assert now["numbers"] == pytest.approx(expected, rel=1e-9)
        lit = "loss" if frame["kind"] == "loss" else frame["variable"]
        assert now["lit"] == [f"{lit}-{frame['layer']}"]
        assert energies(now) == pytest.approx(energies_of(frame), rel=1e-9, abs=1e-15)
        assert page.locator(f"{PLAYER} .pp-stage").bounding_box()["y"] == top
        forward.append(now)
    press_at_end = seen(page)
    page.keyboard.press("ArrowRight")
    assert seen(page) == press_at_end
    for index in range(len(frames) - 2, -1, -1):
        press(page, "ArrowLeft", index)
        assert seen(page) == forward[index], f"stage {index} differs on the way back"
    assert page.evaluate("window.__player.isConnected && window.__canvas.isConnected")
    assert page.evaluate("window.__gone") == 0


def energies(now):
    return [float(text) if text else NOT_YET for text in now["energy"]]


def energies_of(frame):
    """Return what the bars must say: parts from the top down, explicit then implicit."""
    values = []
    sides = [frame["energy"][side]["after"] for side in ("explicit", "implicit")]
    hidden = len(sides[0]["linear"]) if sides[0] else 2
    values += [energy["total"] if energy else NOT_YET for energy in sides]
    values += [energy["data"] if energy else NOT_YET for energy in sides]
    for layer in range(hidden - 1, -1, -1):
        for part in ("activation", "linear"):
            values += [energy[part][layer] if energy else NOT_YET for energy in sides]
    return values


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_space_plays_and_jumps_reach_a_layer_whatever_motion_is_wanted(shared, motion):
    page = shared
    page.emulate_media(reduced_motion=motion)
    moves = page.evaluate(
        f"getComputedStyle(document.querySelector('{PLAYER} .pp-bar-fill')).transitionDuration"
    )
    assert moves == ("0s" if motion == "reduce" else "0.25s")
    page.select_option(f"{PLAYER} select", "600")
    page.locator(PLAYER).focus()
    page.keyboard.press("Space")
    page.wait_for_function(f"Number(document.querySelector('{PLAYER}').dataset.stage) >= 2")
    page.keyboard.press("Space")
    stopped = seen(page)["stage"]
    assert page.inner_text(f"{PLAYER} [data-go=play]") == "Play"
    page.click(f"{PLAYER} [data-layer='2']")
    now = seen(page)
    assert now["lit"] == ["theta-2"]
    assert now["stage"] > stopped


def test_ratios_on_the_page_are_the_cores(shared, trace):
    page = shared
    page.locator(".st-key-overshoot").scroll_into_view_if_needed()
    page.wait_for_selector(".st-key-overshoot .js-plotly-plot")
    drawn = page.evaluate(
        """() => document.querySelector('.st-key-overshoot .js-plotly-plot').data
             .map(({ name, text, x }) => [name, text[0], x[0]])"""
    )
    by_name = {name: [text for other, text, _ in drawn if other == name] for name, _, _ in drawn}
    hidden = [row for row in trace["measures"] if row["overshoot_matched"] is not None]
    assert len(hidden) == 2
    assert by_name["implicit"] == [f"{row['overshoot']:.3g}" for row in hidden]
    assert by_name["explicit, s = τ"] == [f"{row['overshoot_matched']:.3g}" for row in hidden]
    page.wait_for_selector("text=layer's own subproblem, not of training as a whole")
    checks = page.locator("[data-check]")
    assert checks.count() == len(trace["checks"]) == 5
    assert page.locator("[data-check][data-holds=true]").count() == 5


def test_the_legend_of_the_overshoots_stands_between_their_title_and_the_bars(shared):
    plot = shared.locator(".st-key-overshoot .pp-chart")
    plot.scroll_into_view_if_needed()  # it is drawn once it is in sight
    title = shared.get_by_role("heading", name="What is left of the change asked").bounding_box()
    legend = plot.locator(".pp-legend").bounding_box()
    bars = plot.locator(".shapelayer path").last.bounding_box()
    assert title["y"] + title["height"] <= legend["y"]
    assert legend["y"] + legend["height"] <= bars["y"]
    assert legend["x"] + legend["width"] <= 1280


def test_a_link_restores_the_controls_and_the_exact_step_has_no_iterations(page, server):
    open_player(page, server, "?of=conv&step=exact&tau=0.2")
    titles = page.inner_text(f"{PLAYER} .pp-count")
    assert titles == "stage 1 of 14"
    for stage in range(1, 14):
        press(page, "ArrowRight", stage)
    now = seen(page)
    assert now["numbers"]["tau"] == 0.2
    assert "implicit (exact)" in now["title"]
    assert any("rows: patches" in tile for tile in now["tiles"])
    assert "tau=0.2" in page.url


def test_a_run_along_its_steps_in_place_and_beside_another(page, server):
    store = Store(server.home / "proxprop.db")
    try:
        runs = [recorded(store, name, 10_000) for name in ("one", "two")]
        page.goto(f"{server.url}/layers?view=time&run={runs[0]}&with={runs[1]}")
        page.wait_for_selector(".st-key-multiples .scatterlayer .js-line")
        lines = "document.querySelector('.st-key-multiples .js-plotly-plot').data"
        drawn = page.evaluate(f"{lines}.map((line) => [line.name, line.x.length, line.x.at(-1)])")
        assert {name for name, points, _ in drawn if points} == {
            "one",
            "one, explicit step with s = τ",
            "two",
            "two, explicit step with s = τ",
        }
        points = [count for _, count, _ in drawn if count]
        assert max(points) <= 650  # of 10,000: thinned out on the server
        assert all(last == 10_000 for _, count, last in drawn if count)
        plot = "document.querySelector('.st-key-multiples .pp-plot')"
        page.evaluate(f"window.__plot = {plot}")
        store.append(runs[0], [point(10_020)])
        page.wait_for_function(f"{lines}.some((line) => line.x.at(-1) === 10020)")
        assert page.evaluate(
            "window.__plot === document.querySelector('.st-key-multiples .pp-plot')"
        )
    finally:
        for run in store.runs():
            if run.status != "ended":
                store.end(run.id, "finished", "")
        store.close()


def recorded(store, name, rows):
    config = RunConfig()
    run = store.create_run(config, process=Process.current(), name=name)
    store.append(run, [point(step) for step in range(1, rows + 1)], fields={"status": "running"})
    return run


def point(step):
    values = {}
    for index, layer in enumerate(("linear1", "linear2", "linear3")):
        values[f"update/{layer}"] = 10.0 ** -(index + step / 10_000)
        if index < 2:
            values[f"overshoot/{layer}"] = 0.5 + 0.4 * (step % 7) / 7
            values[f"overshoot_explicit/{layer}"] = 2.0 + step % 5
    return Point("layers", step=step, epoch=step / 15, seconds=step * 0.01, values=values)


def test_the_picture_is_above_the_fold_and_numbers_are_typeset(shared):
    page = shared
    page.evaluate("window.scrollTo(0, 0)")
    for stage in range(1, 13):
        press(page, "ArrowRight", stage)
    box = page.locator(f"{PLAYER} .pp-tiles").bounding_box()
    assert box["y"] + box["height"] <= 720
    assert page.locator(f"{PLAYER} .pp-equation math msubsup").count() > 0
    assert not re.search(r"\\[a-z]", page.locator(f"{PLAYER} .pp-stage").inner_text())
