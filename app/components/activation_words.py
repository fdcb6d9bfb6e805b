"""What a step did to the activations, in one sentence that is true to the numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from app.components.notation import number

NEAR = 0.05  # relative difference from 1 that is called exact


def sentence(values: Mapping[str, float], layers: Sequence[str]) -> str:
    """Return what the step asked and made of the hidden layer that it served worst.

    Args:
        values: A point of the table "layers".
        layers: Names of all layers, first to last.

    Returns:
        A sentence; empty where the point says nothing of activations.
    """
    known = [name for name in layers[:-1] or layers if f"asked/{name}" in values]
    if not known:
        return ""
    broken = [name for name in known if not math.isfinite(values[f"made_all/{name}"])]
    if broken:
        return f"The change of layer {broken[0]} is not finite."
    idle = [name for name in known if not values[f"asked/{name}"] > 0]
    if idle:
        moved = values[f"made_all/{idle[0]}"]
        return f"Layer {idle[0]} was asked for nothing and moved by {percent(moved)}."
    worst = max(known, key=lambda name: abs(_decades(values[f"reach_all/{name}"])))
    asked, made = values[f"asked/{worst}"], values[f"made_all/{worst}"]
    return (
        f"Layer {worst} was asked to move by {percent(asked)} and moved by {percent(made)}: "
        f"{_verdict(values[f'reach_all/{worst}'])}."
    )


def percent(share: float) -> str:
    """Return a share as a person says it."""
    return f"{number(100 * share, 2)} %"


def _decades(reach: float) -> float:
    return math.log10(reach) if 0 < reach < math.inf else math.inf


def _verdict(reach: float) -> str:
    if reach > 1 + NEAR:
        return f"{number(reach, 2)} times too far"
    if reach < 1 - NEAR:
        return f"{percent(reach)} of the way"
    return "as far as asked"
