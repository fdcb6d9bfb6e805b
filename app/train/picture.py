"""What is seen of a run: curves, boundary or predictions, numbers."""

from __future__ import annotations

import streamlit as st

from app.charts.curves import Trace
from app.charts.theme import GREY, line_style
from app.components.layer_metrics import instruments, number_tiles
from app.components.links import download_links
from app.components.run_settings import few_evaluations
from app.components.transport import queue_place
from app.live.chart import live_chart
from app.live.pictures import live_picture
from app.live.status import live_status
from app.services import get_service
from proxprop.runs.record import Run
from proxprop.spec.catalog.data import DATA
from proxprop.spec.config import RunConfig

CHART = 340
FEW = 60  # evaluations up to which each is drawn as a point


def picture(run: Run) -> None:
    """Show a run, live while it goes on and the same afterwards."""
    config = run.config
    assert isinstance(config, RunConfig)
    seen = live_status(run.id, key="status")[run.id]
    if seen["status"] != run.status:
        st.rerun()  # it changed while the form was drawn: the buttons must follow
    if run.status == "queued":
        _queue(run)
    plane = DATA[config.data.name].kind == "toy"
    left, right = st.columns([1.35, 1])
    with left:
        loss_chart(run, config)
    with right:
        if plane:
            live_picture("boundary", run.id, height=CHART)
        else:
            accuracy_chart(run, config)
    number_tiles(run, config)
    download_links(run)
    left, right = st.columns(2)
    with left:
        if plane:
            accuracy_chart(run, config)
        else:
            live_picture("predictions", run.id, height=200)
    with right:
        live_picture("confusion", run.id, height=CHART)
    instruments(run, config)


def loss_chart(run: Run, config: RunConfig) -> None:
    """Draw mini-batch, full training and validation loss."""
    color = line_style(config.direction.solver, config.optimizer.name).color
    traces = [
        Trace(run.id, "0/steps/loss", "mini-batch", color, faint=True),
        Trace(run.id, "0/evaluations/validation_loss", "validation", GREY, "dot"),
    ]
    if config.evaluation.train:
        traces.append(_own_line(run, config, "train_loss", "training"))
    live_chart(traces, key="loss", title="Loss", y_title="loss J", log_y=True, height=CHART)


def accuracy_chart(run: Run, config: RunConfig) -> None:
    """Draw how many validation (and training) samples are classified correctly."""
    traces = [_own_line(run, config, "validation_accuracy", "validation")]
    if config.evaluation.train:
        traces.insert(0, Trace(run.id, "0/evaluations/train_accuracy", "training", GREY, "dot"))
    live_chart(
        traces,
        key="accuracy",
        title="Classified correctly",
        y_title="share of samples",
        y_format=".1%",
        x_switch=False,
        height=CHART,
    )


def _own_line(run: Run, config: RunConfig, measure: str, label: str) -> Trace:
    """Return the line of a measure in the run's own style; in few points, each is drawn."""
    style = line_style(config.direction.solver, config.optimizer.name)
    few = few_evaluations(config, FEW)
    series = f"0/evaluations/{measure}"
    return Trace(run.id, series, label, style.color, style.dash, markers=few)


def _queue(run: Run) -> None:
    if place := queue_place(run):
        most = get_service().status().concurrency
        others = "one run goes" if most == 1 else f"{most} runs go"
        st.caption(f"{place}: {others} on at once on this machine.")
