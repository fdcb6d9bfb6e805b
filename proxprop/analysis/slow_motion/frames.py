"""Both sweeps as one sequence of frames, each complete in itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from torch import Tensor, nn

from proxprop.analysis.layer_problem import LayerProblem
from proxprop.analysis.slow_motion.captions import caption_of
from proxprop.analysis.slow_motion.findings import StepSizes, SweepNotes
from proxprop.analysis.slow_motion.pictures import largest, picture
from proxprop.penalty import (
    EQUATIONS,
    Energy,
    PenaltyNetwork,
    Stage,
    StageKind,
    Sweep,
    SweepResult,
    Variables,
)

Side = Literal["both", "explicit", "implicit"]


@dataclass
class PairedSweeps:
    """Two sweeps advanced together; where they agree, one stage stands for both.

    Attributes:
        explicit: Algorithm 1.
        implicit: Algorithm 2, from the same state.
        results: Both outcomes, once the stages are through.
    """

    explicit: Sweep
    implicit: Sweep
    results: dict[str, SweepResult] = field(default_factory=dict)

    def stages(self) -> Iterator[tuple[Side, Stage, Stage]]:
        """Yield side, stage, and the other algorithm's stage (the same one if it moves alone)."""
        explicit, implicit = self._next("explicit"), self._next("implicit")
        while explicit is not None or implicit is not None:
            if explicit is not None and implicit is not None and _same(explicit, implicit):
                yield "both", explicit, implicit
                explicit, implicit = self._next("explicit"), self._next("implicit")
            elif explicit is not None and (
                implicit is None or explicit.kind is StageKind.THETA_EXPLICIT
            ):
                yield "explicit", explicit, explicit
                explicit = self._next("explicit")
            else:
                assert implicit is not None
                yield "implicit", implicit, implicit
                implicit = self._next("implicit")

    def _next(self, side: Literal["explicit", "implicit"]) -> Stage | None:
        sweep = self.explicit if side == "explicit" else self.implicit
        try:
            return next(sweep)
        except StopIteration as end:
            if end.value is not None:
                self.results[side] = end.value
            return None


