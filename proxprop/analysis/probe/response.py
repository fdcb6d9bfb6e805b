"""What each kind of step does to each layer's own problem, from a probe's result. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from proxprop.analysis.filters import Array, cg_gain, cg_polynomial, exact_gain, explicit_gain
from proxprop.analysis.probe.result import LayerProbe


@dataclass(frozen=True)
class LayerView:
    """One layer at one τ and k.

    Attributes:
        probe: What was measured.
        tau: τ of the implicit steps, s of the explicit one.
        cg_steps: k.
        gains: Delivered over requested along each eigenvector, by step ("explicit", "exact",
            "cg"); CG's averaged over units with their request's energy. Shape: (r,).
        overshoot: ``‖φ(θ⁺, a) − z^{1/2}‖ / ‖φ(θ, a) − z^{1/2}‖`` by step.
    """

    probe: LayerProbe
    tau: float
    cg_steps: int
    gains: dict[str, Array]
    overshoot: dict[str, float]

    @property
    def condition(self) -> float:
        """``(1 + τλ_max)/(1 + τλ_min)`` of the system the implicit step solves."""
        return (1 + self.tau * self.probe.lambda_max) / (1 + self.tau * self.probe.lambda_min)


def layer_views(layers: tuple[LayerProbe, ...], tau: float, cg_steps: int) -> list[LayerView]:
    """Return gains and overshoots of every layer.

    Args:
        layers: A probe's layers.
        tau: τ, finite and > 0.
        cg_steps: k ≥ 1.
    """
    return [_view(layer, tau, cg_steps) for layer in layers]


def _view(layer: LayerProbe, tau: float, cg_steps: int) -> LayerView:
    values, energy = layer.eigenvalues, layer.energy
    gains = {"explicit": explicit_gain(values, tau), "exact": exact_gain(values, tau)}
    unreached = max(0.0, 1.0 - float(energy.sum()))
    overshoot = {
        step: float(np.sqrt(unreached + (energy * (1 - gain) ** 2).sum()))
        for step, gain in gains.items()
    }
    gains["cg"], left = _cg(layer, tau, cg_steps)
    overshoot["cg"] = float(np.sqrt(unreached + float(energy.sum()) * left))
    return LayerView(layer, tau, cg_steps, gains, overshoot)


def _cg(layer: LayerProbe, tau: float, cg_steps: int) -> tuple[Array, float]:
    """Return the mean gain along each eigenvector, and the share of the energy that is left."""
    values, request = layer.eigenvalues, layer.components
    polynomial = cg_polynomial(values, np.sqrt(values) * request, tau, cg_steps)
    per_unit = cg_gain(values, polynomial)
    squares = request**2
    along = squares.sum(axis=0)
    mean = (squares * per_unit).sum(axis=0) / np.maximum(along, np.finfo(np.float64).tiny)
    left = float((squares * (1 - per_unit) ** 2).sum() / max(along.sum(), 1e-300))
    return mean, left
