"""Plain backpropagation at the state: what the checks compare with, in one pass."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from proxprop.analysis.slow_motion.source import State


@dataclass(frozen=True)
class PlainPass:
    """What autograd says of one batch.

    Attributes:
        gradients: ∂J/∂θ by parameter name.
        requests: Each layer's input and Δ = ∂J/∂Z, by the layer's name.
    """

    gradients: dict[str, Tensor]
    requests: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def joined(self, name: str) -> Tensor:
        """Return G = [G_W G_b] of a layer. Shape: (m, d)."""
        bias = self.gradients.get(f"{name}.bias")
        parts = [self.gradients[f"{name}.weight"].flatten(1)]
        return torch.cat(parts if bias is None else [*parts, bias[:, None]], dim=1)


def plain_pass(state: State) -> PlainPass:
    """Backpropagate the loss of the state's batch, once."""
    seen: dict[str, tuple[Tensor, Tensor]] = {}

    def watch(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def keep(module: nn.Module, received: tuple[Tensor, ...], output: Tensor) -> Tensor:
            seen[name] = received[0].detach(), output
            return output.clone()  # an in-place activation must not change what is kept

        return module.register_forward_hook(keep)

    handles = [
        watch(name, module)
        for name, module in state.model.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    ]
    parameters = dict(state.model.named_parameters())
    try:
        with torch.enable_grad():
            loss = F.cross_entropy(state.model(state.inputs), state.targets)
            outputs = [output for _, output in seen.values()]
            slopes = torch.autograd.grad(loss, [*parameters.values(), *outputs])
    finally:
        for handle in handles:
            handle.remove()
    deltas = slopes[len(parameters) :]
    return PlainPass(
        dict(zip(parameters, slopes)),
        {name: (received, delta) for (name, (received, _)), delta in zip(seen.items(), deltas)},
    )
