"""Copies of one multilayer perceptron and of its optimizer, computed together."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from proxprop.models import weight_layers
from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import OptimizerConfig

# The optimizers that have a form for copies.
COPIED = ("sgd", "momentum", "nesterov", "adam", "adamw")

_aten = torch.ops.aten


class _Activation(NamedTuple):
    """σ and its derivative; both may overwrite their first argument.

    Attributes:
        apply: z ↦ σ(z); overwrites z where the derivative can do without.
        derivative: (gradient, z, a) ↦ gradient · σ'(z), the function that autograd uses.
    """

    apply: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor, Tensor, Tensor], Tensor]


_ACTIVATIONS: dict[type[nn.Module], _Activation] = {
    nn.ReLU: _Activation(
        torch.relu_, lambda grad, z, a: _aten.threshold_backward(grad, a, 0, grad_input=grad)
    ),
    nn.Tanh: _Activation(
        torch.tanh_, lambda grad, z, a: _aten.tanh_backward(grad, a, grad_input=grad)
    ),
    nn.Sigmoid: _Activation(
        torch.sigmoid_, lambda grad, z, a: _aten.sigmoid_backward(grad, a, grad_input=grad)
    ),
    nn.GELU: _Activation(F.gelu, lambda grad, z, a: _aten.gelu_backward(grad, z)),
    nn.ELU: _Activation(F.elu, lambda grad, z, a: _aten.elu_backward(grad, 1.0, 1, 1, False, z)),
    nn.Softplus: _Activation(
        F.softplus, lambda grad, z, a: _aten.softplus_backward(grad, z, 1, 20)
    ),
    nn.Identity: _Activation(lambda z: z, lambda grad, z, a: grad),
}


class LayerPlace(NamedTuple):
    """Where one layer's parameters lie in a row: weight (m, d), then the bias if there is one."""

    start: int
    units: int
    width: int
    bias: bool

    def weight(self, rows: Tensor) -> Tensor:
        """Return the weights of all copies as a view, (C, m, d)."""
        end = self.start + self.units * self.width
        return rows[:, self.start : end].view(len(rows), self.units, self.width)

    def bias_of(self, rows: Tensor) -> Tensor:
        """Return the biases of all copies as a view, (C, m)."""
        start = self.start + self.units * self.width
        return rows[:, start : start + self.units]

    @property
    def end(self) -> int:
        """First column after this layer."""
        return self.start + self.units * (self.width + self.bias)


class Pass(NamedTuple):
    """One forward and backward pass.

    Attributes:
        losses: Mean cross-entropy of each copy, (C,).
        inputs: Input of each layer: the first (1, N, d), which all copies share, then (C, N, d).
        deltas: ∂J/∂Z of each layer, (C, N, m).
    """

    losses: Tensor
    inputs: list[Tensor]
    deltas: list[Tensor]


