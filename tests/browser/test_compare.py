"""The Compare page as a person uses it: the real server, real races, a real browser."""

from __future__ import annotations

import io
import os
import signal
import time

import pandas as pd
import pytest

from app.components.race_link import encode
from proxprop.spec.racing import default_race
from tests.browser.conftest import LONG
from tests.browser.writer import Writer

pytestmark = pytest.mark.browser

FRAMES = """() => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"""

CHART = ".st-key-race .js-plotly-plot"


def until(condition, seconds=LONG / 1000):
    """Wait for a condition outside the browser."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def open_compare(page, server, config=None, **query):
    if config is not None:
        query["form"] = encode(config)
    link = "&".join(f"{name}={value}" for name, value in query.items())
    page.goto(f"{server.url}/compare?{link}")
    page.wait_for_selector(".st-key-race .pp-bar")
    page.wait_for_selector(".st-key-transport button")


def start(page):
    page.click(".st-key-start button")
    page.wait_for_url("**race=*")
    return page.url.split("race=")[1].split("&")[0]


def lines(page):
    """Return name → points of the chart's lines with a name."""
    return page.evaluate(
        """(chart) => Object.fromEntries((document.querySelector(chart)?.data ?? [])
             .filter((trace) => trace.mode !== 'markers' && trace.fill !== 'toself')
             .map((trace) => [trace.name, [trace.x, trace.y].map((one) => [...(one ?? [])])]))""",
        CHART,
    )


def wait_for_lines(page, count, points):
    page.wait_for_function(
        f"""(document.querySelector('{CHART}')?.data ?? []).filter((trace) =>
              trace.mode !== 'markers' && (trace.x?.length ?? 0) >= {points}).length >= {count}"""
    )


def cells(page):
    """Return the table's rows as a person reads them."""
    return page.evaluate(
        """() => [...document.querySelectorAll('.race-table tr')].slice(1).map((row) =>
             [...row.cells].map((cell) => cell.innerText.trim().replace(/\\s+/g, ' ')))"""
    )


def wait_for_end(page, store, race):
    until(lambda: store.run(race).status == "ended")
    assert store.run(race).outcome == "finished", store.run(race).words
    page.wait_for_selector(".st-key-start button")
    page.wait_for_selector(".race-table")


def exported(page, format):
    """Return the file that the chart's export menu gives."""
    page.click(".st-key-race .pp-export summary")
    with page.expect_download() as download:
        page.click(f".st-key-race [data-export={format}]")
    return download.value.path().read_bytes()


def test_a_race_from_cards_to_a_permanent_link(page, server, store):
    open_compare(page, server, default_race().replace(**{"budget.epochs": 10}))
    page.click(".st-key-race-add button")
    page.wait_for_selector("text=implicit (exact), Adam")
    page.click(".st-key-c1-copy button")
    page.wait_for_selector("text=explicit, SGD + Nesterov (2)")
    page.click(".st-key-c5-remove button")
    page.wait_for_selector("text=explicit, SGD + Nesterov (2)", state="detached")
    race = start(page)
    assert len(store.run(race).config.contenders) == 4
    wait_for_lines(page, 4, 3)
    before = lines(page)
    wait_for_end(page, store, race)

    # Both axes at one click, the page not reloaded; the axis is in the link.
    page.evaluate("window.stayed = true")
    page.click(".st-key-race [data-axis=seconds]")
    page.wait_for_function(
        f"document.querySelector('{CHART}').layout.xaxis.title.text.includes('[s]')"
    )
    page.wait_for_url("**x=seconds*")
    assert page.evaluate("window.stayed") is True
    after = lines(page)
    assert set(before) == set(after)
    clock = store.points(race, "evaluations", 1)["seconds"]
    assert after["implicit (exact), SGD + Nesterov"][0] == pytest.approx(list(clock), rel=1e-4)

    # The target is dragged: the table answers and the link keeps it.
    handle = page.locator(".st-key-race .pp-target").bounding_box()
    middle = (handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0], middle[1] - 20, steps=4)
    page.mouse.move(middle[0], middle[1] - 40, steps=4)
    page.mouse.up()
    page.wait_for_url("**target.train_loss=*")
    target = float(page.url.split("target.train_loss=")[1].split("&")[0])
    assert target > 0.2
    page.wait_for_selector(f".race-table th:has-text('≤ {target:.3g}')")

    # What is taken away says the same as what stands in the table.
    drawn = pd.read_csv(io.BytesIO(exported(page, "csv")))
    assert set(drawn["label"]) == set(after)
    for row in cells(page):
        curve = drawn[drawn["label"] == row[0]]
        assert float(row[2]) == pytest.approx(curve["value"].iloc[-1], rel=6e-3)
        assert float(row[3]) == pytest.approx(curve["value"].min(), rel=6e-3)
        reached = curve[curve["value"] <= target].iloc[0]
        assert float(row[6]) <= reached["epoch"] + 0.01
        assert float(row[6]) > reached["epoch"] - 1.01

    # The link, in a second window: the same race, axis and target.
    second = page.context.new_page()
    second.goto(page.url)
    wait_for_lines(second, 4, 11)
    second.wait_for_selector(f".race-table th:has-text('≤ {target:.3g}')")
    assert lines(second) == lines(page)
    assert cells(second) == cells(page)


