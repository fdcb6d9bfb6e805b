"""What a weight step delivers of a real request: a layer's filters at its own input and Δ."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from proxprop.analysis.spectrum.filters import positive
from proxprop.analysis.spectrum.plain import plain_copy
from proxprop.analysis.spectrum.precondition import GramBasis
from proxprop.analysis.spectrum.rows import layer_rows

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class LayerResponse:
    """How a layer's weight steps answer the change asked of it, ``z^{1/2} − z = −ηΔ``.

    All of it speaks of the layer's own problem, target and input fixed; η drops out. Steps are
    ``explicit`` (at s = τ), ``exact`` and, where asked for, ``cg``.

    Attributes:
        eigenvalues: Nonzero eigenvalues of ``ÃᵀÃ``, descending. Shape: (r,).
        energy: Share of ``‖Δ‖²`` along each; what is missing from 1 no weight step can reach.
            Shape: (r,).
        gains: Delivered over requested along each eigenvector, by step. CG's differ by output unit
            and are averaged with their request's energy. Shape: (r,).
        overshoot: ``‖φ(θ⁺, a) − z^{1/2}‖ / ‖φ(θ, a) − z^{1/2}‖`` by step.
    """

    eigenvalues: Tensor
    energy: Tensor
    gains: dict[str, Tensor]
    overshoot: dict[str, float]


def layer_response(
    layer: nn.Module,
    inputs: Tensor,
    grad_output: Tensor,
    *,
    tau: float,
    cg_steps: int | None = None,
) -> LayerResponse:
    """Return gains and overshoots of a layer's explicit, exact and CG steps on a real request.

    Args:
        layer: A Linear or Conv2d layer.
        inputs: Its input. Shape: (N, …, d_in) or (N, C, H, W).
        grad_output: ``Δ = ∂J/∂Z`` (see ``layer_requests``), in the shape of the layer's output.
        tau: τ of the implicit steps and size s of the explicit one, finite and > 0.
        cg_steps: k ≥ 1 for CG's response as well; default none.

    Raises:
        ValueError: A setting is out of range, or Δ is zero.
    """
    positive(tau, "tau")
    if cg_steps is not None and cg_steps < 1:
        raise ValueError(f"cg_steps must be >= 1, got {cg_steps}")
    delta = grad_output.detach().double()
    if isinstance(layer, nn.Conv2d):
        delta = delta.movedim(-3, -1)
    delta = delta.reshape(-1, delta.shape[-1])
    size = delta.norm()
    if not (0 < float(size) < float("inf")):
        raise ValueError(f"grad_output must be finite and not zero, got norm {float(size)}")
    groups = layer_rows(layer, inputs)
    blocks = (delta / size).chunk(len(groups), dim=1)
    bases = [GramBasis(rows) for rows in groups]
    # Components of the request along the eigenvectors, units × directions.
    components = [
        (rows.gradient(block) @ basis.vectors) * basis.values.rsqrt()
        for rows, block, basis in zip(groups, blocks, bases)
    ]
    values = torch.cat([basis.values for basis in bases])
    energy = torch.cat([part.square().sum(dim=0) for part in components])
    delivered = [
        _delivered(basis.values, part, tau, cg_steps) for basis, part in zip(bases, components)
    ]
    order = values.argsort(descending=True)
    unreached = 1.0 - float(energy.sum())
    gains, overshoot = {}, {}
    for step in delivered[0]:
        pairs = [(part, answer[step]) for part, answer in zip(components, delivered)]
        along = torch.cat([(part * answer).sum(dim=0) for part, answer in pairs])
        gains[step] = (along / energy.clamp_min(torch.finfo(energy.dtype).tiny))[order].cpu()
        rest = sum(float((part - answer).square().sum()) for part, answer in pairs)
        overshoot[step] = (max(unreached, 0.0) + rest) ** 0.5
    return LayerResponse(values[order].cpu(), energy[order].cpu(), gains, overshoot)


def layer_requests(
    model: nn.Module, loss: Loss, inputs: Tensor, target: Tensor
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return (input, ``Δ = ∂J/∂Z``) of each Linear and Conv2d layer that runs once, by name.

    Args:
        model: Any module; a plain copy is run, so nothing of the caller's changes.
        loss: ``loss(output, target)``, a scalar.
        inputs: The batch.
        target: Its targets.
    """
    plain = plain_copy(model)
    seen: dict[str, list[tuple[Tensor, Tensor]]] = {}
    for name, module in plain.named_modules():
        if not isinstance(module, nn.Linear | nn.Conv2d):
            continue

        def keep(
            module: nn.Module, received: tuple[Tensor, ...], output: Tensor, name: str = name
        ) -> Tensor:
            seen.setdefault(name, []).append((received[0].detach(), output))
            return output.clone()  # an in-place activation must not change what is kept

        module.register_forward_hook(keep)
    with torch.enable_grad():
        objective = loss(plain(inputs), target)
    once = {name: calls[0] for name, calls in seen.items() if len(calls) == 1}
    outputs = {name: output for name, (_, output) in once.items() if output.requires_grad}
    deltas = torch.autograd.grad(objective, list(outputs.values()), materialize_grads=True)
    return {name: (once[name][0], delta) for name, delta in zip(outputs, deltas)}


def _delivered(
    values: Tensor, request: Tensor, tau: float, cg_steps: int | None
) -> dict[str, Tensor]:
    """Return the part of the request each step delivers. Shapes: (r,), (m, r) to (m, r)."""
    mu = values + 1 / tau
    result = {"explicit": tau * values * request, "exact": values / mu * request}
    if cg_steps is not None:
        rhs = values.sqrt() * request
        result["cg"] = values.sqrt() * _diagonal_cg(mu, rhs, cg_steps)
    return result


def _diagonal_cg(mu: Tensor, rhs: Tensor, steps: int) -> Tensor:
    """Return k CG iterates of ``μ x = b`` from zero, one system per row of b."""
    solution, residual, direction = torch.zeros_like(rhs), rhs.clone(), rhs.clone()
    squared = residual.square().sum(dim=1, keepdim=True)
    negligible = (4 * torch.finfo(rhs.dtype).eps) ** 2 * squared
    for _ in range(steps):
        image = mu * direction
        curvature = (direction * image).sum(dim=1, keepdim=True)
        active = squared > negligible  # a converged unit stays where it is
        alpha = torch.where(active, squared / curvature, 0.0)
        solution = solution + alpha * direction
        residual = residual - alpha * image
        previous, squared = squared, residual.square().sum(dim=1, keepdim=True)
        direction = residual + torch.where(active, squared / previous, 0.0) * direction
    return solution
