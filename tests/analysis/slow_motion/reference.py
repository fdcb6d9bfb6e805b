"""One step of both algorithms once more, from autograd and dense matrices alone.

Nothing here comes from `proxprop.penalty`: requests are ``−η ∂J/∂z`` by autograd on the whole
network, layers are rows times a matrix, and CG is written out per output unit in the Krylov basis.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.analysis.slow_motion.cases import EXPLICIT_LR, LR, TAU


@dataclass
class Reference:
    """z, a, requests, rows and weights by layer number; E is evaluated by `energy`."""

    model: nn.Sequential
    inputs: Tensor
    targets: Tensor
    z: dict[int, Tensor] = field(default_factory=dict)
    a: dict[int, Tensor] = field(default_factory=dict)
    z_half: dict[int, Tensor] = field(default_factory=dict)
    a_half: dict[int, Tensor] = field(default_factory=dict)
    loss: float = 0.0

    def __post_init__(self) -> None:
        self.layers = [m for m in self.model if isinstance(m, nn.Linear | nn.Conv2d)]
        self.depth = len(self.layers)
        value, index = self.inputs, 0
        kept: dict[str, dict[int, Tensor]] = {"z": {}, "a": {0: self.inputs}}
        self.between: dict[int, list[nn.Module]] = {}
        for module in self.model:
            if isinstance(module, nn.Linear | nn.Conv2d):
                if index:
                    value.retain_grad()
                    kept["a"][index] = value
                index += 1
                value = module(value)
                value.retain_grad()
                kept["z"][index] = value
                self.between[index] = []
            else:
                self.between[index].append(module)
                value = module(value)
        loss = F.cross_entropy(value, self.targets)
        loss.backward()
        self.loss = loss.item()
        self.z = {i: z.detach() for i, z in kept["z"].items()}
        self.a = {i: a.detach() for i, a in kept["a"].items()}
        self.z_half = {i: z.detach() - LR * z.grad for i, z in kept["z"].items()}
        self.a_half = {i: a.detach() - LR * a.grad for i, a in kept["a"].items() if i}
        self.grads = {i + 1: joined(m, grad=True) for i, m in enumerate(self.layers)}
        self.theta = {i + 1: joined(m) for i, m in enumerate(self.layers)}

    def rows(self, index: int) -> Tensor:
        layer, a = self.layers[index - 1], self.a[index - 1]
        if isinstance(layer, nn.Conv2d):
            patches = F.unfold(a, layer.kernel_size, padding=layer.padding)
            a = patches.transpose(1, 2).reshape(-1, patches.shape[1])
        return torch.cat([a, torch.ones(len(a), 1, dtype=a.dtype)], dim=1)

    def as_rows(self, z: Tensor) -> Tensor:
        return z.movedim(1, -1).reshape(-1, z.shape[1])

    def misfit(self, index: int, theta: Tensor) -> Tensor:
        return self.rows(index) @ theta.T - self.as_rows(self.z_half[index])

    def explicit(self, index: int) -> Tensor:
        rate = EXPLICIT_LR if index == self.depth else LR
        return self.theta[index] - rate * self.grads[index]

    def system(self, index: int) -> tuple[Tensor, Tensor]:
        rows = self.rows(index)
        rhs = -self.misfit(index, self.theta[index]).T @ rows
        return rows.T @ rows + torch.eye(rows.shape[1], dtype=rows.dtype) / TAU, rhs

    def exact(self, index: int) -> Tensor:
        matrix, rhs = self.system(index)
        return self.theta[index] + rhs @ torch.linalg.inv(matrix)

    def krylov(self, index: int, steps: int) -> Tensor:
        """CG's iterate by its definition: the best point of the Krylov space, unit by unit."""
        matrix, rhs = self.system(index)
        found = []
        for unit in rhs:
            basis = [unit / unit.norm()] if unit.norm() > 0 else []
            while basis and len(basis) < steps:
                new = matrix @ basis[-1]
                for _ in range(2):
                    for old in basis:
                        new = new - (new @ old) * old
                basis.append(new / new.norm())
            if not basis:
                found.append(torch.zeros_like(unit))
                continue
            space = torch.stack(basis, dim=1)
            found.append(space @ torch.linalg.solve(space.T @ matrix @ space, space.T @ unit))
        return self.theta[index] + torch.stack(found)

    def residual(self, index: int, theta: Tensor) -> float:
        matrix, rhs = self.system(index)
        left = rhs - (theta - self.theta[index]) @ matrix
        return float(left.norm() / rhs.norm())

    def proximal(self, index: int, theta: Tensor) -> float:
        distance = (theta - self.theta[index]).square().sum() / (2 * TAU)
        return float(self.misfit(index, theta).square().sum() / 2 + distance)

    def energy(self, theta: dict[int, Tensor], z: dict[int, Tensor], a: dict[int, Tensor]) -> dict:
        """E = L_y + Σ γ/2‖σ(z) − a‖² + ρ/2‖φ(θ, a) − z‖² with ρ = γ = 1/η."""
        top = self.depth
        flat = a[top - 1].reshape(len(self.targets), -1)
        output = F.linear(flat, theta[top][:, :-1], theta[top][:, -1])
        data = F.cross_entropy(output, self.targets).item()
        activation, linear = [], []
        for i in range(1, top):
            value = z[i]
            for module in self.between[i]:
                value = module(value)
            activation.append(float((value - a[i]).square().sum()) / (2 * LR))
            layer = self.layers[i - 1]
            weight = theta[i][:, :-1].reshape(layer.weight.shape)
            if isinstance(layer, nn.Conv2d):
                phi = F.conv2d(a[i - 1], weight, theta[i][:, -1], padding=layer.padding)
            else:
                phi = F.linear(a[i - 1], weight, theta[i][:, -1])
            linear.append(float((phi - z[i]).square().sum()) / (2 * LR))
        total = data + sum(activation) + sum(linear)
        return {"total": total, "data": data, "activation": activation, "linear": linear}


def joined(layer: nn.Module, grad: bool = False) -> Tensor:
    weight = layer.weight.grad if grad else layer.weight.detach()
    bias = layer.bias.grad if grad else layer.bias.detach()
    return torch.cat([weight.flatten(1), bias[:, None]], dim=1)
