"""What is seen of a run: curves, boundary or predictions, numbers."""

from __future__ import annotations

import streamlit as st

from app.charts.theme import GREY, line_style
from app.live.chart import Trace, live_chart
from app.live.pictures import live_boundary, live_confusion, live_predictions
from app.live.status import live_status
from app.live.tiles import Tile, live_tiles
from proxprop.catalog.data import DATA
from proxprop.config import RunConfig
from proxprop.runs.record import Run

CHART = 340
TILES = (
    Tile("Accuracy", "0/evaluations/validation_accuracy", ".1%"),
    Tile("Training loss", "0/evaluations/train_loss", symbol="J"),
    Tile("Validation loss", "0/evaluations/validation_loss"),
    Tile("Forward", "0/steps/seconds_forward", "s", help="Time of the last step's forward pass."),
    Tile("Backward", "0/steps/seconds_backward", "s", help="Backward pass without the solves."),
    Tile("Solve", "0/steps/seconds_solve", "s", help="The layers' proximal problems."),
    Tile("Optimizer", "0/steps/seconds_optimizer", "s", help="Moving the weights."),
)


def picture(run: Run) -> None:
    """Show a run, live while it goes on and the same afterwards."""
    config = run.config
    assert isinstance(config, RunConfig)
    live_status(run.id, key="status")
    plane = DATA[config.data.name].kind == "toy"
    left, right = st.columns([1.35, 1])
    with left:
        loss_chart(run, config)
    with right:
        if plane:
            live_boundary(run.id, key="boundary", height=CHART)
        else:
            accuracy_chart(run, config)
    live_tiles(run.id, TILES, key="tiles")
    left, right = st.columns(2)
    with left:
        if plane:
            accuracy_chart(run, config)
        else:
            live_predictions(run.id, key="predictions")
    with right:
        live_confusion(run.id, key="confusion", height=CHART)


def loss_chart(run: Run, config: RunConfig) -> None:
    """Draw mini-batch, full training and validation loss."""
    style = line_style(config.direction.solver, config.optimizer.name)
    traces = [
        Trace(run.id, "0/steps/loss", "mini-batch", style.color, faint=True),
        Trace(run.id, "0/evaluations/validation_loss", "validation", GREY, "dot"),
    ]
    if config.evaluation.train:
        full = "0/evaluations/train_loss"
        traces.append(Trace(run.id, full, "training", style.color, style.dash, markers=True))
    live_chart(traces, key="loss", title="Loss", y_title="loss J", log_y=True, height=CHART)


def accuracy_chart(run: Run, config: RunConfig) -> None:
    """Draw how many validation (and training) samples are classified correctly."""
    style = line_style(config.direction.solver, config.optimizer.name)
    validation, train = "0/evaluations/validation_accuracy", "0/evaluations/train_accuracy"
    traces = [Trace(run.id, validation, "validation", style.color, style.dash, markers=True)]
    if config.evaluation.train:
        traces.insert(0, Trace(run.id, train, "training", GREY, "dot"))
    live_chart(
        traces,
        key="accuracy",
        title="Classified correctly",
        y_title="share of samples",
        y_format=".1%",
        x_switch=False,
        height=CHART,
    )
