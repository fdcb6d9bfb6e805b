"""What the layers do: how much of a requested change their step leaves over, and how exactly."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import streamlit as st

from app.charts.curves import Trace
from app.charts.theme import BLUE, GREY, VERMILION
from app.components.network import layer_rows
from app.components.tiles import LiveTile, live_tiles
from app.live.chart import live_chart
from proxprop.runs.record import Run
from proxprop.spec.config import RunConfig

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
HEIGHT = 320
CAPTION = (
    "Each layer is asked to move its output Z by −ηΔ. Drawn is the share of that change left over "
    "after its weight step: below 1 the step helps, above 1 it overshoots. This speaks of the "
    "layer's own subproblem, not of training as a whole."
)

Layers = tuple[str, ...]


def number_tiles(run: Run, config: RunConfig) -> None:
    """Show where the run stands and where the time of a step goes."""
    _, proximal = layers_of(run, config)
    tiles = [
        LiveTile(
            "Accuracy", "0/evaluations/validation_accuracy", ".1%", help="Validation samples."
        ),
        LiveTile("Training loss", "0/evaluations/train_loss", symbol="J", help="All samples."),
        LiveTile("Forward", "0/steps/seconds_forward", "s", help="Forward pass of the last step."),
        LiveTile(
            "Backward", "0/steps/seconds_backward", "s", help="Backward pass, solves excluded."
        ),
        LiveTile("Solve", "0/steps/seconds_solve", "s", help="The layers' proximal problems."),
        LiveTile("Optimizer", "0/steps/seconds_optimizer", "s", help="Moving the weights."),
    ]
    if proximal and config.instruments.tier != "off":
        worst = "|".join(f"0/layers/residual/{name}" for name in proximal)
        help = "Largest relative residual of the layers' solves; how exact the implicit step is."
        tiles.append(LiveTile("Residual", worst, ".2g", help=help))
    live_tiles(run.id, tiles, key="tiles")


def layers_of(run: Run, config: RunConfig) -> tuple[Layers, Layers]:
    """Return the names of all layers with a weight, and of those that take implicit steps."""
    if run.started_info is not None:
        return run.started_info.layers, run.started_info.implicit
    names = tuple(row.name for row in layer_rows(config) if row.parameters)
    return names, names if config.direction.layers == "all" else names[:-1]


def instruments(run: Run, config: RunConfig) -> None:
    """Draw the layers' measures along the run."""
    if config.instruments.tier == "off":
        st.caption("Instruments are off for this run; switch them on under More.")
        return
    names, proximal = layers_of(run, config)
    left_over = [
        Trace(run.id, f"0/layers/{measure}/{name}", f"{step}, {name}", color, dash)
        for measure, step, color in (
            ("overshoot_explicit", "explicit, s = τ", VERMILION),
            ("overshoot", "implicit", BLUE),
        )
        for name, dash in zip(proximal, cycle(DASHES))
    ]
    updates = [
        Trace(run.id, f"0/layers/update/{name}", name, GREY, dash)
        for name, dash in zip(names, cycle(DASHES))
    ]
    common: dict[str, Any] = {"log_y": True, "x_switch": False, "height": HEIGHT}
    left, right = st.columns(2)
    with left:
        title = "What is left of the change asked of a layer"
        live_chart(left_over, key="overshoot", title=title, y_title="share left over", **common)
        st.caption(CAPTION)
    with right:
        title = "How far each layer moves in a step"
        live_chart(updates, key="updates", title=title, y_title="‖ΔΘ‖ / ‖Θ‖", **common)
