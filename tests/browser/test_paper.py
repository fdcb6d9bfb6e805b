"""The Paper page as a lecturer opens it: figures equal to the recordings, links, both themes."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path

import pytest

from proxprop.paper.result import write_result
from tests.app.paper_results import batch, mlp, stability
from tests.browser.conftest import LONG, start_server, stop_server

pytestmark = pytest.mark.browser

PICTURE = ".st-key-paper-picture .pp-chart"


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory):
    """A dashboard with known recordings made here; those shipped are whatever they are."""
    home = tmp_path_factory.mktemp("paper-home")
    for result in (mlp(), batch(), stability()):
        write_result(result, home / "paper")
    running = start_server(home)
    try:
        running.wait_until_healthy()
        yield running
    finally:
        stop_server(running)


def wait_for(page, shown):
    page.wait_for_selector(f'{PICTURE}[data-drawn="{shown}"]', timeout=LONG)


def open_paper(page, dashboard, query=""):
    page.goto(f"{dashboard.url}/paper{query}")


def traces(page):
    """Return what is drawn: (label, x column, y column) → numbers."""
    found = page.evaluate(
        f"""() => document.querySelector('{PICTURE} .js-plotly-plot').data
          .filter((trace) => trace.meta?.about && trace.visible === true)
          .map(({{ meta, x, y }}) => ({{ about: meta.about, x: [...x], y: [...y] }}))"""
    )
    return {
        (one["about"]["contender"], one["about"]["x"], one["about"]["y"]): (one["x"], one["y"])
        for one in found  # the mean comes after its seeds
    }


def test_the_figure_is_the_recording(page, dashboard):
    open_paper(page, dashboard, "?recording=laptop-here")
    wait_for(page, "mlp-laptop-here")
    shown = traces(page)
    for contender in mlp().contenders:
        (recorded,) = contender.seeds
        for x, y in (
            ("epoch", "train_loss"),
            ("epoch", "validation_accuracy"),
            ("seconds", "train_loss"),
        ):
            pairs = zip(getattr(recorded, x), getattr(recorded, y), strict=True)
            there = [(at, value) for at, value in pairs if value is not None]
            assert shown[contender.label, x, y] == tuple(map(list, zip(*there)))
    rings = page.evaluate(
        f"""() => document.querySelector('{PICTURE} .js-plotly-plot').data
          .filter(({{ name }}) => name === 'target reached')
          .map(({{ x, y, text }}) => [x, y, text])"""
    )
    assert rings == [[[1.5], [1], ["implicit (exact)"]], [[18], [1], ["implicit (exact)"]]]
    page.get_by_text("1.5 of 4 epochs").wait_for()
    assert page.locator("tr[data-claim=exact-per-epoch] .verdict").first.inner_text() == (
        "✓ confirmed"
    )


def test_another_experiment_is_a_click_and_a_link(page, dashboard):
    open_paper(page, dashboard, "?recording=laptop-here")
    wait_for(page, "mlp-laptop-here")
    page.locator(".st-key-paper-bar").get_by_text("Step sizes").click()
    page.wait_for_url("**experiment=stability*", timeout=LONG)
    open_paper(page, dashboard, "?experiment=stability&recording=laptop-here")
    wait_for(page, "stability-laptop-here")
    assert traces(page)["implicit (exact)", "step_size", "loss"] == (
        [0.1, 1, 10],
        [2.1, 1.5, pytest.approx(0.6)],
    )
    page.reload()
    wait_for(page, "stability-laptop-here")
    open_paper(page, dashboard, "?experiment=batch&recording=laptop-here")
    wait_for(page, "batch-laptop-here")
    assert traces(page)["exact, batch 125", "tau", "train_loss"] == ([0.05, 0.2], [1.5, 1])


def test_lines_hide_and_losses_turn_linear(page, dashboard):
    open_paper(page, dashboard, "?recording=laptop-here")
    wait_for(page, "mlp-laptop-here")
    axis = f"document.querySelector('{PICTURE} .js-plotly-plot').layout.yaxis.type"
    assert page.evaluate(axis) == "log"
    page.locator(f"{PICTURE} [data-log]").click()
    page.wait_for_function(f"{axis} === 'linear'")
    before = len(traces(page))
    page.locator(f"{PICTURE} .pp-label", has_text="CG 3").click()
    page.locator(f"{PICTURE} .pp-label[aria-pressed=false]", has_text="CG 3").wait_for()
    assert len(traces(page)) == before - 3


def test_what_is_drawn_can_be_taken_away(page, dashboard, tmp_path):
    open_paper(page, dashboard, "?recording=laptop-here")
    wait_for(page, "mlp-laptop-here")

    def save(format):
        with page.expect_download(timeout=LONG) as caught:
            page.locator(f"{PICTURE} .pp-export summary").click()
            page.locator(f"{PICTURE} [data-export={format}]").click()
        path = tmp_path / f"figure.{format}"
        caught.value.save_as(path)
        return path

    rows = list(csv.DictReader(save("csv").open()))
    losses = [float(row["y_value"]) for row in rows if _is(row, "implicit (exact)", "seconds")]
    assert losses == [2.0, 1.25, 0.8, 0.4, 0.3]
    assert "Loss by seconds" in save("svg").read_text()
    assert save("png").read_bytes().startswith(b"\x89PNG")
    with page.expect_download(timeout=LONG) as caught:
        page.get_by_text("Recording (JSON)").click()
    assert json.loads(Path(caught.value.path()).read_text()) == mlp().model_dump(mode="json")


def _is(row, contender, x):
    return (row["contender"], row["x"], row["y"]) == (contender, x, "train_loss")


def test_the_dark_theme_has_its_colours(browser, dashboard):
    context = browser.new_context(color_scheme="dark", viewport={"width": 1280, "height": 720})
    window = context.new_page()
    try:
        open_paper(window, dashboard, "?recording=laptop-here")
        wait_for(window, "mlp-laptop-here")
        color = window.evaluate(
            f"""() => document.querySelector('{PICTURE} .js-plotly-plot').data
              .find(({{ meta }}) => meta?.label === 'implicit (exact)').line.color"""
        )
        assert color == "#3D9BDC"
    finally:
        context.close()


def test_the_page_opens_from_what_is_shipped_without_torch(page, dashboard):
    open_paper(page, dashboard)
    page.wait_for_selector(PICTURE, timeout=LONG)
    page.wait_for_selector(f"{PICTURE}[data-drawn]", timeout=LONG)
    began = time.perf_counter()
    page.reload()
    page.wait_for_selector(f"{PICTURE}[data-drawn]", timeout=LONG)
    print(f"the figure was drawn {time.perf_counter() - began:.2f} s after a reload")
    page.get_by_text("Claim by claim").wait_for()
    maps = Path(f"/proc/{dashboard.process.pid}/maps")
    if maps.exists():
        assert "libtorch" not in maps.read_text()
