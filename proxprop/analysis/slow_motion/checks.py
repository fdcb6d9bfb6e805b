"""What must hold at the state shown, checked in float64: the errors, and whether they pass."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from proxprop.analysis.slow_motion.layer_step import LayerStep
from proxprop.analysis.slow_motion.numbers import Steps
from proxprop.analysis.slow_motion.plain import PlainPass
from proxprop.analysis.slow_motion.source import State
from proxprop.penalty import PenaltyNetwork, Stage, StageKind, SweepResult

AUTOGRAD_TOLERANCE = 1e-12
EXACT_TOLERANCE = 1e-10
# Iterates of two correct CG codes drift apart with the number of steps (docs/theory.md).
CG_TOLERANCE = 1e-7
MANY_CG_STEPS = 5


@dataclass(frozen=True)
class Check:
    """One thing that must hold.

    Attributes:
        key: Its name in the JSON.
        claim: What must hold, in words.
        holds: Whether it does.
        found: The number it was judged by, in words.
        value: That number.
        bound: What it was compared with.
    """

    key: str
    claim: str
    holds: bool
    found: str
    value: float
    bound: float


@dataclass
class Objectives:
    """Collects every layer's proximal objective along the sweep: start, each iterate, end."""

    values: dict[int, list[float]] = field(default_factory=dict)

    def take(self, stage: Stage) -> None:
        """Note the objective after a stage of Algorithm 2."""
        problem = stage.subproblem
        if problem is None or stage.kind is StageKind.THETA_EXPLICIT:
            return
        told = stage.layer in self.values and stage.kind is StageKind.THETA_IMPLICIT
        path = self.values.setdefault(stage.layer, [problem.proximal_before])
        if not told:  # the last CG iterate is the step itself
            path.append(problem.proximal_after)

    def worst_rise(self) -> float:
        """Return the largest relative rise from one value to the next; negative if all fall."""
        rises = [
            (after - before) / path[0]
            for path in self.values.values()
            if path[0] > 0
            for before, after in pairwise(path)
        ]
        return max(rises, default=0.0)


def checks(
    state: State,
    plain: PlainPass,
    network: PenaltyNetwork,
    results: dict[str, SweepResult],
    objectives: Objectives,
    layers: list[LayerStep],
    steps: Steps,
    cg_steps: int | None,
) -> list[dict[str, Any]]:
    """Return the checks as JSON-able data."""
    found = [
        _autograd(state, plain, network, results["explicit"], steps),
        *_layers(network, results["implicit"], layers, steps, cg_steps),
        *_descent(layers),
        _objective(objectives),
    ]
    return [asdict(check) for check in found]


def _autograd(
    state: State, plain: PlainPass, network: PenaltyNetwork, result: SweepResult, steps: Steps
) -> Check:
    names = dict(state.model.named_parameters())
    top = network.affine[-1].name

    def expected(name: str) -> Tensor:
        rate = steps.explicit_lr if name.rpartition(".")[0] == top else steps.lr
        return names[name].detach() - rate * plain.gradients[name]

    errors = [
        _step_error(result.parameters[name], expected(name), names[name].detach()) for name in names
    ]
    error = max(error for error, _ in errors)
    bound = AUTOGRAD_TOLERANCE + max(rounding for _, rounding in errors) + _request_rounding(result)
    return Check(
        "autograd",
        "Algorithm 1 is one step of gradient descent by autograd",
        error <= bound,
        f"relative error {_power(error)}",
        error,
        bound,
    )


def _layers(
    network: PenaltyNetwork,
    result: SweepResult,
    layers: list[LayerStep],
    steps: Steps,
    cg_steps: int | None,
) -> list[Check]:
    if not layers:
        return []
    many = cg_steps is not None and cg_steps > MANY_CG_STEPS
    bound = EXACT_TOLERANCE if cg_steps is None else CG_TOLERANCE
    index = {affine.name: affine.index for affine in network.affine}
    error = 0.0
    for layer in layers:
        at = index[layer.name]
        found, theta = result.end.theta[at], result.start.theta[at]
        expected = theta - steps.lr * layer.direction
        if many:
            values = [
                _proximal(network, result, at, point, steps.tau) for point in (found, expected)
            ]
            error = max(error, abs(values[0] - values[1]) / values[0] if values[0] else 0.0)
        else:
            own, rounding = _step_error(found, expected, theta)
            error, bound = max(error, own), max(bound, rounding)
    what = "relative error of objective" if many else "relative error"
    return [
        Check(
            "layers",
            "Algorithm 2 is what the library's layers compute",
            error <= bound,
            f"{what} {_power(error)}",
            error,
            bound,
        )
    ]


def _proximal(
    network: PenaltyNetwork, result: SweepResult, index: int, theta: Tensor, tau: float
) -> float:
    """Return ``½‖φ(θ, a^k) − z^{1/2}‖² + 1/(2τ) ‖θ − θ^k‖²``."""
    misfit = network.layer(index)(theta, result.start.a[index - 1]) - result.end.z[index]
    distance = theta - result.start.theta[index]
    return float(misfit.square().sum() / 2 + distance.square().sum() / (2 * tau))


def _descent(layers: list[LayerStep]) -> list[Check]:
    if not layers:
        return []
    least = min(layer.cosine for layer in layers)
    checks = [
        Check(
            "descent",
            "Every layer's direction D descends: ⟨D,\u00a0G⟩\u00a0>\u00a00",
            least > 0,
            f"smallest cosine {least:.3f}",
            least,
            0.0,
        )
    ]
    margin = min(layer.exact_cosine - layer.bound for layer in layers)
    closest = min(layers, key=lambda layer: layer.exact_cosine - layer.bound)
    checks.append(
        Check(
            "angle",
            "The exact D keeps its angle bound, cos∠(D,\u00a0G) ≥ 2√κ/(1\u00a0+\u00a0κ)",
            margin >= -1e-12,
            f"{closest.name}: {closest.exact_cosine:.3f} ≥ {closest.bound:.3f}",
            margin,
            0.0,
        )
    )
    return checks


def _objective(objectives: Objectives) -> Check:
    rise = objectives.worst_rise()
    words = "falls at every step" if rise < 0 else f"largest relative rise {_power(rise)}"
    return Check(
        "objective",
        "No layer's proximal objective rises, at any CG iteration",
        rise <= 1e-12,
        words,
        rise,
        1e-12,
    )


def _request_rounding(result: SweepResult) -> float:
    """Return what float64 cannot resolve of the requests, kept as rounded sums z + Δz, a + Δa.

    Relative to the requests' lengths and summed over layers, since each passes it on downwards.
    """
    total = 0.0
    for before, after in ((result.start.z, result.end.z), (result.start.a, result.end.a)):
        for index, old in before.items():
            length = float((after[index] - old).norm())
            if length > 0:
                total += 4 * torch.finfo(old.dtype).eps * float(old.norm()) / length
    return total


def _step_error(found: Tensor, expected: Tensor, start: Tensor) -> tuple[float, float]:
    """Return the relative distance of two steps from `start`, and how much of it is rounding.

    A step is kept as the rounded sum θ + Δθ, which float64 resolves only so far.
    """
    length = float((expected - start).norm())
    rounding = 4 * torch.finfo(found.dtype).eps * float(start.norm())
    distance = float((found - expected).norm())
    return (distance / length, rounding / length) if length > 0 else (distance, 0.0)


def _power(value: float) -> str:
    """Return a number as a person writes it: 4.3·10⁻¹⁴."""
    if value == 0:
        return "0"
    digits, _, exponent = f"{value:.1e}".partition("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits}·10{raised}"
