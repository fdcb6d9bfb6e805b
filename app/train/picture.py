"""What is seen of a run: curves, boundary or predictions, numbers."""

from __future__ import annotations

from functools import lru_cache

import streamlit as st

from app.charts.curves import Trace
from app.charts.theme import line_style
from app.components.layer_metrics import (
    activation_strip,
    instruments,
    number_tiles,
    strip_height,
)
from app.components.links import download_links
from app.components.notation import as_written, spelled
from app.components.run_settings import few_evaluations, single_config
from app.components.transport import queue_place
from app.live.chart import live_chart
from app.live.pictures import live_picture
from app.live.status import live_status
from app.services import get_service, get_store
from app.train.state import talking
from proxprop.runs.record import Run
from proxprop.spec.catalog.data import DATA
from proxprop.spec.config import RunConfig
from proxprop.spec.config.query import flatten

CHART, ROOM = 300, 450  # pixels at a desk, and at least in a lecture
LEAST = 210  # above the activations in a lecture
BESIDE_DIAL = 400  # pixels of a window that a dial, why a run diverged and the foot take at most
FOOT = 54  # pixels that the bar at the foot of a lecture takes
FILL = 640  # pixels of a large window that the rest takes, so that its tiles stay in sight
FEW = 60  # evaluations up to which each is drawn as a point


def picture(run: Run, changes: int) -> None:
    """Show a run, live while it goes on and the same afterwards.

    Args:
        run: It.
        changes: How many changes of its settings the form shows.
    """
    config = single_config(run)
    if run.foreign:
        st.warning(as_written(run.foreign))
    live_status(run, key="status", changes=changes)
    if run.status == "queued":
        _queue(run)
    why(run)
    plane = DATA[config.data.name].kind == "toy"
    left, right = st.columns([1.35, 1])
    with left:
        loss_chart(run, config)
    with right:
        if plane:
            live_picture("boundary", run.id, height=CHART)
        else:
            accuracy_chart(run, config)
    if step := activation_strip(run, config):
        st.switch_page("../pages/layers.py", query_params={"run": run.id, "at": str(step)})
    number_tiles(run, config)
    download_links(run)
    left, right = st.columns(2)
    with left:
        if plane:
            accuracy_chart(run, config)
        else:
            live_picture("predictions", run.id, height=CHART)
    with right:
        live_picture("confusion", run.id, height=CHART)
    instruments(run, config)


def picture_for_a_room(run: Run, changes: int) -> None:
    """Show a run as large as the window allows: how it stands, its loss, its boundary.

    Args:
        run: It.
        changes: How many changes of its settings the dial shows.
    """
    config = run.config
    assert isinstance(config, RunConfig)
    live_status(run, key="status", lecture=True, changes=changes)
    why(run)
    plane, dial = DATA[config.data.name].kind == "toy", talking(flatten(config))
    if not plane and dial:
        # The dial has taken the room of the rest.
        loss_chart(run, config, lecture=True, least=LEAST)
        return
    if not plane:
        rest = strip_height(run, config, lecture=True)
        loss_chart(run, config, lecture=True, rest=rest)
        activation_strip(run, config, lecture=True)
        return
    left, right = st.columns([1.35, 1])
    with left:
        loss_chart(run, config, lecture=True, least=LEAST if dial else ROOM)
    with right:
        fitted = {"height": LEAST, "fill": BESIDE_DIAL} if dial else {"height": ROOM}
        live_picture("boundary", run.id, **fitted)


def why(run: Run) -> None:
    """Say of a run that diverged which layers' step grew."""
    if run.outcome == "diverged" and (words := _growth(run.id, run.revision, run.step)):
        st.caption(as_written(spelled(words)))


@lru_cache(maxsize=32)
def _growth(run_id: str, revision: int, step: int) -> str:
    return get_store().divergence(get_store().run(run_id))


def loss_chart(
    run: Run, config: RunConfig, *, lecture: bool = False, rest: int = 0, least: int = ROOM
) -> None:
    """Draw mini-batch, full training and validation loss, above `rest` pixels of other things.

    Args:
        run: It.
        config: Its settings.
        lecture: Larger, as high as the window allows.
        rest: Pixels of a lecture's window that the rest takes below it.
        least: Pixels that it has at least in a lecture where nothing is below it.
    """
    color = line_style(config.direction.solver, config.optimizer.name).color
    traces = [Trace(run.id, "0/steps/loss", "mini-batch", color, faint=True)]
    if config.evaluation.train:
        traces.append(_own_line(run, config, "train_loss", "training"))
    traces.append(_own_line(run, config, "validation_loss", "validation"))
    live_chart(
        traces,
        key="loss",
        title="Loss",
        y_title="loss J",
        log_y=True,
        height=max(LEAST, least - rest) if lecture else CHART,
        fill=_fill(config) * (not lecture),
        below=(FOOT + rest) * lecture,
        lecture=lecture,
    )


def accuracy_chart(run: Run, config: RunConfig) -> None:
    """Draw how many validation (and training) samples are classified correctly."""
    traces = [_own_line(run, config, "validation_accuracy", "validation")]
    if config.evaluation.train:
        traces.insert(0, _own_line(run, config, "train_accuracy", "training"))
    live_chart(
        traces,
        key="accuracy",
        title="Classified correctly",
        y_title="share of samples",
        y_format=".1%",
        x_switch=False,
        follows="loss",
        height=CHART,
        fill=_fill(config),
    )


def _fill(config: RunConfig) -> int:
    """Return what the rest of the page takes where curves grow; beside a boundary they do not."""
    return 0 if DATA[config.data.name].kind == "toy" else FILL


def _own_line(run: Run, config: RunConfig, measure: str, label: str) -> Trace:
    """Return the line of a measure: training solid, validation dotted; few points are drawn."""
    style = line_style(config.direction.solver, config.optimizer.name)
    few = few_evaluations(config, FEW)
    series = f"0/evaluations/{measure}"
    dash = "dot" if measure.startswith("validation") else "solid"
    return Trace(run.id, series, label, style.color, dash, markers=few)


def _queue(run: Run) -> None:
    if place := queue_place(run):
        most = get_service().status().concurrency
        others = "one run goes" if most == 1 else f"{most} runs go"
        st.caption(f"{place}: {others} on at once on this machine.")
