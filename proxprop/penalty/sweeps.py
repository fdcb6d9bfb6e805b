"""The sweeps of Algorithms 1 and 2 (Frerix et al. 2018) as generators of stages.

Both start from a forward pass, after which every penalty is zero, and go from the top down: the
last layer's weights and a_{n-1} together; then for each hidden layer l its z_l, and then a_{l-1}
and θ_l, both evaluated at θ_l^k, a_{l-1}^k and z_l^{1/2}. Each explicit step is η times autograd's
gradient of the terms of E that hold the variable; the network is never backpropagated through.
"""

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from proxprop.penalty.conjugate import conjugate_gradients
from proxprop.penalty.network import Affine, PenaltyNetwork
from proxprop.penalty.problem import Loss, PenaltyProblem, Variables
from proxprop.penalty.stages import Stage, StageKind, Subproblem, SweepResult
from proxprop.penalty.state import SweepState, gradient

Sweep = Generator[Stage, None, SweepResult]
LastStep = Literal["explicit", "implicit"]


def explicit_sweep(
    model: nn.Module | PenaltyNetwork,
    inputs: Tensor,
    target: Tensor,
    loss: Loss,
    *,
    lr: float,
    explicit_lr: float | None = None,
) -> Sweep:
    """Carry out Algorithm 1: gradient steps of size η on E with ``ρ = γ = 1/η``, top down.

    By Proposition 1 of Frerix et al. 2018 the new parameters are ``θ − η ∇J(θ)``, and
    ``z_l^{1/2} = z_l − η ∂J/∂z_l``, ``a_l^{1/2} = a_l − η ∂J/∂a_l``.

    Args:
        model: Nested ``nn.Sequential`` of Linear, Conv2d (``groups=1``) and parameter-free modules.
            It is read, never changed. Sweeps of the same ``PenaltyNetwork`` share what they both
            compute.
        inputs: The batch, in the model's dtype. Shape: (N, …).
        target: The batch's targets, as ``loss`` takes them.
        loss: ``loss(output, target)``, a scalar.
        lr: η, finite and > 0.
        explicit_lr: Step size of the last layer's weights; default η.

    Returns:
        A generator of stages whose return value is the ``SweepResult`` (see ``collect``).

    Raises:
        ValueError: A step size is not finite and positive.
        NotImplementedError: The model has a layer the penalty view does not cover.
    """
    method = _Method(lr, lr if explicit_lr is None else explicit_lr, None, None, "explicit")
    return _sweep(model, inputs, target, loss, method)


def proximal_sweep(
    model: nn.Module | PenaltyNetwork,
    inputs: Tensor,
    target: Tensor,
    loss: Loss,
    *,
    lr: float,
    tau: float,
    cg_steps: int | None = None,
    last: LastStep = "explicit",
    explicit_lr: float | None = None,
) -> Sweep:
    """Carry out Algorithm 2: the same sweep with implicit steps for the hidden weights.

    ``θ_l⁺ = argmin_θ ½‖φ(θ, a_{l-1}^k) − z_l^{1/2}‖² + 1/(2τ) ‖θ − θ_l^k‖²`` (Frerix et al. 2018,
    Alg. 2), solved by a dense solve or by CG from zero on the correction ``θ_l⁺ − θ_l^k``.

    Args:
        model: As for ``explicit_sweep``.
        inputs: The batch, in the model's dtype. Shape: (N, …).
        target: The batch's targets.
        loss: ``loss(output, target)``, a scalar.
        lr: η, finite and > 0.
        tau: τ, finite and > 0 (the paper's τ_θ).
        cg_steps: Number of CG iterations per output unit, ≥ 1; None for the exact solve.
        last: Step of the last layer's weights: ``"explicit"`` as in the paper, or ``"implicit"``.
        explicit_lr: Step size of an explicit last step; default η.

    Returns:
        A generator of stages; with ``cg_steps`` it includes one stage for each CG iteration.

    Raises:
        ValueError: A step size is not finite and positive, ``cg_steps`` < 1 or ``last`` unknown.
        NotImplementedError: The model has a layer the penalty view does not cover.

    Note:
        ``ÃᵀÃ`` is a batch sum while the loss is usually a mean: τ acts stronger on larger batches.
    """
    method = _Method(lr, lr if explicit_lr is None else explicit_lr, tau, cg_steps, last)
    return _sweep(model, inputs, target, loss, method)


def collect(sweep: Sweep) -> tuple[list[Stage], SweepResult]:
    """Run a sweep to its end and return all stages and the result."""
    stages: list[Stage] = []
    while True:
        try:
            stages.append(next(sweep))
        except StopIteration as end:
            return stages, end.value


