"""Real layers and the map of a whole network, as a person sees them."""

from __future__ import annotations

import csv
import math
import re
import time

import pytest

from app.stability import limits
from proxprop.runs.process import Process
from proxprop.runs.results import sweep_map
from proxprop.spec.config import SweepConfig
from proxprop.spec.events import Artifact, Point
from proxprop.spec.sweeping import Board, RunResult
from tests.browser.conftest import LONG

pytestmark = pytest.mark.browser

PLOT = ".st-key-layers-figure .js-plotly-plot"
CELLS = ".st-key-map .pp-map [data-outcome]"
METHODS = (
    {
        "direction": {"solver": "explicit"},
        "optimizer": {"name": "sgd"},
        "lr": {"low": 0.05, "high": 5e4, "count": 4},
    },
    {
        "direction": {"solver": "exact"},
        "optimizer": {"name": "sgd", "explicit_lr": 0.1},
        "tau": {"low": 0.01, "high": 10.0, "count": 4},
    },
)
SWEEP = SweepConfig.parse(
    {"model": {"name": "mlp", "widths": (6,)}, "steps": 12, "seeds": 2, "methods": METHODS}
)


def finished_sweep(store):
    """Write down a sweep that needs no training: it belongs to nobody and has ended."""
    board = Board(SWEEP, 2.3)
    for member in range(16):
        bad = member in (4, 6, 7)  # the explicit method's larger step sizes
        board.results[member] = RunResult(
            "diverged" if bad else "finished", "", 12, 1 / (member + 1), 0.5
        )
    point = {"lr": 30.0, "tau": None, "s": 30.0}
    board.limits[0, 0] = {"seed": 0, "points": [point], "sharpness": 1 / 15, "words": "η < 30"}
    run_id = store.create_run(SWEEP, process=Process.current())
    payload = board.payload()
    points = [
        Point("steps", step, step / 13, step / 100, {"loss": 2 / step}, m)
        for m in range(16)
        for step in range(1, 13)
    ]
    store.append(
        run_id,
        points,
        artifacts=[Artifact("map", 16, payload)],
        fields={"status": "running", "step": 12},
    )
    store.end(run_id, "finished", "13 finished, 3 diverged", summary={})
    return run_id


def line(page, name):
    """Return x and y of a named line of the first layer."""
    return page.evaluate(
        f"""(name) => {{
            const trace = document.querySelector('{PLOT}')?.data?.find((one) => one.name === name)
            return trace && [Array.from(trace.x), Array.from(trace.y)]
        }}""",
        name,
    )


def wait_for_line(page, name):
    page.wait_for_function(
        f"""(name) => document.querySelector('{PLOT}')?.data?.some((one) => one.name === name)""",
        arg=name,
    )
    return line(page, name)


def test_real_layers_are_measured_and_turn_with_tau(page, server):
    page.goto(f"{server.url}/stability?view=Real+layers")
    x, y = wait_for_line(page, "implicit (exact), τ = 0.05")
    assert y == pytest.approx([1 / (1 + 0.05 * value) for value in x], rel=1e-9)
    names = page.locator(f"{PLOT} .annotation", has_text=re.compile("^. (explicit|implicit|CG 3)$"))
    names.nth(2).wait_for()  # beside the lines, each once
    shown = sorted(text[2:] for text in names.all_text_contents())
    assert shown == ["CG 3", "explicit", "implicit"]
    with page.expect_download() as download:
        page.click(".st-key-layers-figure .pp-export summary")
        page.click(".st-key-layers-figure [data-export=csv]")
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    exact = [row for row in rows if (row["layer"], row["step"]) == ("linear1", "implicit")]
    assert [float(row["factor"]) for row in exact] == pytest.approx(y, rel=1e-12)
    drawn = page.locator(f"{PLOT} .draglayer").first.element_handle()
    page.wait_for_selector(".stMetric >> text=η <")
    assert page.locator("text=not training").count() == 1
    page.locator(".st-key-tau input").focus()
    page.keyboard.press("ArrowRight")
    x, y = wait_for_line(page, "implicit (exact), τ = 0.1")
    assert y == pytest.approx([1 / (1 + 0.1 * value) for value in x], rel=1e-9)
    assert drawn.evaluate("(element) => element.isConnected")  # redrawn in place: no flicker
    page.wait_for_url("**tau=0.1*")
    page.reload()
    wait_for_line(page, "implicit (exact), τ = 0.1")


