"""What the step did to each layer, and what must hold, checked in float64."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from proxprop.analysis.capture import Backpropagation, backpropagate
from proxprop.analysis.layer_problem import LayerProblem
from proxprop.analysis.rows import joined
from proxprop.analysis.spectra import LayerSpectrum
from proxprop.analysis.state import State
from proxprop.conversion import convert, iter_prox_layers
from proxprop.diagnostics import SolveRecord
from proxprop.penalty import PenaltyNetwork, Stage, StageKind, SweepResult
from proxprop.spec.controls import Report

TOP = 8  # eigenvectors whose share of the request is shown
AUTOGRAD_TOLERANCE = 1e-12
EXACT_TOLERANCE = 1e-10
# Iterates of two correct CG codes drift apart with the number of steps (docs/theory.md).
CG_TOLERANCE = 1e-7
MANY_CG_STEPS = 5


class StepSizes(NamedTuple):
    """The step sizes of a trace: η, the last layer's, and τ."""

    lr: float
    explicit_lr: float
    tau: float


@dataclass
class SweepNotes:
    """What is noted of each layer's weight steps along the sweeps, by layer number.

    Attributes:
        objectives: Its proximal objective at the start, at each CG iterate and at the end.
        residuals: Its relative CG residual, iteration by iteration.
        overshoots: Of the implicit step.
        matched: Overshoot of the explicit step at s = τ.
    """

    objectives: dict[int, list[float]] = field(default_factory=dict)
    residuals: dict[int, list[float]] = field(default_factory=dict)
    overshoots: dict[int, float] = field(default_factory=dict)
    matched: dict[int, float] = field(default_factory=dict)

    def take(self, stage: Stage) -> None:
        """Note a stage of Algorithm 2."""
        problem, layer = stage.subproblem, stage.layer
        if problem is None or stage.kind is StageKind.THETA_EXPLICIT:
            return
        path = self.objectives.setdefault(layer, [problem.proximal_before])
        if stage.cg is not None:
            self.residuals.setdefault(layer, []).append(stage.cg.relative_residual)
        if stage.kind is StageKind.THETA_IMPLICIT:
            self.overshoots[layer] = problem.overshoot
        if stage.cg is not None or layer not in self.residuals:
            path.append(problem.proximal_after)  # the last CG iterate is the step itself

    def worst_rise(self) -> float:
        """Return the objectives' largest relative rise in one step; negative if all fall."""
        rises = [
            (after - before) / path[0]
            for path in self.objectives.values()
            if path[0] > 0
            for before, after in pairwise(path)
        ]
        return max(rises, default=0.0)


@dataclass(frozen=True)
class LayerStep:
    """One layer that takes the implicit step, as the library's layers take it.

    Attributes:
        spectrum: Of its Gram, with what is asked of the layer.
        tau: τ.
        direction: D = [D_W D_b] with the solver in force. Shape: (m, d).
        exact: The exact D in the same shape.
        gradient: G in the same shape.
        record: How it was solved, in float64.
    """

    spectrum: LayerSpectrum
    tau: float
    direction: Tensor
    exact: Tensor
    gradient: Tensor
    record: SolveRecord

    @property
    def bound(self) -> float:
        """Kantorovich's bound on the cosine of the exact direction."""
        return self.spectrum.angle_bound(self.tau)

    @property
    def cosine(self) -> float:
        """cos∠(D, G)."""
        return _cosine(self.direction, self.gradient)

    @property
    def exact_cosine(self) -> float:
        """The same for the exact D."""
        return _cosine(self.exact, self.gradient)

    def measures(self) -> dict[str, Any]:
        """Return what the table of measures shows of it."""
        return {
            "cosine": self.cosine,
            "bound": self.bound,
            "condition": self.spectrum.condition(self.tau),
            "lambda_max": self.spectrum.lambda_max,
            "top_energy": self.spectrum.energy[:TOP].tolist(),
            "overshoot_exact": self.spectrum.response(self.tau).overshoot["exact"],
            "route": self.record.route,
            "seconds": self.record.seconds,
        }


