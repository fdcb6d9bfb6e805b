"""The Stability page as a lecturer uses it: a real browser, numbers checked against the library."""

from __future__ import annotations

import csv
import math
import re

import numpy as np
import pytest

from proxprop.analysis.filters import cg_filter, cg_polynomial, exact_filter, explicit_filter
from proxprop.analysis.momentum import step_limit
from tests.analysis.quadratic import Quadratic, momentum_filter

pytestmark = pytest.mark.browser

VIEW = ".pp-quadratic"
SLIDER = f"{VIEW} input[data-control=%s]"
STEPS = 30


def open_quadratic(page, server, query=""):
    page.goto(f"{server.url}/stability{query}")
    page.wait_for_selector(f"{VIEW} .pp-said")


def drawn(page):
    """Return what is on the screen, as numbers; waits for the frame that is due."""
    return page.evaluate(
        f"""() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {{
            const view = document.querySelector('{VIEW}')
            done(JSON.parse(JSON.stringify(view.drawn, (_, value) =>
              typeof value === 'number' && !Number.isFinite(value) ? String(value) : value)))
        }})))"""
    )


def turn(page, name, value):
    """Move a slider as a hand does: its position changes and it says so."""
    page.locator(SLIDER % name).evaluate(
        "(slider, at) => { slider.value = at; slider.dispatchEvent(new Event('input')) }", value
    )


def write(page, name, text):
    """Type the exact number beside a slider."""
    box = page.locator(f"{VIEW} input[data-exact={name}]")
    box.fill(text)
    box.press("Enter")
    drawn(page)


def said(page):
    return page.locator(f"{VIEW} .pp-caption").inner_text()


def expected(values):
    """Return paths and factors over the spectrum, by the library."""
    quadratic = Quadratic((1.0, 1.0 / values["kappa"]), math.radians(values["angle"]))
    start, s, k, beta = (values["x"], values["y"]), values["s"], values["k"], values["beta"]
    eigenvalues = np.array(quadratic.eigenvalues)
    polynomial = cg_polynomial(eigenvalues, -eigenvalues * (start @ quadratic.axes), s, k)
    lines = {
        "explicit": (quadratic.explicit(start, s, STEPS), lambda v: explicit_filter(v, s)),
        "exact": (quadratic.implicit(start, s, STEPS), lambda v: exact_filter(v, s)),
        "cg": (quadratic.conjugate(start, s, k, STEPS), lambda v: cg_filter(v, polynomial)),
    }
    if beta:
        path = quadratic.explicit(start, s, STEPS, momentum=beta)
        lines["momentum"] = (path, lambda v: momentum_filter(s * np.asarray(v), beta))
    return quadratic, lines


def test_numbers_on_the_screen_are_the_librarys(page, server):
    open_quadratic(page, server, "?s=0.37&kappa=57&angle=-71&beta=0.62&k=2&x=0.93&y=-1.41")
    compare(drawn(page))
    for settings in (
        {"s": "31", "kappa": "3.3", "angle": "12", "beta": "0.9", "k": "3"},
        {"s": "2", "kappa": "1", "angle": "90", "beta": "0.31", "k": "1"},
        {"s": "2.2", "kappa": "10", "angle": "30", "beta": "0"},
    ):
        for name, text in settings.items():
            write(page, name, text)
        compare(drawn(page))


def compare(shown):
    """Hold what is on the screen against the library."""
    values = shown["values"]
    quadratic, lines = expected(values)
    assert set(shown["lines"]) == set(lines)
    close = {"rtol": 1e-10, "atol": 1e-10}
    for kind, (path, filter_) in lines.items():
        line = shown["lines"][kind]
        np.testing.assert_allclose(np.array(line["path"], float), path, **close)
        np.testing.assert_allclose(line["at"], filter_(quadratic.eigenvalues), **close)
        np.testing.assert_allclose(line["curve"], filter_(shown["lambda"]), **close)
    factors = {kind: line["factor"] for kind, line in shown["lines"].items()}
    assert factors["explicit"] == pytest.approx(quadratic.explicit_factor(values["s"]), rel=1e-10)
    assert factors["exact"] == pytest.approx(quadratic.implicit_factor(values["s"]), rel=1e-10)
    assert shown["limit"] == step_limit(1.0)
    assert shown["momentumLimit"] == pytest.approx(step_limit(1.0, values["beta"]), rel=1e-12)