def test_a_diverging_contender_is_told_and_the_others_stay_readable(page, server, store):
    race = default_race().model_dump()
    race["contenders"][0]["optimizer"]["lr"] = 1e6
    config = default_race().parse({**race, "budget": {"epochs": 8}})
    open_compare(page, server, config)
    race_id = start(page)
    wait_for_end(page, store, race_id)
    page.wait_for_selector(".race-table tr[data-contender='0'] >> text=diverged")
    for contender in (1, 2):
        page.wait_for_selector(f".race-table tr[data-contender='{contender}'] >> text=finished")
    page.wait_for_function(f"document.querySelector('{CHART}').layout.annotations?.length")
    seen = page.evaluate(
        f"""() => {{ const {{ yaxis, annotations }} = document.querySelector('{CHART}').layout
              return {{ range: yaxis.range, words: annotations.map((one) => one.text) }} }}"""
    )
    assert seen["range"][1] < 2  # log10: far below the 1e14 of the one that left
    assert seen["words"][0].startswith("✕ explicit, SGD + Nesterov: diverged at step")
    assert [row[1].split()[-1] for row in cells(page)] == ["diverged", "finished", "finished"]
    assert store.run(race_id).outcome == "finished"


def test_seeds_are_a_mean_with_its_band(page, server, store):
    config = default_race().replace(seeds=3, **{"budget.epochs": 4})
    open_compare(page, server, config)
    race = start(page)
    wait_for_end(page, store, race)
    page.wait_for_selector(
        ".st-key-race .pp-label:has-text('implicit (exact), SGD + Nesterov (N = 3)')"
    )
    members = [store.points(race, "evaluations", member)["train_loss"] for member in (1, 4, 7)]
    expected = pd.concat(members, axis=1)
    drawn = pd.read_csv(io.BytesIO(exported(page, "csv")))
    chosen = drawn[drawn["label"].str.startswith("implicit")]
    mean = chosen[chosen["series"] == "mean/evaluations/train_loss"]["value"]
    std = chosen[chosen["series"] == "std/evaluations/train_loss"]["value"]
    assert list(mean) == pytest.approx(list(expected.mean(axis=1)), rel=1e-4)
    assert list(std) == pytest.approx(list(expected.std(axis=1)), rel=1e-3)
    bands = page.evaluate(
        f"document.querySelector('{CHART}').data.filter((trace) => trace.fill === 'toself').length"
    )
    assert bands == 3


def test_smoothing_looks_back_only_and_keeps_the_measured_values(page, server, store):
    open_compare(page, server, default_race().replace(**{"budget.epochs": 6}))
    race = start(page)
    wait_for_end(page, store, race)
    wait_for_lines(page, 3, 7)
    page.click(".st-key-race [data-smooth]")
    page.wait_for_url("**smooth=1*")
    measured = list(store.points(race, "evaluations", 0)["train_loss"])
    traces = page.evaluate(
        f"""() => document.querySelector('{CHART}').data
              .filter((trace) => trace.name === 'explicit, SGD + Nesterov')
              .map((trace) => [trace.opacity, trace.y])"""
    )
    (faint, raw), (full, smooth) = traces
    assert faint < full
    assert raw == pytest.approx(measured, rel=1e-4)
    assert smooth[0] == pytest.approx(measured[0], rel=1e-4)
    assert all(min(measured[: i + 1]) <= y * 1.0001 for i, y in enumerate(smooth))
    assert smooth[-1] > measured[-1]  # of a falling curve the past is higher


