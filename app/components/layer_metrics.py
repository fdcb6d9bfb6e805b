"""What the layers do: how much of a requested change their step leaves over, and how exactly."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import streamlit as st

from app.charts.curves import Trace
from app.charts.strip import Strip, height, strips
from app.charts.theme import BLUE, GREY, VERMILION
from app.components.activation_words import sentence
from app.components.network import layer_rows
from app.components.tiles import LiveTile, live_tiles
from app.live.chart import live_chart, show_figure
from app.services import get_store
from proxprop.runs.record import Run
from proxprop.spec.config import RunConfig

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
HEIGHT = 320
SENTENCE = 44  # pixels, with what is between
CAPTION = (
    "Each layer is asked to move its output Z by −ηΔ. Drawn is the share of that change left over "
    "after its weight step: below 1 the step helps, above 1 it overshoots. This speaks of the "
    "layer's own subproblem, not of training as a whole."
)

SHARE = (
    "Share left over: ‖φ(θ⁺) − z½‖ / ‖φ(θ) − z½‖, what a layer's output lacks of what was asked, "
    "after its step over before. A step overshoots where it is above 1."
)

ACTIVATIONS = "What a step does to the activations"
ACTIVATIONS_CAPTION = (
    "On a fixed batch of a few samples of each class: what the gradient asks of a layer’s output, "
    "−η∂J/∂z, against what the whole step makes of it. Warm: too far; cool: not all the way."
)
CLICK = " A click on a step opens it in slow motion."
EMPTY = "The strip appears here once the run has measured its layers."

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
    return layers_in(config)


def layers_in(config: RunConfig) -> tuple[Layers, Layers]:
    """Return the same of a run that has not begun."""
    names = tuple(row.name for row in layer_rows(config) if row.parameters)
    if config.direction.solver == "explicit":
        return names, ()
    return names, names if config.direction.layers == "all" else names[:-1]


def activation_strip(run: Run, config: RunConfig, *, lecture: bool = False) -> int | None:
    """Draw what each step does to the activations, layer by layer, as the run goes on.

    Returns:
        The step that was just clicked, if one was.
    """
    if config.instruments.tier == "off":
        return None
    return activation_strips(run, [Strip(run.id, *layers_of(run, config))], lecture=lecture)


def strip_height(run: Run, config: RunConfig, *, lecture: bool = False) -> int:
    """Return the pixels that a run's strip and the sentence below it take."""
    if config.instruments.tier == "off":
        return 0
    return height([Strip(run.id, *layers_of(run, config))], lecture=lecture) + SENTENCE


def activation_strips(run: Run, shown: list[Strip], *, lecture: bool = False) -> int | None:
    """Draw the strips of a run, or of a race's contenders on one scale; as `activation_strip`."""
    alone = len(shown) == 1
    result = show_figure(
        strips(shown, lecture=lecture),
        key="activations",
        title=ACTIVATIONS,
        height=height(shown, lecture=lecture),
        lecture=lecture,
        headed=not lecture,
        marks=alone,
        picks=alone,
        on_picked_change=lambda: None,
        empty=EMPTY,
    )
    said = [] if run.status in ("queued", "running") else [_said(strip) for strip in shown]
    said = [words for words in said if words]
    if lecture:  # from the last row nobody reads more than what this step did
        st.markdown("  \n".join(said))
    else:
        st.caption("  \n".join([*said, ACTIVATIONS_CAPTION + (CLICK if alone else "")]))
    picked = getattr(result, "picked", None)
    return int(picked["step"]) if picked else None


def _said(strip: Strip) -> str:
    """Return what the step measured last did."""
    point = get_store().last_point(strip.run, "layers", strip.member)
    words = sentence(point, strip.layers)
    whose = f"{strip.label}, step" if strip.label else "Step"
    return f"**{whose} {point['step']:.0f}.** {words}" if words else ""


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
    common: dict[str, Any] = {"log_y": True, "x_switch": False, "follows": "loss", "height": HEIGHT}
    left, right = st.columns(2)
    with left:
        title = "What is left of the change asked of a layer"
        share: dict[str, Any] = {"y_title": "share left over", "help": SHARE}
        live_chart(left_over, key="overshoot", title=title, **share, **common)
        st.caption(CAPTION)
    with right:
        title = "How far each layer moves in a step"
        live_chart(updates, key="updates", title=title, y_title="‖ΔΘ‖ / ‖Θ‖", **common)
