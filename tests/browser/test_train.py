"""The Train page as a person uses it: the real server, real runs, a real browser."""

from __future__ import annotations

import os
import signal
import time

import pytest

from app.train.presets import PRESETS
from proxprop.spec.config import RunConfig, to_query
from proxprop.spec.events import Mark
from tests.browser.conftest import LONG

pytestmark = pytest.mark.browser

ENDLESS = {"budget.epochs": "100000"}
LOSS = ".st-key-loss .js-plotly-plot"


def until(condition, seconds=LONG / 1000):
    """Wait for a condition outside the browser."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def open_train(page, server, **query):
    """Open the page by a link and wait for its buttons."""
    link = "&".join(f"{name}={value}" for name, value in query.items())
    page.goto(f"{server.url}/train?{link}")
    page.wait_for_selector(".st-key-transport button")


def start(page):
    """Press Start; return the run's id, which the URL then names."""
    page.click(".st-key-start button")
    page.wait_for_url("**run=*")
    return page.url.split("run=")[1].split("&")[0]


def traces(page, chart=LOSS):
    """Return name → points of what a chart shows."""
    return page.evaluate(
        """(chart) => Object.fromEntries((document.querySelector(chart)?.data ?? []).map(
             (trace) => [trace.name, [Array.from(trace.x ?? []), Array.from(trace.y ?? [])]]))""",
        chart,
    )


def wait_for_points(page, count):
    page.wait_for_function(
        f"""(document.querySelector('{LOSS}')?.data ?? [])
            .find((trace) => trace.name === 'mini-batch')?.x?.length >= {count}""",
        timeout=LONG,
    )


def exact(field):
    """Return where the exact value of a dial stands."""
    return f".st-key-dial-{field.replace('.', '-')} input[type=text]"


def turn(page, field, text):
    """Type a value into a field and commit it."""
    box = page.locator(exact(field))
    box.fill(text)
    box.press("Enter")


def shows(page, field, text):
    """Wait until a field shows `text`."""
    page.wait_for_function(f"document.querySelector('{exact(field)}')?.value === '{text}'")


def pause(page):
    page.click(".st-key-pause button")
    page.wait_for_selector(".st-key-go button")


def marks(store, run_id):
    return [row.event for row in store.events(run_id) if isinstance(row.event, Mark)]


def test_start_with_defaults_ends_above_ninety_percent(page, server, store):
    page.goto(server.url)
    page.get_by_role("link", name="Train").click()
    page.wait_for_selector(".st-key-start button")
    run_id = start(page)
    wait_for_points(page, 1)
    epochs = store.run(run_id).config.budget.epochs
    page.wait_for_selector(f"text=after {epochs:.0f} epochs")
    accuracy = store.run(run_id).summary["validation_accuracy"]
    assert accuracy > 0.9
    page.wait_for_selector(f".st-key-tiles >> text={100 * accuracy:.1f}")
    last = int(store.points(run_id, "steps")["step"].iloc[-1])
    page.wait_for_function(
        f"document.querySelector('{LOSS}').data.some((trace) => trace.x?.at(-1) === {last})"
    )
    page.wait_for_selector(".st-key-confusion >> text=Confusion")
    with page.expect_download() as download:
        page.click("text=Trained weights")
    assert download.value.suggested_filename == f"proxprop-{run_id}.safetensors"


def test_turned_while_it_runs_leaves_marks_at_their_steps(page, server, store):
    open_train(page, server, **ENDLESS)
    run_id = start(page)
    wait_for_points(page, 20)
    turn(page, "direction.tau", "0.5")
    until(lambda: len(marks(store, run_id)) == 1)
    turn(page, "optimizer.lr", "0.3")
    until(lambda: len(marks(store, run_id)) == 2)
    first, second = marks(store, run_id)
    assert first.changes == {"direction.tau": 0.5}
    assert second.changes == {"optimizer.lr": 0.3}
    assert 20 <= first.step < second.step
    page.wait_for_function(f"document.querySelector('{LOSS}').layout.shapes?.length >= 2")
    drawn = page.evaluate(
        f"""(() => {{ const {{ shapes, annotations }} = document.querySelector('{LOSS}').layout
             return [shapes.map((one) => one.x0), annotations.map((one) => one.text)] }})()"""
    )
    assert {first.step, second.step} <= set(drawn[0])
    assert any("τ 0.05 → 0.5" in label for label in drawn[1])
    assert any("η 1 → 0.3" in label for label in drawn[1])


def test_reload_and_second_window_miss_no_point(page, browser, server, store):
    open_train(page, server, **ENDLESS)
    run_id = start(page)
    wait_for_points(page, 10)
    page.reload()
    page.wait_for_selector(".st-key-pause button")
    wait_for_points(page, 60)
    pause(page)
    second = browser.new_page(bypass_csp=True)
    second.goto(f"{server.url}/train?run={run_id}")
    recorded = store.points(run_id, "steps")
    for window in (page, second):
        # Beyond about 600 points the charts thin out alike everywhere; the ends always stay.
        window.wait_for_function(
            f"""(document.querySelector('{LOSS}')?.data ?? [])
                .find((trace) => trace.name === 'mini-batch')?.x?.at(-1)
                === {recorded["step"].iloc[-1]}""",
            timeout=LONG,
        )
    assert traces(page) == traces(second)
    if len(recorded) <= 600:
        assert traces(page)["mini-batch"][0] == recorded["step"].tolist()
    assert second.locator(".st-key-go button").is_visible()
    second.close()


