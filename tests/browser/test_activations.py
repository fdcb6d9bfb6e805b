"""What steps do to the activations, as a lecturer shows it: explicit, implicit, and τ turned."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch.nn.functional as F

from app.components.race_link import encode
from proxprop.analysis.curvature import NetworkCurvature
from proxprop.analysis.questions import SpectraQuestion
from proxprop.analysis.state import load_state
from proxprop.data.source import quiet
from proxprop.runs.process import Process
from proxprop.spec.config import RaceConfig, RunConfig, to_query
from proxprop.spec.events import Point
from proxprop.spec.racing import default_race
from tests.browser.test_train import turn

pytestmark = pytest.mark.browser

STRIP = ".st-key-activations .js-plotly-plot"
# Of each row of cells: whose it is, steps, and decades of made over asked.
CELLS = f"""() => (document.querySelector('{STRIP}')?.data ?? [])
  .filter(({{ type }}) => type === 'heatmap')
  .map(({{ meta, name, x, z }}) => [meta.series[0], name, [...x], [...z[0]]])"""
EVERY_STEP = {"instruments.tier": "cheap", "instruments.every": 1, "model.activation": "elu"}


def rows_of(page):
    """Return member → layer → decades by step."""
    rows = {}
    for member, layer, _, decades in page.evaluate(CELLS):
        rows.setdefault(int(member), {})[layer] = decades
    return rows


def twice_the_limit():
    """Return twice the step size up to which plain descent is stable at the initial weights."""
    config = RunConfig().replace(**{"model.activation": "elu"})
    state = load_state(SpectraQuestion(config=config), quiet)
    task = state.model, F.cross_entropy, state.inputs, state.targets
    return 2 * NetworkCurvature(*task).explicit_limit().limit


def test_past_the_limit_the_strip_is_warm_before_the_loss_rises_and_implicit_stays_cool(
    page, server, store
):
    lr = twice_the_limit()
    shared = {"activation": "elu", "widths": (128, 64)}
    optimizer = {"name": "sgd", "lr": lr}
    contenders = [
        {"direction": {"solver": solver}, "optimizer": optimizer}
        for solver in ("explicit", "exact")
    ]
    race = RaceConfig.parse(
        {
            **default_race().model_dump(exclude={"contenders", "search"}),
            **{"model": shared, "contenders": contenders, "budget": {"epochs": 1.0}},
            "instruments": {"tier": "cheap", "every": 1},
        }
    )
    page.goto(f"{server.url}/compare?activations=1&form={encode(race)}")
    page.click(".st-key-start button")
    page.wait_for_url("**race=*")
    race_id = page.url.split("race=")[1].split("&")[0]
    page.wait_for_function(
        f"() => ({CELLS})().some(([member, , x]) => member === '1' && x.at(-1) >= 15)"
    )
    rows = rows_of(page)
    explicit, implicit = rows[0], rows[1]
    losses = store.points(race_id, "steps", 0)["loss"].tolist()
    rise = next(step for step, loss in enumerate(losses) if loss > losses[0])
    assert rise >= 3  # steps at which nothing is seen in the loss
    for layer, decades in explicit.items():
        assert min(decades[:rise]) > 1, f"{layer} is not warm"
        assert decades[rise - 1] > decades[0] + 0.5, f"{layer} has not grown threefold"
    # From below upwards: the first layer has grown most after one step, the last one lags.
    growth = [decades[1] - decades[0] for decades in explicit.values()]
    assert growth == sorted(growth, reverse=True)
    for layer in ("linear1", "linear2"):  # the last one is explicit, and says so
        assert max(implicit[layer]) < 0, f"{layer} is not cool"
    assert "linear3 (explicit)" in page.inner_text(STRIP)
    page.wait_for_selector("text=times too far")


def test_turning_tau_shows_at_once_and_a_pause_says_what_is_seen(page, server, store):
    config = RunConfig().replace(
        **EVERY_STEP,
        **{"optimizer.name": "sgd", "optimizer.lr": 0.01, "direction.tau": 0.001},
        **{"budget.epochs": 100_000.0},
    )
    link = "&".join(f"{name}={value}" for name, value in to_query(config).items())
    page.goto(f"{server.url}/train?{link}")
    page.click(".st-key-start button")
    page.wait_for_selector(".st-key-pause button")
    page.wait_for_function(f"() => ({CELLS})()[0]?.[2].length > 20")
    turn(page, "direction.tau", "1")
    # A thousandfold τ on a step far from its limit: ten times as much of what is asked.
    page.wait_for_function(f"() => ({CELLS})().some(([, , , z]) => z.at(-1) > z[0] + 0.7)")
    page.click(".st-key-pause button")
    page.wait_for_selector(".st-key-go button")
    page.wait_for_selector("text=Layer linear")  # the sentence of the step it stopped at


def test_a_finished_run_is_there_at_once_saved_as_a_table_and_clicked(page, server, store):
    layers = [f"linear{index}" for index in range(1, 7)]
    config = RunConfig().replace(**{"model.widths": (8, 8, 8, 8, 8)})
    run_id = store.create_run(config, process=Process.current())
    store.append(run_id, [point(step, layers) for step in range(1, 10_001)])
    store.end(run_id, "finished", "")
    page.goto(f"{server.url}/train?run={run_id}")
    page.wait_for_function(f"() => ({CELLS})().some(([, , x]) => x.at(-1) === 10000)")
    drawn = page.evaluate(CELLS)
    assert [name for _, name, _, _ in drawn] == layers
    assert all(len(steps) <= 650 for _, _, steps, _ in drawn)  # thinned out on the server
    with page.expect_download() as download:
        page.click(".st-key-activations summary")
        page.click(".st-key-activations [data-export=csv]")
    head, *rows = download.value.path().read_text().splitlines()
    assert head == "run,series,label,step,epoch,seconds,value"
    assert f"{run_id},0/layers/reach_all/linear6,linear6,10000," in "\n".join(rows)
    for format in ("svg", "png"):
        with page.expect_download() as download:
            page.click(".st-key-activations summary")
            page.click(f".st-key-activations [data-export={format}]")
        assert download.value.path().stat().st_size > 5_000
    box = page.locator(f"{STRIP} .nsewdrag").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2)
    page.wait_for_url("**/layers?*at=*")
    assert 2_500 < int(page.url.split("at=")[1]) < 3_500


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
def test_a_room_reads_the_name_of_every_row_and_the_loss_above(page, server, store, size):
    layers = [f"linear{index}" for index in range(1, 7)]
    config = RunConfig().replace(**{"model.widths": (8, 8, 8, 8, 8)})
    run_id = store.create_run(config, process=Process.current())
    losses = [Point("steps", step, step / 15, step / 100, {"loss": 1 / step}) for step in (1, 90)]
    store.append(run_id, [*losses, *(point(step, layers) for step in range(1, 91))])
    store.end(run_id, "finished", "")
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{server.url}/train?run={run_id}&lecture=1")
    page.wait_for_function(f"() => ({CELLS})().length === 6")
    page.wait_for_selector(".st-key-loss .js-plotly-plot .ytick")
    names = page.evaluate(
        f"""() => [...document.querySelectorAll('{STRIP} .ytick text')].map((text) => {{
          const {{ top, bottom }} = text.getBoundingClientRect()
          return {{ top, bottom, name: text.textContent, size: parseFloat(text.style.fontSize) }}
        }})"""
    )
    names = sorted((row for row in names if row["name"]), key=lambda row: row["top"])
    assert [row["name"].split()[0] for row in names] == layers
    assert all(row["size"] >= 24 * size[1] / 720 for row in names)
    assert all(upper["bottom"] <= lower["top"] + 2 for upper, lower in pairwise(names))
    bar = page.locator(".pp-talk").bounding_box()
    assert names[-1]["bottom"] < bar["y"]
    plot = page.locator(".st-key-loss .nsewdrag").first.bounding_box()
    assert plot["height"] >= size[1] / 10


def point(step, layers):
    """Return a made-up point whose ratio swings around 1."""
    values = {}
    for index, layer in enumerate(layers):
        reach = 10 ** math.sin(step / 300 + index)
        values |= {f"asked/{layer}": 0.01, f"made_all/{layer}": 0.01 * reach}
        values[f"reach_all/{layer}"] = reach
    return Point("layers", step, step / 15, step / 100, values)
