"""Spectra and step-size limits: of one layer's subproblem, and of a whole network.

Two different questions, kept apart throughout. ``2/λ_max(ÃᵀÃ)`` limits explicit steps iterated on a
layer's own least-squares problem with a fixed target. Training is limited by ``2/λ_max(∇²J)`` for
plain gradient descent and by ``2/λ_max(P∇²J)``, ``P = (ÃᵀÃ + I/τ)⁻¹``, for ProxProp.

``filters``, ``momentum`` and ``quadratic`` need NumPy only; what needs torch loads on first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

from proxprop.analysis.spectrum.filters import (
    CgPolynomial,
    angle_bound,
    cg_filter,
    cg_gain,
    cg_polynomial,
    exact_filter,
    exact_gain,
    explicit_filter,
    explicit_gain,
    network_angle_bound,
    overshoot,
)
from proxprop.analysis.spectrum.momentum import (
    limit_factor,
    momentum_filter,
    momentum_roots,
    step_limit,
)
from proxprop.analysis.spectrum.quadratic import Quadratic

if TYPE_CHECKING:
    from proxprop.analysis.spectrum.krylov import LanczosResult, lanczos
    from proxprop.analysis.spectrum.layer import (
        GramSpectrum,
        layer_inputs,
        layer_spectra,
        layer_spectrum,
    )
    from proxprop.analysis.spectrum.network import NetworkCurvature, NetworkLimit
    from proxprop.analysis.spectrum.response import LayerResponse, layer_requests, layer_response

__all__ = [
    # filters of a layer's subproblem
    "explicit_filter",
    "exact_filter",
    "cg_filter",
    "explicit_gain",
    "exact_gain",
    "cg_gain",
    "cg_polynomial",
    "CgPolynomial",
    "overshoot",
    "angle_bound",
    "network_angle_bound",
    # limits with momentum
    "step_limit",
    "limit_factor",
    "momentum_roots",
    "momentum_filter",
    # a quadratic to play with
    "Quadratic",
    # measured spectra of layers (torch)
    "GramSpectrum",
    "layer_spectrum",
    "layer_spectra",
    "layer_inputs",
    "LayerResponse",
    "layer_response",
    "layer_requests",
    # limits of a network (torch)
    "NetworkCurvature",
    "NetworkLimit",
    "lanczos",
    "LanczosResult",
]

_LAZY = {
    "GramSpectrum": "layer",
    "layer_spectrum": "layer",
    "layer_spectra": "layer",
    "layer_inputs": "layer",
    "LayerResponse": "response",
    "layer_response": "response",
    "layer_requests": "response",
    "NetworkCurvature": "network",
    "NetworkLimit": "network",
    "lanczos": "krylov",
    "LanczosResult": "krylov",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'proxprop.analysis.spectrum' has no attribute {name!r}")
    return getattr(importlib.import_module(f"proxprop.analysis.spectrum.{_LAZY[name]}"), name)
