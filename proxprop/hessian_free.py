"""A Hessian-free optimizer: Gauss-Newton steps by conjugate gradients on the batch's curvature.

The products with the Gauss-Newton matrix come from the optional package curvlinops.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from proxprop.core.solvers.cg import Operator
from proxprop.core.solvers.recurrence import cg_iterates

# Levenberg-Marquardt as in Martens 2010, section 4.1.
_INITIAL_DAMPING = 1.0
_GROWTH = 1.5
_POOR, _GOOD = 0.25, 0.75

Matrix = Callable[[Tensor], Tensor]


class HessianFree(torch.optim.Optimizer):
    """Steps along p with (G + λI) p = −g, G the Gauss-Newton matrix of the batch's cross-entropy.

    p comes from a fixed number of CG steps from zero. λ is adapted to how well the quadratic model
    predicts the loss on the same batch (Martens 2010); a step that would raise that loss is not
    taken. The Gauss-Newton matrix of the cross-entropy needs no targets, only the inputs, which a
    hook on the model notes.

    Args:
        model: What is trained; the mean cross-entropy of its output is the loss.
        lr: Fraction of p that is taken, > 0.
        cg_steps: CG steps per batch, ≥ 1.
    """

    def __init__(self, model: nn.Module, lr: float = 1.0, cg_steps: int = 5) -> None:
        parameters = [p for p in model.parameters() if p.requires_grad]
        super().__init__([{"name": "all", "params": parameters}], {"lr": lr})
        self._model = model
        self._cg_steps = cg_steps
        self._inputs: Tensor | None = None
        model.register_forward_pre_hook(self._note_inputs)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step; `closure` computes loss and gradients and is called twice.

        Returns:
            The loss before the step.

        Raises:
            ValueError: Without a closure.
        """
        if closure is None:
            raise ValueError("a Hessian-free step needs a closure that evaluates the loss")
        (group,) = self.param_groups
        parameters: list[nn.Parameter] = group["params"]
        memory = self.state[parameters[0]]
        damping = memory.get("damping", _INITIAL_DAMPING)

        loss = closure()
        gradient = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
        curvature = self._curvature(parameters)
        before = [p.detach().clone() for p in parameters]
        direction, predicted = _solve(
            lambda vector: curvature(vector) + damping * vector, -gradient, self._cg_steps
        )
        _move(parameters, group["lr"] * direction)
        change = closure().item() - loss.item()
        ratio = change / predicted if predicted else 0.0
        if not math.isfinite(change) or change > 0:
            _restore(parameters, before)
            ratio = -math.inf
        if ratio < _POOR:
            damping *= _GROWTH
        elif ratio > _GOOD:
            damping /= _GROWTH
        memory["damping"] = damping
        return loss

    def _curvature(self, parameters: list[nn.Parameter]) -> Matrix:
        assert self._inputs is not None, "the closure did not call the model"
        inputs = self._inputs
        # An optional package: only who trains with this optimizer needs it.
        from curvlinops import GGNLinearOperator

        with torch.no_grad():
            classes = self._model(inputs).argmax(1)  # any targets do: G does not depend on them
        operator = GGNLinearOperator(
            self._model,
            nn.CrossEntropyLoss(),
            parameters,
            [(inputs, classes)],
            check_deterministic=False,
        )

        def product(vector: Tensor) -> Tensor:
            result: Tensor = operator @ vector
            return result.detach()

        return product

    def _note_inputs(self, module: nn.Module, arguments: tuple[Any, ...]) -> None:
        if torch.is_grad_enabled():
            self._inputs = arguments[0].detach()


def _solve(matrix: Matrix, rhs: Tensor, steps: int) -> tuple[Tensor, float]:
    """Return x after so many CG steps from zero, and its ½xᵀAx − xᵀb."""
    solution = torch.zeros_like(rhs)
    for step in cg_iterates(Operator(matrix), rhs, steps):
        if not float(step.curvature) > 0:  # solved exactly, or not finite
            break
        solution = step.solution
    # The residual is orthogonal to every iterate, so that Ax and b have the same product with x.
    return solution, -0.5 * float(solution.dot(rhs))


@torch.no_grad()
def _move(parameters: list[nn.Parameter], step: Tensor) -> None:
    at = 0
    for parameter in parameters:
        parameter.add_(step[at : at + parameter.numel()].view_as(parameter))
        at += parameter.numel()


@torch.no_grad()
def _restore(parameters: list[nn.Parameter], values: list[Tensor]) -> None:
    for parameter, value in zip(parameters, values):
        parameter.copy_(value)