@pytest.mark.slow
def test_a_killed_worker_is_told_and_the_race_goes_on(page, server, store):
    open_compare(
        page, server, default_race().replace(**{"budget.epochs": 100000, "checkpoint.seconds": 0.5})
    )
    race = start(page)
    wait_for_lines(page, 3, 3)
    until(lambda: store.checkpoints(race))
    os.kill(store.run(race).pid, signal.SIGKILL)
    page.wait_for_selector(".pp-word:text('Interrupted')")
    kept = store.run(race).step
    page.reload()
    page.click(".st-key-resume button")
    page.wait_for_selector(".pp-word:text('Running')")
    until(lambda: store.run(race).step > kept)
    page.click(".st-key-pause button")
    page.wait_for_selector(".st-key-go button")
    page.click(".st-key-stop button")
    page.wait_for_selector(".pp-word:text('Stopped')")


def test_a_run_added_is_the_one_that_was_chosen(page, server, store):
    """Of runs that share their title, each entry of the list means its own."""
    made = [Writer(server.home) for _ in range(3)]
    for writer in made:
        writer.advance(40)
        writer.end("finished", "finished after 1 epochs")
    page.goto(f"{server.url}/compare?runs={made[0].run}")
    page.click(".st-key-race-added button")
    page.click(".st-key-race-added-ids input")
    page.locator(f"[role=option]:has-text('{made[2].run}')").click()
    page.wait_for_url(f"**runs={made[0].run}%2C{made[2].run}*")


def test_an_imported_curve_is_drawn_beside_the_race_and_removed(page, server, store, tmp_path):
    file = tmp_path / "elsewhere.csv"
    file.write_text("step,epoch,train_loss\n0,0,2\n15,1,0.5\n30,2,0.25\n")
    open_compare(page, server, default_race().replace(**{"budget.epochs": 2}))
    race = start(page)
    wait_for_end(page, store, race)
    page.click(".st-key-race-import button")
    page.locator("input[type=file]").set_input_files(file)
    wait_for_lines(page, 4, 3)
    name = "elsewhere (imported)"
    assert lines(page)[name] == [[0, 1, 2], [2, 0.5, 0.25]]
    look = page.evaluate(
        f"""document.querySelector('{CHART}').data.find(({{ name }}) => name === '{name}').line"""
    )
    assert look["dash"] == "dash"
    assert [row[1] for row in cells(page)][-1] == "↥ imported"
    page.keyboard.press("Escape")
    page.click(".st-key-race [data-axis=seconds]")  # which the file does not tell
    page.wait_for_function(
        f"!document.querySelector('{CHART}').data.some(({{ name }}) => name === '{name}')"
    )
    page.wait_for_selector("text=does not tell its seconds")
    page.click(".st-key-race [data-axis=step]")
    page.wait_for_function(
        f"document.querySelector('{CHART}').data.some(({{ name, x }}) => "
        f"name === '{name}' && x.at(-1) === 30)"
    )
    page.click(".st-key-race-import button")
    page.click(".st-key-race-import-clear button")
    page.wait_for_function(
        f"!document.querySelector('{CHART}').data.some(({{ name }}) => name === '{name}')"
    )


def test_a_contender_is_called_what_one_likes_and_rows_are_grouped(page, server, store):
    race = default_race().replace(**{"budget.epochs": 1})
    open_compare(page, server, race)
    page.click(".st-key-card-1 [data-testid=stPopoverButton]")
    page.click("[data-testid=stPopoverBody] summary:has-text('More')")
    page.fill(".st-key-c2-name input", "Ours & theirs")
    page.keyboard.press("Enter")
    page.wait_for_selector(".st-key-card-1 button:has-text('Ours & theirs')")
    page.keyboard.press("Escape")
    run = start(page)
    wait_for_end(page, store, run)
    assert "Ours & theirs" in lines(page)
    assert [row[0] for row in cells(page)][1] == "Ours & theirs"
    groups = page.locator(".st-key-race-grouped input")
    groups.scroll_into_view_if_needed()
    page.evaluate(FRAMES)  # a list that opens while the page scrolls closes again
    groups.click()
    page.get_by_role("option", name="grouped by optimizer").click()
    page.wait_for_selector(".race-table .group:has-text('Adam')")
    page.wait_for_url("**group=optimizer*")
    rows = [row[0] for row in cells(page)]
    assert [rows[0], rows[3]] == ["SGD + Nesterov", "Adam"]
    page.reload()  # the link keeps both
    page.wait_for_selector(".race-table .group:has-text('Adam')")
    assert [row[0] for row in cells(page)] == rows
    assert "Ours & theirs" in rows