class CopiedNetwork:
    """C copies of a chain of linear layers and activations, each a row of parameters.

    What a pass returns lies in buffers that the next pass overwrites: fresh memory for every
    product was measured to cost as much as the products.

    Args:
        model: As `proxprop.models.build_model` makes an "mlp"; gives structure and initial weights.
        copies: C ≥ 1.

    Attributes:
        rows: Parameters, (C, P), layer after layer.
        layers: Where each layer lies in a row.
    """

    def __init__(self, model: nn.Sequential, copies: int) -> None:
        self.layers: list[LayerPlace] = []
        start = 0
        for layer in weight_layers(model).values():
            assert isinstance(layer, nn.Linear)
            place = LayerPlace(start, layer.out_features, layer.in_features, layer.bias is not None)
            self.layers.append(place)
            start = place.end
        named = [_ACTIVATIONS[type(module)] for module in model if type(module) in _ACTIVATIONS]
        missing = len(self.layers) - 1 - len(named)  # "identity" leaves no module behind
        self._activations = named + [_ACTIVATIONS[nn.Identity]] * missing
        initial = torch.cat([p.detach().reshape(-1) for p in model.parameters()])
        self.rows = initial.repeat(copies, 1)
        self._buffers: dict[tuple[str, int, int], Tensor] = {}

    def keep(self, chosen: Tensor) -> None:
        """Drop all copies but the `chosen` (indices)."""
        self.rows = self.rows[chosen]
        self._buffers.clear()

    def scores(self, samples: Tensor) -> Tensor:
        """Return class scores. Shape: (N, d) to (C, K, N)."""
        return self._forward(samples)[2]

    def passes(self, samples: Tensor, targets: Tensor) -> Pass:
        """Return losses, layer inputs and ∂J/∂Z of every copy on one batch.

        Args:
            samples: (N, d).
            targets: Class indices, (N,).
        """
        inputs, outputs, scores = self._forward(samples)
        log_probabilities = scores.log_softmax(1)
        losses = -chosen_classes(log_probabilities, targets).mean(1)
        delta = log_probabilities.exp_()
        index = targets.expand(len(delta), 1, -1)
        delta.scatter_add_(1, index, delta.new_full((), -1.0).expand(index.shape))
        delta /= len(targets)
        deltas = [delta.mT]
        for number in range(len(self.layers) - 1, 0, -1):
            weight = self.layers[number].weight(self.rows)
            incoming = self._buffer("delta", number, len(samples), weight.shape[2])
            torch.bmm(deltas[0], weight, out=incoming)
            activation = self._activations[number - 1]
            deltas.insert(0, activation.derivative(incoming, outputs[number - 1], inputs[number]))
        return Pass(losses, inputs, deltas)

    def _forward(self, samples: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Layer inputs, hidden layers' z (overwritten where not needed) and scores."""
        inputs: list[Tensor] = [samples[None]]
        outputs: list[Tensor] = []
        copies = len(self.rows)
        for number, layer in enumerate(self.layers[:-1]):
            entering = inputs[-1].expand(copies, -1, -1)
            output = self._buffer("output", number, len(samples), layer.units)
            weight = layer.weight(self.rows).mT
            if layer.bias:
                torch.baddbmm(layer.bias_of(self.rows)[:, None], entering, weight, out=output)
            else:
                torch.bmm(entering, weight, out=output)
            outputs.append(output)
            inputs.append(self._activations[number].apply(output))
        # Classes before samples: a softmax along a short last axis takes 20 times as long.
        last, entering = self.layers[-1], inputs[-1].expand(copies, -1, -1)
        scores = torch.bmm(last.weight(self.rows), entering.mT)
        if last.bias:
            scores += last.bias_of(self.rows)[..., None]
        return inputs, outputs, scores

    def _buffer(self, kind: str, number: int, samples: int, width: int) -> Tensor:
        """Memory for one layer's values."""
        key = (kind, number, samples)
        if key not in self._buffers:
            self._buffers[key] = self.rows.new_empty(len(self.rows), samples, width)
        return self._buffers[key]


def chosen_classes(log_probabilities: Tensor, targets: Tensor) -> Tensor:
    """Return the entry of each sample's own class. Shape: (C, K, N) to (C, N)."""
    index = targets.expand(len(log_probabilities), 1, -1)
    return log_probabilities.gather(1, index)[:, 0]


class CopiedOptimizer:
    """The optimizer of some copies, which differ in their step sizes only: torch's own steps.

    Args:
        config: Which of `COPIED`, and its options; `lr` is not read.
        lr: η of each copy, (C,).
        hidden: How many leading columns move at η; the rest moves at the explicit layers' η.
        steps_per_epoch: For schedules.
        steps: Steps of the whole run, for schedules.
    """

    def __init__(
        self, config: OptimizerConfig, lr: Tensor, hidden: int, steps_per_epoch: int, steps: int
    ) -> None:
        self._config = config
        self._lr = lr[:, None]
        fixed = config.explicit_lr
        self._explicit_lr = self._lr if fixed is None else torch.full_like(self._lr, fixed)
        self._hidden = hidden
        self._schedule = (config.schedule, steps_per_epoch, float(steps))
        self._step = 0
        self._state: dict[str, Tensor] = {}
        spec = OPTIMIZERS[config.name]
        self._momentum = config.momentum if "momentum" in spec.fields else 0.0

    def keep(self, chosen: Tensor) -> None:
        """Drop all copies but the `chosen` (indices)."""
        self._lr, self._explicit_lr = self._lr[chosen], self._explicit_lr[chosen]
        self._state = {name: value[chosen] for name, value in self._state.items()}

    def step(self, parameters: Tensor, direction: Tensor) -> None:
        """Move `parameters` (C, P) along `direction` (C, P), which may be overwritten."""
        config = self._config
        if config.clip_norm is not None:
            norm = direction.norm(dim=1, keepdim=True)
            # torch's clip_grad_norm_ has this 1e-6
            direction *= (config.clip_norm / (norm + 1e-6)).clamp(max=1.0)
        schedule, per_epoch, total = self._schedule
        factor = schedule.factor(self._step, per_epoch, total)
        self._step += 1
        if config.name in ("adam", "adamw"):
            self._adam(parameters, direction, factor)
        else:
            self._sgd(parameters, direction, factor)

    def _sgd(self, parameters: Tensor, direction: Tensor, factor: float) -> None:
        if self._config.weight_decay:
            direction = direction.add_(parameters, alpha=self._config.weight_decay)
        update = direction
        if self._momentum:
            velocity = self._state.get("velocity")
            if velocity is None:
                velocity = self._state["velocity"] = direction.clone()
            else:
                velocity.mul_(self._momentum).add_(direction)
            if self._config.name == "nesterov":
                update = direction.add_(velocity, alpha=self._momentum)
            else:
                update = velocity
        self._move(parameters, update, factor)

    def _adam(self, parameters: Tensor, direction: Tensor, factor: float) -> None:
        config = self._config
        if config.weight_decay and config.name == "adam":
            direction = direction.add_(parameters, alpha=config.weight_decay)
        elif config.weight_decay:
            self._move(parameters, parameters * config.weight_decay, factor)
        if not self._state:
            self._state = {name: torch.zeros_like(direction) for name in ("mean", "square")}
        first, second = config.betas
        mean = self._state["mean"].lerp_(direction, 1 - first)
        square = self._state["square"].mul_(second).addcmul_(direction, direction, value=1 - second)
        root = square.sqrt().div_((1 - second**self._step) ** 0.5).add_(config.eps)
        self._move(parameters, mean / root, factor / (1 - first**self._step))

    def _move(self, parameters: Tensor, update: Tensor, factor: float) -> None:
        parts = (
            (slice(None, self._hidden), self._lr),
            (slice(self._hidden, None), self._explicit_lr),
        )
        for columns, lr in parts:
            parameters[:, columns].addcmul_(update[:, columns], lr, value=-factor)
