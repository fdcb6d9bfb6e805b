"""What each layer receives and what is asked of it: the one way to record both."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from proxprop.conversion import revert
from proxprop.models import weight_layers

Layer = nn.Linear | nn.Conv2d
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass
class LayerCall:
    """One call of a layer.

    Attributes:
        input: What it received, detached. Shape: (N, …, d_in) or (N, C, H, W).
        delta: ``Δ = ∂J/∂Z`` in the shape of its output; None until a backward pass brings it.
    """

    input: Tensor
    delta: Tensor | None = None


class LayerCapture:
    """Records the calls of layers from now on, until closed.

    Nothing that is computed changes, and an in-place activation behind a layer does no harm: Δ is
    the gradient at the layer's own output.

    Args:
        layers: The layers by name.

    Attributes:
        calls: Every call of each layer that ran, by name; filled as the passes go on.
    """

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        self.calls: dict[str, list[LayerCall]] = {}
        self._handles = [
            layer.register_forward_hook(self._hook(name)) for name, layer in layers.items()
        ]

    def close(self) -> None:
        """Record no further calls; those in `calls` still wait for their Δ."""
        for handle in self._handles:
            handle.remove()

    def _hook(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def keep(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            call = LayerCall(inputs[0].detach())
            self.calls.setdefault(name, []).append(call)
            if output.requires_grad:
                output.register_hook(lambda delta: setattr(call, "delta", delta))  # type: ignore[no-untyped-call]

        return keep


@dataclass(frozen=True)
class Backpropagation:
    """What one forward and backward pass tells of a model.

    Attributes:
        gradients: ``∂J/∂θ`` of the parameters that train, by qualified name.
        requests: (input, Δ) of each Linear and Conv2d layer that ran once and that J depends on,
            by qualified name.
    """

    gradients: dict[str, Tensor]
    requests: dict[str, tuple[Tensor, Tensor]]


def plain_copy(model: nn.Module) -> nn.Module:
    """Return a deep copy with plain layers: a proximal layer's ``.grad`` is no gradient."""
    plain = copy.deepcopy(model)
    revert(plain)
    return plain


def backpropagate(model: nn.Module, loss: Loss, inputs: Tensor, target: Tensor) -> Backpropagation:
    """Run a plain copy of a model forward and backward, so that nothing of the caller's changes.

    Args:
        model: Any module.
        loss: ``loss(output, target)``, a scalar.
        inputs: The batch.
        target: Its targets.
    """
    plain = plain_copy(model)
    named = {name: value for name, value in plain.named_parameters() if value.requires_grad}
    with torch.enable_grad(), closing(LayerCapture(weight_layers(plain))) as capture:
        objective = loss(plain(inputs), target)
        gradients = torch.autograd.grad(objective, list(named.values()), materialize_grads=True)
    once = {name: calls[0] for name, calls in capture.calls.items() if len(calls) == 1}
    requests = {
        name: (call.input, call.delta) for name, call in once.items() if call.delta is not None
    }
    return Backpropagation(dict(zip(named, gradients)), requests)


def layer_calls(model: nn.Module, inputs: Tensor) -> dict[str, list[Tensor]]:
    """Return the inputs of every call of each Linear and Conv2d layer, by qualified name."""
    with torch.no_grad(), closing(LayerCapture(weight_layers(model))) as capture:
        model(inputs)
    return {name: [call.input for call in calls] for name, calls in capture.calls.items()}