def layer_steps(state: State, plain: Backpropagation, cg_steps: int | None) -> list[LayerStep]:
    """Run the step through converted layers; layers that nothing is asked of are left out."""
    exact = _directions(state, "exact", 1)
    chosen = exact if cg_steps is None else _directions(state, "cg", cg_steps)
    steps = []
    for name, (direction, record) in chosen.items():
        received, delta = plain.requests[name]
        if bool(delta.any()):
            gradient = joined(
                plain.gradients[f"{name}.weight"], plain.gradients.get(f"{name}.bias")
            )
            problem = LayerProblem(state.model.get_submodule(name), received)
            spectrum, tau = problem.asked(delta, name=name), state.config.direction.tau
            steps.append(LayerStep(spectrum, tau, direction, exact[name][0], gradient, record))
    return steps


def _directions(state: State, solver: str, cg_steps: int) -> dict[str, tuple[Tensor, SolveRecord]]:
    """Return D and the solve's record of each converted layer, by name."""
    model, direction = copy.deepcopy(state.model), state.config.direction
    skip_last = direction.layers == "hidden"
    convert(model, tau=direction.tau, solver=solver, cg_steps=cg_steps, skip_last=skip_last)
    records: dict[str, SolveRecord] = {}
    for name, layer in iter_prox_layers(model):
        layer.observer = lambda record, name=name: records.update({name: record})
    with torch.enable_grad():
        loss = F.cross_entropy(model(state.inputs), state.targets)
        loss.backward()  # type: ignore[no-untyped-call]
    kept = {name: records[name] for name, _ in iter_prox_layers(model) if name in records}
    return {
        name: (joined(record.weight_direction, record.bias_direction), record)
        for name, record in kept.items()
    }


def _cosine(left: Tensor, right: Tensor) -> float:
    size = float(left.norm()) * float(right.norm())
    return float((left * right).sum()) / size if size > 0 else 0.0


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
class Findings:
    """What both sweeps did from one state, to be measured and checked.

    Attributes:
        state: Where they started.
        network: The model as φ and σ.
        steps: The step sizes.
        cg_steps: Iterations of CG; None for the exact solve.
        results: Outcomes of "explicit" and "implicit".
        notes: What was noted along the way.
    """

    state: State
    network: PenaltyNetwork
    steps: StepSizes
    cg_steps: int | None
    results: dict[str, SweepResult]
    notes: SweepNotes

    def measured(self, report: Report) -> dict[str, Any]:
        """Return ``measures`` and ``checks`` as JSON-able data."""
        state = self.state
        report("plain backpropagation", 0.0)
        plain = backpropagate(state.model, F.cross_entropy, state.inputs, state.targets)
        report("the same step by the layers", 0.2)
        layers = layer_steps(state, plain, self.cg_steps)
        report("comparing", 0.9)
        checks = [self._autograd(plain), self._rises()]
        if layers:
            checks[1:1] = [self._layers(layers), _descent(layers), _angle(layers)]
        return {
            "measures": self._measures({layer.spectrum.name: layer for layer in layers}),
            "checks": [asdict(check) for check in checks],
        }

    def _measures(self, layers: dict[str, LayerStep]) -> list[dict[str, Any]]:
        """Return one row for each layer, first to last; None where there is no meaning."""
        return [
            {
                "layer": affine.index,
                "name": affine.name,
                "update_explicit": _relative_update(self.results["explicit"], affine.index),
                "update_implicit": _relative_update(self.results["implicit"], affine.index),
                **self._requests(affine.index),
                "overshoot": self.notes.overshoots.get(affine.index),
                "overshoot_matched": self.notes.matched.get(affine.index),
                "cg_residuals": self.notes.residuals.get(affine.index, []),
                **(layers[affine.name].measures() if affine.name in layers else {}),
            }
            for affine in self.network.affine
        ]

    def _requests(self, index: int) -> dict[str, Any]:
        start, end = self.results["implicit"].start, self.results["implicit"].end
        if index not in start.z:
            return {"change_z": None, "change_a": None, "dead": None}
        change = end.z[index] - start.z[index]
        convolution = isinstance(self.network.layer(index).module, nn.Conv2d)
        units = change.movedim(1 if convolution else -1, 0).flatten(1)
        return {
            "change_z": float(change.norm()),
            "change_a": float((end.a[index] - start.a[index]).norm()),
            # The share of units (channels) that no sample of the batch asks to change.
            "dead": float((units == 0).all(dim=1).double().mean()),
        }

    def _autograd(self, plain: Backpropagation) -> Check:
        names, result = dict(self.state.model.named_parameters()), self.results["explicit"]
        top = self.network.affine[-1].name

        def expected(name: str) -> Tensor:
            rate = self.steps.explicit_lr if name.rpartition(".")[0] == top else self.steps.lr
            return names[name].detach() - rate * plain.gradients[name]

        errors = [
            _step_error(result.parameters[name], expected(name), names[name].detach())
            for name in names
        ]
        error, rounding = (max(column) for column in zip(*errors))
        bound = AUTOGRAD_TOLERANCE + rounding + _request_rounding(result)
        claim = "Algorithm 1 is one step of gradient descent by autograd"
        value = f"relative error {_power(error)}"
        return Check("autograd", claim, error <= bound, value, error, bound)

    def _layers(self, layers: list[LayerStep]) -> Check:
        result = self.results["implicit"]
        many = self.cg_steps is not None and self.cg_steps > MANY_CG_STEPS
        bound = EXACT_TOLERANCE if self.cg_steps is None else CG_TOLERANCE
        index = {affine.name: affine.index for affine in self.network.affine}
        error = 0.0
        for layer in layers:
            at = index[layer.spectrum.name]
            reached, theta = result.end.theta[at], result.start.theta[at]
            expected = theta - self.steps.lr * layer.direction
            if many:
                ours, theirs = (self._proximal(at, point) for point in (reached, expected))
                error = max(error, abs(ours - theirs) / ours if ours else 0.0)
            else:
                own, rounding = _step_error(reached, expected, theta)
                error, bound = max(error, own), max(bound, rounding)
        what = "relative error of objective" if many else "relative error"
        claim = "Algorithm 2 is what the library's layers compute"
        return Check("layers", claim, error <= bound, f"{what} {_power(error)}", error, bound)

    def _proximal(self, index: int, theta: Tensor) -> float:
        """Return ``½‖φ(θ, a^k) − z^{1/2}‖² + 1/(2τ) ‖θ − θ^k‖²``."""
        start, end = self.results["implicit"].start, self.results["implicit"].end
        misfit = self.network.layer(index)(theta, start.a[index - 1]) - end.z[index]
        distance = (theta - start.theta[index]).square().sum() / (2 * self.steps.tau)
        return float(misfit.square().sum() / 2 + distance)

    def _rises(self) -> Check:
        rise = self.notes.worst_rise()
        value = "falls at every step" if rise < 0 else f"largest relative rise {_power(rise)}"
        claim = "No layer's proximal objective rises, at any CG iteration"
        return Check("objective", claim, rise <= 1e-12, value, rise, 1e-12)


