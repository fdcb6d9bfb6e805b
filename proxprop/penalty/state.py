"""The moving point of a sweep: (θ, a, z) with E kept up to date, one variable at a time."""

from collections.abc import Callable

import torch
from torch import Tensor

from proxprop.penalty.conjugate import CgStep
from proxprop.penalty.problem import Energy, PenaltyProblem, Variables
from proxprop.penalty.stages import Stage, StageKind, Subproblem, VariableName


class SweepState:
    """Holds the current variables and E, and turns each change of one variable into a stage."""

    def __init__(self, problem: PenaltyProblem, variables: Variables) -> None:
        self.problem = problem
        self.variables = variables
        self.energy: Energy | None = None

    def define(self, kind: StageKind, layer: int, value: Tensor) -> Stage:
        """Give a variable its first value (forward pass; E is not defined yet)."""
        getattr(self.variables, kind.variable)[layer] = value
        return Stage(kind, layer, self._module_name(layer), kind.value, None, value)

    def measure(self, output: Tensor) -> Stage:
        """Evaluate E for the first time, after the forward pass."""
        self.energy = self.problem.energy(self.variables)
        top = self.problem.network.depth
        kind = StageKind.LOSS
        return Stage(kind, top, self._module_name(top), kind.value, None, output, None, self.energy)

    def move(
        self,
        kind: StageKind,
        layer: int,
        value: Tensor,
        *,
        equation: str | None = None,
        before: Tensor | None = None,
        energy_before: Energy | None = None,
        subproblem: Subproblem | None = None,
        cg: CgStep | None = None,
    ) -> Stage:
        """Replace one variable and return the stage, with E before and after.

        The equation is that of the kind, if no other is given.
        """
        values: dict[int, Tensor] = getattr(self.variables, kind.variable)
        before = values.get(layer) if before is None else before
        energy_before = self.energy if energy_before is None else energy_before
        values[layer] = value
        self._refresh(layer, kind.variable)
        what = kind, layer, self._module_name(layer), equation or kind.value
        return Stage(*what, before, value, energy_before, self.energy, subproblem, cg)

    def _refresh(self, layer: int, name: VariableName) -> None:
        # Only the terms that hold the variable are evaluated again: a sweep stays linear in depth.
        assert self.energy is not None
        at, top = self.variables, self.problem.network.depth
        data = self.energy.data
        activation, linear = dict(self.energy.activation), dict(self.energy.linear)
        if name in ("a", "z") and layer < top:
            term = self.problem.activation_term(layer, at.z[layer], at.a[layer])
            activation[layer] = term.item()
        below = layer + 1 if name == "a" else layer  # the layer whose φ holds the variable
        if below == top and name != "z":
            data = self.problem.data_term(at.theta[top], at.a[top - 1]).item()
        elif below < top:
            arguments = at.theta[below], at.a[below - 1], at.z[below]
            linear[below] = self.problem.linear_term(below, *arguments).item()
        self.energy = Energy(data, activation, linear)

    def _module_name(self, layer: int) -> str:
        return self.problem.network.layer(layer).name


def gradient(term: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """Return the gradient of a scalar term of E in one variable, the others held fixed."""
    with torch.enable_grad():
        point = at.detach().clone().requires_grad_(True)
        (result,) = torch.autograd.grad(term(point), point)
    return result
