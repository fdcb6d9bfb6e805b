"""What one step does to each layer, as one table."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from proxprop.analysis.slow_motion.layer_step import LayerStep
from proxprop.penalty import PenaltyNetwork, Stage, SweepResult


class CgPaths:
    """Collects each layer's relative CG residual, iteration by iteration."""

    def __init__(self) -> None:
        self.residuals: dict[int, list[float]] = {}

    def take(self, stage: Stage) -> None:
        """Note a CG iteration."""
        if stage.cg is not None:
            self.residuals.setdefault(stage.layer, []).append(stage.cg.relative_residual)


def layer_measures(
    network: PenaltyNetwork,
    results: dict[str, SweepResult],
    overshoots: dict[int, float],
    matched: dict[int, float],
    residuals: dict[int, list[float]],
    layers: list[LayerStep],
) -> list[dict[str, Any]]:
    """Return one row of measures for each layer, first to last; None where there is no meaning.

    Args:
        network: The model as φ and σ.
        results: Outcomes of "explicit" and "implicit".
        overshoots: Of the implicit steps, by layer.
        matched: Of the explicit steps at s = τ, by layer.
        residuals: Of CG, by layer.
        layers: What the library's layers did.
    """
    by_name = {layer.name: layer for layer in layers}
    rows = []
    for affine in network.affine:
        index, own = affine.index, by_name.get(affine.name)
        rows.append(
            {
                "layer": index,
                "name": affine.name,
                "update_explicit": _relative(results["explicit"], index),
                "update_implicit": _relative(results["implicit"], index),
                **_requests(network, results["implicit"], index),
                "overshoot": overshoots.get(index),
                "overshoot_matched": matched.get(index),
                "cg_residuals": residuals.get(index, []),
                **_known(own),
            }
        )
    return rows


def _known(own: LayerStep | None) -> dict[str, Any]:
    if own is None:
        return {}
    return {
        "cosine": own.cosine,
        "bound": own.bound,
        "condition": own.condition,
        "lambda_max": own.lambda_max,
        "top_energy": list(own.top_energy),
        "overshoot_exact": own.overshoot_exact,
        "route": own.route,
        "seconds": own.seconds,
    }


def _relative(result: SweepResult, index: int) -> float:
    before, after = result.start.theta[index], result.end.theta[index]
    return float((after - before).norm() / before.norm())


def _requests(network: PenaltyNetwork, result: SweepResult, index: int) -> dict[str, Any]:
    if index not in result.start.z:
        return {"change_z": None, "change_a": None, "dead": None}
    change = result.end.z[index] - result.start.z[index]
    return {
        "change_z": float(change.norm()),
        "change_a": float((result.end.a[index] - result.start.a[index]).norm()),
        "dead": _dead(change, isinstance(network.layer(index).module, nn.Conv2d)),
    }


def _dead(change: Tensor, convolution: bool) -> float:
    """Return the share of units (channels) that no sample of the batch asks to change."""
    units = change.movedim(1 if convolution else -1, 0).flatten(1)
    return float((units == 0).all(dim=1).double().mean())