def test_dragging_through_the_limit_turns_picture_and_words(page, server):
    open_quadratic(page, server)
    for exponent in [*np.linspace(-1.6, 1.6, 9), 0.3, 0.36, 1.69, -1.69, 1.2]:
        turn(page, "s", f"{exponent:.3f}")  # wildly, through the limit and back
        shown = drawn(page)
        s, ways = shown["values"]["s"], shown["ways"]
        words = said(page).replace("\n", " ")
        if s != 2:  # there it does neither
            assert f"explicit: {'grows' if s > 2 else 'shrinks'}" in words
        assert "implicit: shrinks" in words
        assert ways["exact"]["left"] is None
        assert ways["cg"]["left"] is None
        if not 2 <= s < 2.2:
            assert (ways["explicit"]["left"] is not None) == (s > 2), s
        assert shown["limitLambda"] == pytest.approx(2 / s, rel=1e-12)
    write(page, "s", "2.31")
    assert re.search(r"explicit:\s+grows ×1\.31 a step", said(page))
    assert re.search(r"implicit:\s+shrinks ×0\.812 a step", said(page))
    left = drawn(page)["ways"]["explicit"]["left"]
    assert (
        page.locator(f"{VIEW} svg text", has_text=f"left the picture at step {left}").count() == 1
    )
    # A browser's error ends the test in any case; here is the server's.
    assert "Traceback" not in server.log.read_text()
    # Nothing drawn may lie outside its picture.
    frame = page.locator(f"{VIEW} .pp-plane").bounding_box()
    for way in ("explicit", "exact", "cg"):
        box = page.locator(f"{VIEW} [data-way={way}] path").bounding_box()
        for side, length in (("x", "width"), ("y", "height")):
            assert box[side] >= frame[side] - 6
            assert box[side] + box[length] <= frame[side] + frame[length] + 6


def test_start_is_dragged_with_the_mouse_and_moved_with_keys(page, server):
    open_quadratic(page, server)
    box = page.locator(f"{VIEW} .pp-plane").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    unit = box["height"] / 4
    page.mouse.move(middle[0] - unit, middle[1] - unit)
    page.mouse.down()
    page.mouse.move(middle[0] + unit, middle[1] - 0.5 * unit, steps=5)
    page.mouse.up()
    values = drawn(page)["values"]
    assert (values["x"], values["y"]) == pytest.approx((1.0, 0.5), abs=0.02)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    moved = drawn(page)["values"]
    assert moved["x"] == pytest.approx(values["x"] - 0.05, abs=1e-9)
    assert moved["y"] == pytest.approx(values["y"] - 0.05, abs=1e-9)


def test_keys_turn_sliders_and_space_plays(page, server):
    open_quadratic(page, server)
    page.locator(SLIDER % "kappa").focus()
    page.keyboard.press("ArrowRight")
    assert drawn(page)["values"]["kappa"] == pytest.approx(10**1.01, abs=0.05)
    page.keyboard.press("Space")
    page.wait_for_function(f"document.querySelector('{VIEW}').drawn.values.n === 0")
    page.wait_for_function(f"document.querySelector('{VIEW}').drawn.values.n >= 2")
    shown = drawn(page)
    assert shown["ways"]["exact"]["points"] == shown["values"]["n"] + 1
    page.keyboard.press("Space")
    stopped = drawn(page)["values"]["n"]
    page.click(f"{VIEW} [data-do=step]")
    assert drawn(page)["values"]["n"] == stopped + 1
    page.click(f"{VIEW} [data-do=reset]")
    values = drawn(page)["values"]
    assert (values["n"], values["kappa"]) == (STEPS, 10)


def test_keys_step_back_and_forth_and_reset(page, server):
    open_quadratic(page, server, "?n=3&s=5")
    for key, n in (("ArrowRight", 4), ("ArrowLeft", 3), ("ArrowLeft", 2)):
        page.keyboard.press(key)
        assert drawn(page)["values"]["n"] == n
    assert drawn(page)["ways"]["exact"]["points"] == 3
    page.keyboard.press("0")
    values = drawn(page)["values"]
    assert (values["n"], values["s"]) == (STEPS, 2.2)
    # The start point and a field keep the arrows for themselves.
    page.locator(f"{VIEW} .pp-start").focus()
    page.keyboard.press("ArrowRight")
    page.locator(f"{VIEW} input[data-exact=s]").focus()
    page.keyboard.press("ArrowLeft")
    assert drawn(page)["values"]["n"] == STEPS