def _descent(layers: list[LayerStep]) -> Check:
    least = min(layer.cosine for layer in layers)
    claim = "Every layer's direction D descends: ⟨D,\u00a0G⟩\u00a0>\u00a00"
    return Check("descent", claim, least > 0, f"smallest cosine {least:.3f}", least, 0.0)


def _angle(layers: list[LayerStep]) -> Check:
    closest = min(layers, key=lambda layer: layer.exact_cosine - layer.bound)
    margin = closest.exact_cosine - closest.bound
    claim = "The exact D keeps its angle bound, cos∠(D,\u00a0G) ≥ 2√κ/(1\u00a0+\u00a0κ)"
    value = f"{closest.spectrum.name}: {closest.exact_cosine:.3f} ≥ {closest.bound:.3f}"
    return Check("angle", claim, margin >= -1e-12, value, margin, 0.0)


def _relative_update(result: SweepResult, index: int) -> float:
    before, after = result.start.theta[index], result.end.theta[index]
    return float((after - before).norm() / before.norm())


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


def _step_error(reached: Tensor, expected: Tensor, start: Tensor) -> tuple[float, float]:
    """Return the relative distance of two steps from `start`, and how much of it is rounding.

    A step is kept as the rounded sum θ + Δθ, which float64 resolves only so far.
    """
    length = float((expected - start).norm())
    rounding = 4 * torch.finfo(reached.dtype).eps * float(start.norm())
    distance = float((reached - expected).norm())
    return (distance / length, rounding / length) if length > 0 else (distance, 0.0)


def _power(value: float) -> str:
    """Return a number as a person writes it: 4.3·10⁻¹⁴."""
    if value == 0:
        return "0"
    digits, _, exponent = f"{value:.1e}".partition("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits}·10{raised}"