def test_map_fills_in_and_a_cell_opens_its_curve_and_its_run(page, server, store):
    run_id = store.create_run(SWEEP)  # the server's service takes it from the queue
    page.goto(f"{server.url}/stability?sweep={run_id}")
    page.wait_for_function(
        f"""(() => {{
            const cells = [...document.querySelectorAll('{CELLS}')]
            return cells.length === 16 && cells.every((cell) => cell.dataset.outcome !== 'pending')
        }})()"""
    )
    deadline = time.monotonic() + LONG / 1000
    while store.run(run_id).status != "ended":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    payload = sweep_map(store, run_id)
    shown = page.evaluate(
        f"[...document.querySelectorAll('{CELLS}')].map((cell) => cell.dataset.outcome)"
    )
    known = [outcome for method in payload["methods"] for o in method["outcomes"] for outcome in o]
    assert sorted(shown) == sorted(known)
    assert "diverged" in shown
    limit = payload["methods"][0]["limits"][0]["points"][0]["s"]
    assert math.isfinite(limit)
    page.wait_for_selector(".st-key-map [data-predicted=explicit]", state="attached")
    with page.expect_download() as download:
        page.click(".st-key-map .pp-export summary")
        page.click(".st-key-map [data-export=map-csv]")
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    assert [row["outcome"] for row in rows] == known
    losses = [x for method in payload["methods"] for cell in method["losses"] for x in cell]
    assert [float(r["train_loss"]) if r["train_loss"] else None for r in rows] == losses
    cell = page.locator(CELLS).nth(15).bounding_box()
    page.mouse.click(cell["x"] + cell["width"] / 2, cell["y"] + cell["height"] / 2)
    page.wait_for_url("**cell=7*")
    page.wait_for_function(
        """document.querySelector('.st-key-cell .js-plotly-plot')?.data
             ?.find((trace) => trace.name === 'seed 0')?.x?.at(-1) === 12"""
    )
    drawn = page.evaluate(
        """Array.from(document.querySelector('.st-key-cell .js-plotly-plot').data
             .find((trace) => trace.name === 'seed 0').y)"""
    )
    assert drawn == pytest.approx(store.points(run_id, "steps", 14)["loss"].tolist(), rel=1e-5)
    page.click(".st-key-open button")
    page.wait_for_url("**/train?*direction.tau=10*")


def test_a_map_is_walked_with_keys_and_its_files_can_be_taken(page, server, store):
    run_id = finished_sweep(store)
    page.goto(f"{server.url}/stability?sweep={run_id}")
    page.wait_for_selector(CELLS, state="attached")
    page.locator(".st-key-map svg[role=application]").focus()
    for key in ("ArrowRight", "ArrowLeft", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url("**cell=5*")  # below s = 0.05: s = 0.1
    page.click(".st-key-close button")
    page.wait_for_function("!window.location.search.includes('cell=')")
    for name, start in (("config.json", "{"), ("points.csv", "member,")):
        answer = page.request.get(f"{server.url}/api/runs/{run_id}/{name}")
        assert answer.ok
        assert answer.text().startswith(start)
        assert page.locator(f".proxprop-links a[href='api/runs/{run_id}/{name}']").count() == 1
    text = page.locator(".st-key-below").inner_text()
    for line in limits.reading(sweep_map(store, run_id)):
        assert line.replace("**", "") in text


def test_two_maps_are_chosen_and_linked(page, server, store):
    left, right = finished_sweep(store), finished_sweep(store)
    page.goto(f"{server.url}/stability?sweep={left}&beside={right}&lecture=1")
    for key in ("map", "map-beside"):
        page.wait_for_selector(f".st-key-{key} [data-outcome]", state="attached")
        assert page.locator(f".st-key-{key} [data-outcome]").count() == 16
    page.wait_for_function(
        """[...document.querySelectorAll('.pp-map svg text')]
             .every((text) => parseFloat(getComputedStyle(text).fontSize) >= 18)"""
    )
    cut = page.evaluate(
        """[...document.querySelectorAll('.pp-map svg')].flatMap((scene) => {
             const frame = scene.getBoundingClientRect()
             return [...scene.querySelectorAll('text')].filter((text) => {
               const box = text.getBoundingClientRect()
               return box.left < frame.left - 1 || box.right > frame.right + 1
                 || box.top < frame.top - 3 || box.bottom > frame.bottom + 3
             }).map((text) => text.textContent)
           })"""
    )
    assert cut == []


def test_a_sweep_stops_when_told(page, server, store):
    endless = SWEEP.replace(steps=100_000, seed=9)
    run_id = store.create_run(endless)
    page.goto(f"{server.url}/stability?sweep={run_id}")
    page.click(".st-key-stop button")
    # What goes on depends on how far it came: from a saved block, or from the beginning.
    page.wait_for_selector(".st-key-resume button, .st-key-begin-again button")
    assert store.run(run_id).outcome == "stopped"