@dataclass
class FrameWriter:
    """Turns paired stages into frames.

    Attributes:
        network: The model as φ and σ.
        start: θ^k and a_0; the forward stages fill in the rest.
        steps: η, the last layer's η, τ.
        sigmas: Name of each hidden layer's transfer function.
        cg_steps: Iterations of CG; None for the exact solve.
        notes: Takes the overshoots of explicit steps at s = τ.
    """

    network: PenaltyNetwork
    start: Variables
    steps: StepSizes
    sigmas: list[str]
    cg_steps: int | None
    notes: SweepNotes

    def __post_init__(self) -> None:
        self._energy: dict[str, dict[str, Any] | None] = {"explicit": None, "implicit": None}
        self._explicit_change: dict[int, dict[str, Any]] = {}
        self._halves: dict[int, Tensor] = {}
        self._given: dict[int, list[dict[str, Any]]] = {}  # pictures of many patches are slow

    def frame(self, side: Side, stage: Stage, other: Stage) -> dict[str, Any]:
        """Return the frame of a stage (`other` is the second algorithm's, where both move)."""
        defined = {
            StageKind.FORWARD_Z: self.start.z,
            StageKind.FORWARD_A: self.start.a,
            StageKind.Z_HALF: self._halves,
        }
        if stage.kind in defined:
            defined[stage.kind][stage.layer] = stage.after
        before = dict(self._energy)
        if side in ("both", "explicit"):
            self._energy["explicit"] = energy_json(stage.energy)
        if side in ("both", "implicit"):
            self._energy["implicit"] = energy_json(other.energy)
        if stage.kind is StageKind.LOSS:
            before = dict(self._energy)  # E begins here
        if stage.kind is StageKind.THETA_IMPLICIT:
            # The frame is of the whole implicit step, from before its CG iterations.
            before["implicit"] = energy_json(stage.energy_before)
        sigma = [*self.sigmas, "the loss"][stage.layer - 1]
        iteration = stage.cg.iteration if stage.cg is not None else None
        return {
            "kind": stage.kind.value,
            "variable": stage.kind.variable,
            "layer": stage.layer,
            "side": side,
            "iteration": iteration,
            **caption_of(stage, sigma, self.cg_steps)._asdict(),
            "equation": with_numbers(
                EQUATIONS[stage.equation],
                stage.layer + (stage.kind is StageKind.A_HALF),  # its l is the layer that asks
                self.network.depth,
                iteration,
            ),
            "equation_key": stage.equation,
            "numbers": self._numbers(stage),
            "energy": {
                name: {"before": before[name], "after": self._energy[name]} for name in before
            },
            "tiles": self._tiles(stage),
        }

    def _numbers(self, stage: Stage) -> list[dict[str, Any]]:
        numbers, l = numbers_of(stage, self.network, self.start, self.steps), stage.layer  # noqa: E741
        if stage.kind is StageKind.THETA_EXPLICIT and stage.subproblem is not None:
            given = self.network, self.start, l, self._halves[l], self.steps.tau
            matched = self.notes.matched[l] = matched_overshoot(*given)
            tex = r"\text{the same for } s = \tau"
            numbers.insert(1, Number("overshoot_matched", tex, matched))
        return [number._asdict() for number in numbers]

    def _tiles(self, stage: Stage) -> list[dict[str, Any]]:
        l, start, name = stage.layer, self.start, f"{stage.kind.variable}_{stage.layer}"  # noqa: E741
        if stage.kind in (StageKind.FORWARD_Z, StageKind.FORWARD_A, StageKind.LOSS):
            below, given = f"a_{{{l - 1}}}^k", start.a[l - 1]
            if stage.kind is StageKind.FORWARD_A:
                below, given = f"z_{l}^k", start.z[l]
            return [
                _tile(below, "what comes in", given),
                _tile(f"{name}^k", "what goes out", stage.after),
            ]
        if stage.kind.variable == "theta":
            return self._weight_tiles(stage)
        assert stage.before is not None
        scale = largest(stage.before, stage.after)
        return [
            _tile(f"{name}^k", "before", stage.before, scale),
            _tile(rf"{name}^{{1/2}} - {name}^k", "change", stage.after - stage.before),
            _tile(f"{name}^{{1/2}}", "after", stage.after, scale),
        ]

    def _weight_tiles(self, stage: Stage) -> list[dict[str, Any]]:
        l = stage.layer  # noqa: E741
        if l not in self._given:
            self._given[l] = self._given_tiles(l)
        tiles = self._given[l]
        change = _tile(rf"\Delta\theta_{l}", "", stage.after - self.start.theta[l])
        if stage.kind is StageKind.THETA_EXPLICIT:
            self._explicit_change[l] = {**change, "note": "explicit", "side": "explicit"}
            waiting = {"label": rf"\Delta\theta_{l}", "note": "implicit", "side": "implicit"}
            alone = l == self.network.depth
            return [*tiles, self._explicit_change[l], *([] if alone else [waiting])]
        note = "implicit" if stage.cg is None else f"implicit, CG {stage.cg.iteration}"
        return [*tiles, self._explicit_change[l], {**change, "note": note, "side": "implicit"}]

    def _given_tiles(self, index: int) -> list[dict[str, Any]]:
        """Return what a layer's weight steps start from."""
        layer = self.network.layer(index)
        seen = "rows: " + ("patches" if isinstance(layer.module, nn.Conv2d) else "samples")
        return [
            _tile(rf"\tilde A_{{{index - 1}}}", seen, layer.rows(self.start.a[index - 1])),
            _tile(rf"\theta_{index}^k", "rows: units", self.start.theta[index]),
        ]


class Number(NamedTuple):
    """One number of a frame.

    Attributes:
        key: What it is called in the frame's JSON, and in tests.
        tex: Its formula in LaTeX.
        value: In float64.
    """

    key: str
    tex: str
    value: float