def test_link_holds_every_control_and_reload_restores_them(page, server):
    open_quadratic(page, server)
    write(page, "s", "3.1")
    write(page, "kappa", "42")
    turn(page, "angle", "-20")
    turn(page, "beta", "0.35")
    turn(page, "k", "2")
    turn(page, "n", "12")
    page.wait_for_url("**n=12*")
    before = drawn(page)
    for name, text in {"s": "3.1", "kappa": "42", "angle": "-20", "beta": "0.35", "k": "2"}.items():
        assert f"{name}={text}" in page.url
    page.reload()
    page.wait_for_selector(f"{VIEW} .pp-said")
    assert drawn(page) == before
    page.click(f"{VIEW} [data-do=reset]")
    page.wait_for_function("!window.location.search.includes('s=')")


def test_pictures_and_numbers_can_be_taken_away(page, server):
    open_quadratic(page, server, "?s=3")
    files = {}
    for name, format in (("trajectories", "csv"), ("factors", "csv"), ("trajectories", "svg")):
        figure = page.locator(f"{VIEW} figure", has=page.locator(f"[data-export={name}-{format}]"))
        with page.expect_download() as download:
            figure.locator("summary").click()
            figure.locator(f"[data-export={name}-{format}]").click()
        assert download.value.suggested_filename == f"proxprop-{name}.{format}"
        files[name, format] = download.value.path().read_text()
    shown = drawn(page)
    rows = list(csv.DictReader(files["trajectories", "csv"].splitlines()))
    last = [float(rows[-1]["exact_x"]), float(rows[-1]["exact_y"])]
    assert last == shown["lines"]["exact"]["path"][-1]
    rows = list(csv.DictReader(files["factors", "csv"].splitlines()))
    assert [float(row["explicit"]) for row in rows] == shown["lines"]["explicit"]["curve"]
    assert "Where do the steps lead?" in files["trajectories", "svg"]
    assert "left the picture at step" in files["trajectories", "svg"]


def test_bad_number_is_refused_beside_its_field(page, server):
    open_quadratic(page, server)
    write(page, "s", "-1")
    words = page.locator(f"{VIEW} [data-name=s] .pp-refusal")
    assert words.inner_text() == "Step size must be a number from 0.02 to 50, got “-1”."
    assert drawn(page)["values"]["s"] == 2.2
    write(page, "s", "1,5")
    assert drawn(page)["values"]["s"] == 1.5
    assert words.is_hidden()


def test_lecture_mode_is_large_and_nothing_is_cut(page, server):
    open_quadratic(page, server, "?lecture=1&s=3")
    for width, height, least in ((1280, 720, 24), (1920, 1080, 32)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(
            f"document.querySelector('{VIEW} .pp-plane')?.viewBox.baseVal.width > {width} / 3"
        )
        drawn(page)
        sizes = page.evaluate(
            f"""[...document.querySelectorAll('{VIEW} svg.pp-scene text')]
                  .map((text) => parseFloat(getComputedStyle(text).fontSize))"""
        )
        assert min(sizes) >= least  # CSS pixels; 24 are 18 pt
        bottom = page.locator(f"{VIEW} .pp-said").bounding_box()
        assert bottom["y"] + bottom["height"] <= height
        assert cut_off(page) == []


def cut_off(page):
    """Return the words that stick out of their picture."""
    return page.evaluate(
        f"""[...document.querySelectorAll('{VIEW} svg.pp-scene')].flatMap((scene) => {{
              const frame = scene.getBoundingClientRect()
              return [...scene.querySelectorAll('text')].filter((text) => {{
                const box = text.getBoundingClientRect()
                return box.left < frame.left - 1 || box.right > frame.right + 1
                  || box.top < frame.top - 3 || box.bottom > frame.bottom + 3
              }}).map((text) => text.textContent)
            }})"""
    )
