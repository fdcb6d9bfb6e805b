"""Activation updates: what one training step does to the activations of a fixed probe batch.

The probe is a few training samples of each class, chosen once, so that steps can be compared. Each
sample counts as one of the N of a training batch: J is the sum of their losses over N. Notation as
in the layers; z = φ(θ, a′) is a layer's output at its input a′, and a = σ(z) what the next layer
receives (everything between the two is σ). A step moves θ to θ⁺ and, all layers together, z to z⁺
and a to a⁺. Norms run over all samples and units (of a convolution, over all positions too).

=====================  ====================================  =================================
measure                meaning                               formula
=====================  ====================================  =================================
every layer with a weight
asked                  change asked of the output            ‖η ∂J/∂z‖ / ‖z‖
made                   made by its own weights' step         ‖φ(θ⁺, a′) − z‖ / ‖z‖
made_all               made by the whole network's step      ‖z⁺ − z‖ / ‖z‖
reach                  made over asked                       ‖φ(θ⁺, a′) − z‖ / ‖η ∂J/∂z‖
reach_all              the same of the whole network         ‖z⁺ − z‖ / ‖η ∂J/∂z‖
agree                  cosine of asked and made              cos∠(φ(θ⁺, a′) − z, −∂J/∂z)
agree_all              the same of the whole network         cos∠(z⁺ − z, −∂J/∂z)
layers that can take proximal directions
reach_explicit         explicit step, s = τ: made over asked ‖τÃGᵀ‖ / ‖∂J/∂z‖
every layer but the last
asked_a                change asked of the activation        ‖η ∂J/∂a‖ / ‖a‖
made_a                 made by its own weights' step         ‖σ(φ(θ⁺, a′)) − a‖ / ‖a‖
made_all_a             made by the whole network's step      ‖a⁺ − a‖ / ‖a‖
switched               units turned on or off (ReLU only)    share of z, z⁺ of unlike sign
mean, spread           of what the activation returns        after the step
saturated              units whose slope is nearly nothing   share of |σ′| < 0.05 max|σ′|
=====================  ====================================  =================================

What is asked is the gradient's, with the layer's step size η: ``z^{1/2} − z`` of Algorithms 1 and
2 (Frerix et al. 2018). What is made is the optimizer's: with momentum or Adam it is no multiple of
what this one gradient asks. G is the training batch's gradient, Ã the probe's rows; of a linear
layer wider than 1,024 units ``reach_explicit`` is that of 1,024 units evenly spaced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from proxprop.analysis.capture import Layer
from proxprop.analysis.layer_problem import LayerProblem

OUTPUT = ("asked", "made", "made_all", "reach", "reach_all", "agree", "agree_all")
HIDDEN = ("asked_a", "made_a", "made_all_a", "switched", "mean", "spread", "saturated")
FLAT = 0.05  # of the steepest slope


@dataclass(frozen=True)
class Probe:
    """The samples whose activations are followed.

    Attributes:
        inputs: As the model sees them, at least one.
        targets: Their classes.
        batch_size: N of a training batch.
    """

    inputs: Tensor
    targets: Tensor
    batch_size: int


class _Part(NamedTuple):
    """One layer, what stands between it and the next one, and what the probe is there."""

    layer: Layer
    sigma: nn.Sequential
    lr: float
    input: Tensor
    z: Tensor
    a: Tensor
    delta: Tensor  # ∂J/∂z
    delta_a: Tensor | None  # ∂J/∂a; None for the last layer


@dataclass(frozen=True)
class LayerPicture:
    """The probe's activations of one layer, samples by units (channels: means over positions).

    Attributes:
        values: After the step. Shape: (N, m).
        change: By how much the step changed them. Shape: (N, m).
    """

    values: Tensor
    change: Tensor


class ActivationProbe:
    """Follows a probe batch through one training step, without changing a number in it.

    Args:
        model: Layers and what stands between them, in order.
        probe: The samples.
    """

    def __init__(self, model: nn.Sequential, probe: Probe) -> None:
        self._probe = probe
        self._head = nn.Sequential()
        self._chain: dict[str, tuple[Layer, nn.Sequential]] = {}
        sigma = self._head
        for name, module in model.named_children():
            if isinstance(module, nn.Linear | nn.Conv2d):
                sigma = nn.Sequential()
                self._chain[name] = module, sigma
            else:
                sigma.append(module)
        self._parts: dict[str, _Part] = {}
        self._matched: dict[str, list[Tensor]] = {}  # made and asked
        self._changes: dict[str, Tensor] = {}

    @torch.enable_grad()
    def begin(self, step_size: Callable[[Tensor], float]) -> None:
        """Take down the probe's activations, and what is asked of them.

        Args:
            step_size: η in force for a parameter.
        """
        inputs, outputs = [self._head(self._probe.inputs)], []
        for layer, sigma in self._chain.values():
            # Past the layer's own forward: a proximal one would solve in the backward pass.
            bias = None if layer.bias is None else layer.bias.detach()
            outputs.append(_affine(layer, inputs[-1], layer.weight.detach(), bias))
            if len(outputs) == 1:
                outputs[0].requires_grad_()
            inputs.append(sigma(outputs[-1]))
        loss = F.cross_entropy(inputs[-1], self._probe.targets, reduction="sum")
        asked = [*outputs, *inputs[1:-1]]
        grads = torch.autograd.grad(loss, asked, loss.new_tensor(1 / self._probe.batch_size))
        count = len(outputs)
        hidden = [*grads[count:], None]
        self._parts = {
            name: _Part(
                *(layer, sigma, step_size(layer.weight)),
                *(inputs[i].detach(), outputs[i].detach(), inputs[i + 1].detach()),
                *(grads[i], hidden[i]),
            )
            for i, (name, (layer, sigma)) in enumerate(self._chain.items())
        }
        self._matched = {}

    @property
    def targets(self) -> Tensor:
        """The samples' classes."""
        return self._probe.targets

    def problem(self, name: str, dtype: torch.dtype) -> LayerProblem:
        """Return a layer's own problem on the probe."""
        part = self._parts[name]
        return LayerProblem(part.layer, part.input, dtype)

    def match(self, name: str, problem: LayerProblem, change: Tensor, units: slice) -> None:
        """Take the change ``τÃGᵀ`` that the matched explicit step makes of some units."""
        self._matched[name] = [change, problem.request(self._parts[name].delta)[..., units]]

    @torch.inference_mode()
    def measure(self, moved: Mapping[str, list[Tensor]]) -> tuple[list[str], Tensor]:
        """Return columns and their values, once the weights have moved.

        Args:
            moved: θ − θ⁺ of each layer: of its weight and, where there is one, its bias.
        """
        back, whole, own_a, whole_a, responses = [], [], [], [], []
        below: Tensor | None = None  # a⁺ of the layer below
        for name, part in self._parts.items():
            layer, (weight, *bias) = part.layer, moved[name]
            # The other way: made by θ − θ⁺.
            back.append(_affine(layer, part.input, weight, bias[0] if bias else None))
            # The first layer's input stands still: its whole change is its own.
            if below is None:
                whole.append(-back[0])
            else:
                whole.append(_affine(layer, below, layer.weight, layer.bias) - part.z)
            if part.delta_a is not None:
                after = part.z + whole[-1]
                below = part.sigma(after)
                whole_a.append(below - part.a)
                alone = len(whole) == 1
                own_a.append(whole_a[0] if alone else part.sigma(part.z - back[-1]) - part.a)
                responses += _response(part, after, below)
        self._changes = dict(zip(self._parts, whole))
        parts = list(self._parts.values())
        rates = back[0].new_tensor([[part.lr] for part in parts])
        values = [_of_outputs(parts, rates, back, whole)]
        if responses:
            values.append(_of_activations(parts[:-1], rates[:-1], own_a, whole_a))
            values.append(torch.stack(responses))
        if self._matched:
            sides = [[side] for pair in self._matched.values() for side in pair]
            made, asked = lengths(sides).view(-1, 2).T
            values.append(made / asked)
        return self._columns(), torch.cat(values)

    def _columns(self) -> list[str]:
        """Return the columns in the order in which `measure` returns their values."""
        names = list(self._parts)
        return [
            *(f"{measure}/{name}" for measure in OUTPUT for name in names),
            *(f"{measure}/{name}" for measure in HIDDEN[:3] for name in names[:-1]),
            *(f"{measure}/{name}" for name in names[:-1] for measure in HIDDEN[3:]),
            *(f"reach_explicit/{name}" for name in self._matched),
        ]

    @torch.no_grad()
    def pictures(self) -> dict[str, LayerPicture]:
        """Return the activations of each layer after the step measured last."""
        return {name: _picture(self._parts[name], change) for name, change in self._changes.items()}


