"""Algorithms 1 and 2 of Frerix et al. 2018, carried out literally, one stage at a time.

Backpropagation is a sweep of gradient steps on a quadratic penalty (Algorithm 1); ProxProp is the
same sweep with an implicit step for the hidden weights (Algorithm 2). This package performs both on
the penalty itself. It is the reference the layers are tested against, so it shares no solver with
them, and the engine of the step-through page, so every intermediate value is kept.
"""

from proxprop.penalty.conjugate import conjugate_gradients
from proxprop.penalty.equations import EQUATIONS
from proxprop.penalty.network import Affine, PenaltyNetwork
from proxprop.penalty.problem import Energy, Variables
from proxprop.penalty.stages import Stage, StageKind, SweepResult
from proxprop.penalty.sweeps import Sweep, collect, explicit_sweep, proximal_sweep

__all__ = [
    # the two algorithms
    "explicit_sweep",
    "proximal_sweep",
    "collect",
    "Sweep",
    # what a sweep yields
    "Stage",
    "StageKind",
    "SweepResult",
    "EQUATIONS",
    # the penalty
    "Energy",
    "Variables",
    # its parts
    "Affine",
    "PenaltyNetwork",
    "conjugate_gradients",
]
