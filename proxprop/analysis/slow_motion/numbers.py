"""The live numbers of a stage, each with the formula it stands under."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from proxprop.penalty import PenaltyNetwork, Stage, StageKind, Variables


@dataclass(frozen=True)
class Number:
    """One number of a frame.

    Attributes:
        key: What it is called in the frame's JSON, and in tests.
        tex: Its formula in LaTeX.
        value: In float64.
    """

    key: str
    tex: str
    value: float


@dataclass(frozen=True)
class Steps:
    """The step sizes of a trace: η, the last layer's, and τ."""

    lr: float
    explicit_lr: float
    tau: float


def numbers_of(
    stage: Stage, network: PenaltyNetwork, start: Variables, steps: Steps
) -> list[dict[str, Any]]:
    """Return the numbers of a stage as JSON-able data, the telling ones first."""
    makers = {
        StageKind.FORWARD_Z: _forward_z,
        StageKind.FORWARD_A: _forward_a,
        StageKind.LOSS: _loss,
        StageKind.A_HALF: _half,
        StageKind.Z_HALF: _half,
        StageKind.THETA_EXPLICIT: _explicit,
        StageKind.THETA_IMPLICIT: _implicit,
        StageKind.CG_ITERATION: _cg,
    }
    return [asdict(number) for number in makers[stage.kind](stage, network, start, steps)]


def matched_overshoot(
    network: PenaltyNetwork, start: Variables, index: int, z_half: Tensor, step: float
) -> float:
    """Return the overshoot of one explicit step s on a layer's own problem.

    ``‖φ(θ − s ∇½‖φ(θ, a) − z^{1/2}‖², a) − z^{1/2}‖ / ‖φ(θ, a) − z^{1/2}‖``; 1 where there is
    nothing to do.
    """
    layer = network.layer(index)
    theta, a = start.theta[index], start.a[index - 1]
    rows = layer.rows(a)
    misfit = layer.as_rows(layer(theta, a) - z_half)
    slope = (misfit.T @ rows) * layer.free_columns()
    before = float(misfit.norm())
    return float((misfit - step * (rows @ slope.T)).norm()) / before if before > 0 else 1.0


def _forward_z(
    stage: Stage, network: PenaltyNetwork, start: Variables, steps: Steps
) -> list[Number]:
    l = stage.layer  # noqa: E741 (the paper's index)
    return [
        Number("norm", rf"\|z_{l}\|", float(stage.after.norm())),
        Number("theta_norm", rf"\|\theta_{l}\|", float(network.layer(l).theta().norm())),
    ]


def _forward_a(
    stage: Stage, network: PenaltyNetwork, start: Variables, steps: Steps
) -> list[Number]:
    l = stage.layer  # noqa: E741
    zero = float((stage.after == 0).double().mean())
    return [
        Number("norm", rf"\|a_{l}\|", float(stage.after.norm())),
        Number("zeros", rf"\text{{share of zeros in }} a_{l}", zero),
    ]


def _loss(stage: Stage, network: PenaltyNetwork, start: Variables, steps: Steps) -> list[Number]:
    assert stage.energy is not None
    return [Number("loss", "J", stage.energy.data), Number("lr", r"\eta", steps.lr)]


def _half(stage: Stage, network: PenaltyNetwork, start: Variables, steps: Steps) -> list[Number]:
    assert stage.before is not None
    name = f"{'a' if stage.kind is StageKind.A_HALF else 'z'}_{stage.layer}"
    change = stage.after - stage.before
    length, size = float(change.norm()), float(stage.before.norm())
    still = float((change == 0).double().mean())
    return [
        Number("change", rf"\|{name}^{{1/2}} - {name}^k\|", length),
        Number("relative", rf"\text{{relative to }} \|{name}^k\|", _ratio(length, size)),
        Number("still", r"\text{share that does not move}", still),
        Number("lr", r"\eta", steps.lr),
    ]


def _weights(stage: Stage, start: Variables) -> list[Number]:
    l = stage.layer  # noqa: E741
    theta = start.theta[l]
    length = float((stage.after - theta).norm())
    return [
        Number("change", rf"\|\Delta\theta_{l}\|", length),
        Number("relative", rf"\text{{relative to }} \|\theta_{l}\|", length / float(theta.norm())),
    ]


def _explicit(
    stage: Stage, network: PenaltyNetwork, start: Variables, steps: Steps
) -> list[Number]:
    moved = _weights(stage, start)
    if stage.subproblem is None:
        return [*moved, Number("lr", r"\eta_n", steps.explicit_lr)]
    return [*_overshoot(stage), *moved, Number("lr", r"\eta", steps.lr)]


def _overshoot(stage: Stage) -> list[Number]:
    assert stage.subproblem is not None
    l, problem = stage.layer, stage.subproblem  # noqa: E741
    misfit = rf"\| \varphi(\theta, a_{l - 1}^k) - z_{l}^{{1/2}} \|"
    return [
        Number("overshoot", r"\text{share left over}", problem.overshoot),
        Number("misfit_before", rf"{misfit} \text{{ before}}", problem.misfit_before),
        Number("misfit_after", r"\text{and after}", problem.misfit_after),
    ]


def _implicit(
    stage: Stage, network: PenaltyNetwork, start: Variables, steps: Steps
) -> list[Number]:
    return [*_overshoot(stage), *_weights(stage, start), Number("tau", r"\tau", steps.tau)]


def _cg(stage: Stage, network: PenaltyNetwork, start: Variables, steps: Steps) -> list[Number]:
    cg, problem = stage.cg, stage.subproblem
    assert cg is not None
    assert problem is not None
    j = cg.iteration
    return [
        Number("residual", rf"\|r_{j}\| / \|r_0\|", cg.relative_residual),
        Number(
            "proximal_before", r"\text{proximal objective at } \theta^k", problem.proximal_before
        ),
        Number("proximal_after", rf"\text{{and at }} \theta^k + C_{j}", problem.proximal_after),
        Number("overshoot", r"\text{share left over}", problem.overshoot),
        *_weights(stage, start)[:1],
        Number("tau", r"\tau", steps.tau),
    ]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0