def test_one_batch_and_one_epoch_move_by_just_that(page, server, store):
    open_train(page, server, **ENDLESS)
    run_id = start(page)
    wait_for_points(page, 1)
    pause(page)
    until(lambda: store.run(run_id).status == "paused")
    before = store.run(run_id).step
    page.click(".st-key-step button")
    until(lambda: store.run(run_id).step == before + 1 and store.run(run_id).status == "paused")
    page.wait_for_selector(".st-key-go button")
    page.click(".st-key-epoch button")
    target = (before + 1) // 15 * 15 + 15
    until(lambda: store.run(run_id).step == target and store.run(run_id).status == "paused")


@pytest.mark.slow
def test_killed_worker_is_told_and_resume_goes_on(page, server, store):
    open_train(page, server, **{"budget.epochs": "100000", "checkpoint.seconds": "1"})
    run_id = start(page)
    wait_for_points(page, 30)
    until(lambda: store.checkpoints(run_id) != [])
    os.kill(store.run(run_id).pid, signal.SIGKILL)
    page.wait_for_selector(".st-key-resume button", timeout=10_000)  # 3 s on an idle machine
    page.wait_for_selector("text=Interrupted")
    kept = store.points(run_id, "steps")["step"].iloc[-1]
    assert kept >= 30
    assert traces(page)["mini-batch"][0][-1] >= 30
    page.click(".st-key-resume button")
    page.wait_for_selector(".st-key-pause button")
    until(lambda: store.run(run_id).step > kept)
    steps = store.points(run_id, "steps")["step"].to_list()
    assert steps == list(range(steps[0], steps[0] + len(steps)))


def test_pasted_link_restores_every_control_and_the_run_it_starts(page, server, store):
    config = RunConfig().replace(
        **{
            "data.name": "spirals",
            "data.noise": 0.0321,
            "model.widths": (24, 12),
            "batch_size": 77,
            "seed": 123,
            "direction.solver": "cg",
            "direction.cg_steps": 4,
            "direction.tau": 0.0717,
            "optimizer.lr": 2.37,
            "optimizer.explicit_lr": 0.011,
            "budget.epochs": 3.0,
        }
    )
    open_train(page, server, **to_query(config))
    shows(page, "direction.tau", "0.0717")
    shows(page, "direction.cg_steps", "4")
    shows(page, "optimizer.lr", "2.37")
    shows(page, "optimizer.explicit_lr", "0.011")
    assert page.get_by_role("button", name="Network 2-24-12-2").is_visible()
    assert page.get_by_role("button", name="Batch 77 · 3 epochs · seed 123").is_visible()
    run_id = start(page)
    assert store.run(run_id).config == config
    page.wait_for_selector("text=after 3 epochs")
    page.wait_for_selector(".st-key-boundary canvas, .st-key-boundary svg")


def test_url_follows_and_a_reload_keeps_it(page, server):
    open_train(page, server)
    turn(page, "optimizer.lr", "0.0375")
    page.wait_for_url("**optimizer.lr=0.0375*")
    page.reload()
    page.wait_for_selector(".st-key-start button")
    shows(page, "optimizer.lr", "0.0375")


def test_bad_value_is_refused_beside_its_field(page, server, store):
    runs = len(store.runs())
    open_train(page, server)
    turn(page, "direction.tau", "-1")
    words = page.wait_for_selector("text=Proximal step τ must be > 0, got -1.")
    field = page.locator(".st-key-dial-direction-tau").bounding_box()
    box = words.bounding_box()
    assert 0 <= box["y"] - (field["y"] + field["height"]) < 30
    assert page.locator(".st-key-start button").first.is_disabled()
    assert len(store.runs()) == runs
    turn(page, "direction.tau", "0.2")
    page.wait_for_selector(".st-key-start button:not([disabled])")
    assert words.is_hidden()


def test_preset_holds_after_a_folded_group_was_open(page, server, store):
    open_train(page, server)
    page.click(".st-key-group-data button")
    page.click(".st-key-choice-data-name input")
    page.get_by_role("option", name="Two moons").click()
    page.wait_for_selector(".st-key-text-data-noise input")  # the group stays open
    page.keyboard.press("Escape")
    page.wait_for_selector(".st-key-text-data-noise input", state="detached")
    page.get_by_role("button", name="Data Two moons").wait_for()
    preset = "Two spirals: explicit"
    page.click(".st-key-preset input")
    page.get_by_role("option", name=preset).click()
    page.get_by_role("button", name="Data Two spirals").wait_for()
    page.wait_for_url("**data.name=spirals*")
    run_id = start(page)
    assert store.run(run_id).config == PRESETS[preset]