def numbers_of(
    stage: Stage, network: PenaltyNetwork, start: Variables, steps: StepSizes
) -> list[Number]:
    """Return the numbers of a stage, each with its formula, the most important ones first."""
    l, kind, after = stage.layer, stage.kind, stage.after  # noqa: E741 (the paper's index)
    if kind is StageKind.FORWARD_Z:
        return [
            Number("norm", rf"\|z_{l}\|", float(after.norm())),
            Number("theta_norm", rf"\|\theta_{l}\|", float(network.layer(l).theta().norm())),
        ]
    if kind is StageKind.FORWARD_A:
        zeros = float((after == 0).double().mean())
        return [
            Number("norm", rf"\|a_{l}\|", float(after.norm())),
            Number("zeros", rf"\text{{share of zeros in }} a_{l}", zeros),
        ]
    if kind is StageKind.LOSS:
        assert stage.energy is not None
        return [Number("loss", "J", stage.energy.data), Number("lr", r"\eta", steps.lr)]
    if kind in (StageKind.A_HALF, StageKind.Z_HALF):
        assert stage.before is not None
        name, change = f"{stage.kind.variable}_{l}", after - stage.before
        length, size = float(change.norm()), float(stage.before.norm())
        still = float((change == 0).double().mean())
        return [
            Number("change", rf"\|{name}^{{1/2}} - {name}^k\|", length),
            Number(
                "relative", rf"\text{{relative to }} \|{name}^k\|", length / size if size else 0.0
            ),
            Number("still", r"\text{share that does not move}", still),
            Number("lr", r"\eta", steps.lr),
        ]
    return _weight_numbers(stage, start, steps)


def _weight_numbers(stage: Stage, start: Variables, steps: StepSizes) -> list[Number]:
    l, problem, theta = stage.layer, stage.subproblem, start.theta[stage.layer]  # noqa: E741
    length, tau = float((stage.after - theta).norm()), Number("tau", r"\tau", steps.tau)
    moved = [
        Number("change", rf"\|\Delta\theta_{l}\|", length),
        Number("relative", rf"\text{{relative to }} \|\theta_{l}\|", length / float(theta.norm())),
    ]
    if problem is None:
        return [*moved, Number("lr", r"\eta_n", steps.explicit_lr)]
    left = Number("overshoot", r"\text{share left over}", problem.overshoot)
    if stage.cg is not None:
        j, before, after = stage.cg.iteration, problem.proximal_before, problem.proximal_after
        return [
            Number("residual", rf"\|r_{j}\| / \|r_0\|", stage.cg.relative_residual),
            Number("proximal_before", r"\text{proximal objective at } \theta^k", before),
            Number("proximal_after", rf"\text{{and at }} \theta^k + C_{j}", after),
            left,
            moved[0],
            tau,
        ]
    misfit = rf"\| \varphi(\theta, a_{l - 1}^k) - z_{l}^{{1/2}} \|"
    return [
        left,
        Number("misfit_before", rf"{misfit} \text{{ before}}", problem.misfit_before),
        Number("misfit_after", r"\text{and after}", problem.misfit_after),
        *moved,
        tau if stage.kind is StageKind.THETA_IMPLICIT else Number("lr", r"\eta", steps.lr),
    ]


def matched_overshoot(
    network: PenaltyNetwork, start: Variables, index: int, z_half: Tensor, step: float
) -> float:
    """Return the overshoot of one explicit step s on a layer's own problem.

    ``‖φ(θ − s ∇½‖φ(θ, a) − z^{1/2}‖², a) − z^{1/2}‖ / ‖φ(θ, a) − z^{1/2}‖``; 1 where there is
    nothing to do.
    """
    layer, a = network.layer(index), start.a[index - 1]
    problem = LayerProblem(layer.module, a)
    misfit = problem.request(layer(start.theta[index], a) - z_half)
    before = float(misfit.norm())
    return float(problem.explicit_step(misfit, step)[0].norm()) / before if before > 0 else 1.0


def energy_json(energy: Energy | None) -> dict[str, Any] | None:
    """Return E and its parts as JSON-able data; layers' parts in order, from layer 1."""
    if energy is None:
        return None
    return {
        "total": energy.total,
        "data": energy.data,
        "activation": [energy.activation[i] for i in sorted(energy.activation)],
        "linear": [energy.linear[i] for i in sorted(energy.linear)],
    }


def with_numbers(equation: str, layer: int, depth: int, iteration: int | None) -> str:
    """Return an equation with this layer's number in place of l, and n and j by theirs."""
    places = {"l": layer, "n": depth}
    if iteration is not None:
        places["j"] = iteration
    for name, value in places.items():
        alone = rf"(?<![A-Za-z\\]){name}"
        equation = re.sub(rf"{alone}-1(?![0-9])", str(value - 1), equation)
        equation = re.sub(rf"{alone}(?![A-Za-z])", str(value), equation)
    return equation


def _tile(label: str, note: str, values: Tensor, scale: float | None = None) -> dict[str, Any]:
    return {"label": label, "note": note, "picture": picture(values, scale)}


def _same(left: Stage, right: Stage) -> bool:
    return left.kind is right.kind and left.layer == right.layer