def _affine(layer: Layer, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return a layer's output with the parameters given."""
    if isinstance(layer, nn.Linear):
        return F.linear(inputs, weight, bias)
    output: Tensor = layer._conv_forward(inputs, weight, bias)
    return output


def _of_outputs(
    parts: list[_Part], rates: Tensor, back: list[Tensor], whole: list[Tensor]
) -> Tensor:
    """Return the measures of `OUTPUT`, each of all layers, as one vector."""
    # One small product a layer holds all its lengths and cosines.
    rows = [
        torch.stack([part.z, part.delta, own, all_]).flatten(1)
        for part, own, all_ in zip(parts, back, whole)
    ]
    products = torch.stack([each @ each.T for each in rows])
    length = products.diagonal(dim1=1, dim2=2).sqrt()
    slope, made = length[:, 1:2], length[:, 2:]
    asked = slope * rates
    relative = torch.cat([asked, made], 1) / length[:, :1]
    # What is asked is −ηΔ; of a layer's own change, `back` is the other way already.
    agree = products[:, 1, 2:] / (slope * made) * made.new_tensor([1.0, -1.0])
    return torch.cat([relative, made / asked, agree], 1).T.flatten()


def _of_activations(
    parts: list[_Part], rates: Tensor, own: list[Tensor], whole: list[Tensor]
) -> Tensor:
    """Return the first measures of `HIDDEN`, each of all layers but the last, as one vector."""
    asked = [part.delta_a for part in parts if part.delta_a is not None]
    rows = [
        torch.stack(same).flatten(1) for same in zip([part.a for part in parts], asked, own, whole)
    ]
    length = torch.stack([torch.linalg.vector_norm(each, dim=1) for each in rows])
    asked_for = length[:, 1:2] * rates
    return (torch.cat([asked_for, length[:, 2:]], 1) / length[:, :1]).T.flatten()


def lengths(groups: list[list[Tensor]]) -> Tensor:
    """Return the length of each group of tensors as one vector; few calls, as layers are many."""
    norms = torch._foreach_norm([tensor for group in groups for tensor in group])
    counts = {len(group) for group in groups}
    if counts == {1}:
        return torch.stack(norms)
    if len(counts) == 1:
        rows = torch.stack(norms).view(len(groups), -1)
    else:
        parts = torch.split(torch.stack(norms), [len(group) for group in groups])
        rows = pad_sequence(list(parts), batch_first=True)
    length: Tensor = torch.linalg.vector_norm(rows, dim=1)
    return length


def _activation(part: _Part) -> nn.Module:
    """Return what follows a layer unit by unit; pooling and flattening are none of it."""
    first = next(part.sigma.children(), None)
    if first is None or isinstance(first, nn.Flatten | nn.MaxPool2d):
        return nn.Identity()
    return first


def _response(part: _Part, after: Tensor, below: Tensor) -> list[Tensor]:
    """Return the last measures of `HIDDEN`: switched, mean, spread, saturated."""
    activation = _activation(part)
    values = below if len(part.sigma) == 1 else activation(after)
    spread, mean = values.std(), values.mean()  # half the time of std_mean
    if isinstance(activation, nn.ReLU):
        on = after > 0
        switched = (on != (part.z > 0)).mean(dtype=mean.dtype)
        return [switched, mean, spread, on.logical_not().mean(dtype=mean.dtype)]
    steepest = 0.25 if isinstance(activation, nn.Sigmoid) else 1.0
    flat = _slope(activation, after).abs() < FLAT * steepest
    return [torch.full_like(mean, torch.nan), mean, spread, flat.mean(dtype=mean.dtype)]


@torch.inference_mode(False)
@torch.enable_grad()
def _slope(activation: nn.Module, z: Tensor) -> Tensor:
    z = z.clone().requires_grad_()
    (slope,) = torch.autograd.grad(activation(z).sum(), z)
    return slope


def _picture(part: _Part, change: Tensor) -> LayerPicture:
    activation = _activation(part)
    before, after = activation(part.z), activation(part.z + change)
    values, moved = after, after - before
    if values.dim() > 2:
        values, moved = (each.flatten(2).mean(2) for each in (values, moved))
    return LayerPicture(values, moved)