@dataclass(frozen=True)
class _Method:
    lr: float
    explicit_lr: float
    tau: float | None
    cg_steps: int | None
    last: LastStep

    def __post_init__(self) -> None:
        for name in ("lr", "explicit_lr", "tau"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be finite and > 0, got {value}")
        if self.cg_steps is not None and self.cg_steps < 1:
            raise ValueError(
                f"cg_steps must be >= 1 (None for the exact solve), got {self.cg_steps}"
            )
        if self.last not in ("explicit", "implicit"):
            raise ValueError(f"last must be 'explicit' or 'implicit', got {self.last!r}")


def _sweep(
    model: nn.Module | PenaltyNetwork,
    inputs: Tensor,
    target: Tensor,
    loss: Loss,
    method: _Method,
) -> Sweep:
    # Everything that can be refused is refused here, before the first stage is asked for.
    network = model if isinstance(model, PenaltyNetwork) else PenaltyNetwork.from_model(model)
    problem = PenaltyProblem(network, loss, target, 1 / method.lr, 1 / method.lr)
    return _stages(SweepState(problem, Variables.given(network, inputs)), method)


def _stages(state: SweepState, method: _Method) -> Sweep:
    top = state.problem.network.depth
    yield from _forward(state)
    start = state.variables.copy()
    yield from _top_layer(state, start, method)
    for index in range(top - 1, 0, -1):
        yield from _hidden_layer(state, start, index, method)
    assert state.energy is not None
    parameters: dict[str, Tensor] = {}  # all there are: transfer functions have none
    for layer in state.problem.network.affine:
        parameters.update(layer.parameters(state.variables.theta[layer.index]))
    loss = state.problem.data_term(start.theta[top], start.a[top - 1]).item()
    return SweepResult(parameters, loss, start, state.variables)


def _forward(state: SweepState) -> Iterator[Stage]:
    network, at = state.problem.network, state.variables
    for index in range(1, network.depth):
        z = network.layer(index)(at.theta[index], at.a[index - 1])
        yield state.define(StageKind.FORWARD_Z, index, z)
        yield state.define(StageKind.FORWARD_A, index, network.sigma(index, z))
    output = network.affine[-1](at.theta[network.depth], at.a[network.depth - 1])
    yield state.measure(output)


def _top_layer(state: SweepState, start: Variables, method: _Method) -> Iterator[Stage]:
    """Step on (θ_n, a_{n-1}), both gradients of the loss term at θ_n^k, a_{n-1}^k."""
    problem = state.problem
    layer = problem.network.affine[-1]
    top, theta, a = layer.index, start.theta[layer.index], start.a[layer.index - 1]
    if method.last == "implicit":
        z = layer(theta, a)
        half = z - method.lr * gradient(problem.data_of_output, z)
        yield state.move(StageKind.Z_HALF, top, half, equation="z_half_top", before=z)
        yield from _implicit_weights(state, layer, theta, a, half, method)
    else:
        slope = gradient(lambda value: problem.data_term(value, a), theta)
        step = method.explicit_lr * slope * layer.free_columns()
        yield state.move(StageKind.THETA_EXPLICIT, top, theta - step, equation="theta_explicit_top")
    if top > 1:
        slope = gradient(lambda value: problem.data_term(theta, value), a)
        half = a - method.lr * slope
        yield state.move(StageKind.A_HALF, top - 1, half, equation="a_half_top")


def _hidden_layer(
    state: SweepState, start: Variables, index: int, method: _Method
) -> Iterator[Stage]:
    """Step on z_l, then on a_{l-1} and θ_l; neither of the last two sees the other's new value."""
    problem, layer = state.problem, state.problem.network.layer(index)
    theta, a, z = start.theta[index], start.a[index - 1], start.z[index]
    above = state.variables.a[index]  # a_l^{1/2}
    slope = gradient(
        lambda value: (
            problem.activation_term(index, value, above)
            + problem.linear_term(index, theta, a, value)
        ),
        z,
    )
    z_half = z - method.lr * slope
    yield state.move(StageKind.Z_HALF, index, z_half)
    if index > 1:
        below = start.z[index - 1]
        slope = gradient(
            lambda value: (
                problem.linear_term(index, theta, value, z_half)
                + problem.activation_term(index - 1, below, value)
            ),
            a,
        )
        a_half = a - method.lr * slope
        yield state.move(StageKind.A_HALF, index - 1, a_half)
    if method.tau is None:
        slope = gradient(lambda value: problem.linear_term(index, value, a, z_half), theta)
        new = theta - method.lr * slope * layer.free_columns()
        subproblem = _subproblem(layer, theta, new, a, z_half, None)
        yield state.move(StageKind.THETA_EXPLICIT, index, new, subproblem=subproblem)
    else:
        yield from _implicit_weights(state, layer, theta, a, z_half, method)


def _implicit_weights(
    state: SweepState, layer: Affine, theta: Tensor, a: Tensor, z_half: Tensor, method: _Method
) -> Iterator[Stage]:
    """Solve ``C (ÃᵀÃ + I/τ) = (z^{1/2} − φ(θ^k, a^k))ᵀ Ã`` for the correction of the weights."""
    assert method.tau is not None
    tau, index, free = method.tau, layer.index, layer.free_columns()
    energy_before = state.energy
    every = bool(free.all())  # the usual case, without gathering columns of large matrices
    rows = layer.rows(a) if every else layer.rows(a)[:, free]
    rhs = layer.as_rows(z_half - layer(theta, a)).T @ rows

    def moved(correction: Tensor) -> Tensor:
        if every:
            return theta + correction
        new = theta.clone()
        new[:, free] += correction
        return new

    if method.cg_steps is None:
        damped = (
            rows.T @ rows + torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device) / tau
        )
        after = moved(torch.linalg.solve(damped, rhs.T).T)
    else:
        before = after = theta
        for step in conjugate_gradients(rows, 1 / tau, rhs, method.cg_steps):
            before, after = after, moved(step.correction)
            yield state.move(
                StageKind.CG_ITERATION,
                index,
                after,
                before=before,
                subproblem=_subproblem(layer, theta, after, a, z_half, tau),
                cg=step,
            )
    yield state.move(
        StageKind.THETA_IMPLICIT,
        index,
        after,
        before=theta,
        energy_before=energy_before,
        subproblem=_subproblem(layer, theta, after, a, z_half, tau),
    )


def _subproblem(
    layer: Affine, theta: Tensor, new: Tensor, a: Tensor, z_half: Tensor, tau: float | None
) -> Subproblem:
    before = (layer(theta, a) - z_half).norm().item()
    after = (layer(new, a) - z_half).norm().item()
    distance = 0.0 if tau is None else (new - theta).square().sum().item() / (2 * tau)
    return Subproblem(before, after, before**2 / 2, after**2 / 2 + distance)
