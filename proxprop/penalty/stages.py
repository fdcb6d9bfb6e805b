"""What a sweep yields: stages as data, for tests to check and pages to draw."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from torch import Tensor

from proxprop.penalty.conjugate import CgStep
from proxprop.penalty.problem import Energy, Variables

VariableName = Literal["theta", "a", "z"]


class StageKind(StrEnum):
    """What one stage of a sweep does."""

    FORWARD_Z = "forward_z"
    FORWARD_A = "forward_a"
    LOSS = "loss"
    A_HALF = "a_half"
    Z_HALF = "z_half"
    THETA_EXPLICIT = "theta_explicit"
    THETA_IMPLICIT = "theta_implicit"
    CG_ITERATION = "cg_iteration"

    @property
    def variable(self) -> VariableName:
        """The variable that is computed; the loss is that of the last z."""
        if self in (StageKind.FORWARD_A, StageKind.A_HALF):
            return "a"
        return "z" if self in (StageKind.FORWARD_Z, StageKind.Z_HALF, StageKind.LOSS) else "theta"


@dataclass(frozen=True)
class Subproblem:
    """How a weight step does on its layer's own problem: ``z^{1/2}`` and ``a^k`` are fixed.

    Attributes:
        misfit_before: ``‖φ(θ^k, a^k) − z^{1/2}‖``.
        misfit_after: ``‖φ(θ⁺, a^k) − z^{1/2}‖``.
        proximal_before: ``½ misfit²`` at θ^k, the proximal objective before the step.
        proximal_after: ``½ misfit² + 1/(2τ) ‖θ⁺ − θ^k‖²``; for an
            explicit step, which has no τ, the first part alone.
    """

    misfit_before: float
    misfit_after: float
    proximal_before: float
    proximal_after: float

    @property
    def overshoot(self) -> float:
        """Misfit after over before: below 1 the step helps, above 1 it overshoots; 1 if idle."""
        return self.misfit_after / self.misfit_before if self.misfit_before > 0 else 1.0


@dataclass(frozen=True)
class Stage:
    """One stage of a sweep.

    Attributes:
        kind: What is computed.
        layer: Number of the layer whose variable it is, from 1 (``a_half`` of layer l is a_l).
        name: Qualified name of that layer's module.
        equation: Key into ``EQUATIONS``.
        before: The variable before the stage; None where the forward pass defines it.
        after: The variable after it (z, a, the output, or Θ = [W b]).
        energy_before: E at all variables as they stand before the stage; None until the loss.
        energy: The same after the stage; None until the loss is known.
        subproblem: For steps on hidden weights, and implicit ones on the last layer's.
        cg: For ``cg_iteration``: the solver's state.
    """

    kind: StageKind
    layer: int
    name: str
    equation: str
    before: Tensor | None
    after: Tensor
    energy_before: Energy | None = None
    energy: Energy | None = None
    subproblem: Subproblem | None = None
    cg: CgStep | None = None


@dataclass(frozen=True)
class SweepResult:
    """The outcome of a sweep.

    Attributes:
        parameters: New values by qualified parameter name; frozen ones are unchanged.
        loss: J at θ^k.
        start: (θ^k, a^k, z^k), the feasible point after the forward pass.
        end: (θ⁺, a^{1/2}, z^{1/2}).
    """

    parameters: dict[str, Tensor]
    loss: float
    start: Variables
    end: Variables

    @property
    def z_half(self) -> dict[int, Tensor]:
        """``z_l^{1/2}`` by layer (the last layer's too, where its step was implicit)."""
        return self.end.z

    @property
    def a_half(self) -> dict[int, Tensor]:
        """``a_l^{1/2}`` by hidden layer."""
        return {layer: a for layer, a in self.end.a.items() if layer > 0}
