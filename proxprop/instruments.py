"""Layerwise measures of a training step.

A point of the table "layers" holds columns "<measure>/<layer name>" with the measures of
`MEASURES`. Every layer with a weight has "update", "norm" and "dead"; layers that can take
proximal directions have all of them, NaN where the current solver gives no meaning (an explicit
step solves nothing). Notation as in the layers: Ã the layer's input rows with a ones column for
the bias, Δ = ∂J/∂Z, G = ΔᵀÃ the gradient, D the update direction left in ``.grad``.

Overshoot speaks of the layer's own subproblem, to move Z towards Z − ηΔ: what is left of the
requested change after the weight step, relative to what was requested. It does not speak of
training as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_weight
from torch.utils.hooks import RemovableHandle

from proxprop.conversion import iter_prox_layers
from proxprop.diagnostics import SolveRecord
from proxprop.models import weight_layers

Layer = nn.Linear | nn.Conv2d


@dataclass(frozen=True)
class Measure:
    """What one measure means.

    Attributes:
        label: Words for a chart's title.
        symbol: The same as a formula.
        tier: Cheapest tier that records it.
        proximal: True if only layers that can take proximal directions have it.
    """

    label: str
    symbol: str
    tier: Literal["cheap", "full"] = "cheap"
    proximal: bool = False


MEASURES: dict[str, Measure] = {
    "update": Measure("relative update", "‖ΔΘ‖ / ‖Θ‖"),
    "norm": Measure("length of the update direction", "‖D‖"),
    "dead": Measure("units without a gradient", "share of columns of Δ that are 0"),
    "cosine": Measure("cosine of direction and gradient", "cos∠(D, G)", proximal=True),
    "overshoot": Measure("implicit step: change left over", "‖Δ − ÃDᵀ‖ / ‖Δ‖", proximal=True),
    "overshoot_explicit": Measure(
        "explicit step with s = τ: change left over", "‖Δ − τÃGᵀ‖ / ‖Δ‖", proximal=True
    ),
    "residual": Measure("residual of the solve", "‖G − D(ÃᵀÃ + I/τ)‖ / ‖G‖", proximal=True),
    "seconds": Measure("time of the solve [s]", "t", proximal=True),
}


class LayerRecorder:
    """Measures every layer during one training step, without changing a number in it.

    Call `begin` before the forward pass, `solved` for every solve, `measure_directions` after the
    backward pass and before anything touches ``.grad``, `measure_updates` after the optimizer.

    Args:
        model: A converted model; layers are those with a weight.
    """

    def __init__(self, model: nn.Module) -> None:
        self._layers = weight_layers(model)
        self._proximal = {name for name, _ in iter_prox_layers(model)}
        self._inputs: dict[str, Tensor] = {}
        self._grads: dict[str, Tensor] = {}
        self._records: dict[str, SolveRecord] = {}
        self._before: dict[str, Tensor] = {}
        self._handles: list[RemovableHandle] = []
        self._values: dict[str, Tensor] = {}

    def begin(self) -> None:
        """Watch the coming forward and backward pass."""
        self._values = {}
        for name, layer in self._layers.items():
            self._handles.append(layer.register_forward_hook(self._capture(name)))

    def solved(self, name: str, record: SolveRecord) -> None:
        """Take the record of a solve; an explicit step is none."""
        if record.solver != "explicit":
            self._records[name] = record

    @torch.no_grad()
    def measure_directions(self, tau: float) -> None:
        """Measure the directions in ``.grad``; `tau` matches the explicit step to the implicit."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        for name, layer in self._layers.items():
            direction = _joined(layer, lambda parameter: parameter.grad)
            grad_output = _wide(self._grads[name])
            self._put("norm", name, direction.norm())
            self._put("dead", name, _dead_share(grad_output, layer))
            if name in self._proximal:
                self._measure_subproblem(name, layer, grad_output, direction, tau)
            self._before[name] = _joined(layer, lambda parameter: parameter)
        self._inputs.clear()
        self._grads.clear()
        self._records.clear()

    @torch.no_grad()
    def measure_updates(self) -> None:
        """Measure how far the optimizer moved the weights."""
        for name, layer in self._layers.items():
            before = self._before.pop(name)
            after = _joined(layer, lambda parameter: parameter)
            self._put("update", name, (after - before).norm() / before.norm())

    def values(self) -> dict[str, float]:
        """Return column → value; waits for the device once."""
        numbers = torch.stack([value.double() for value in self._values.values()]).tolist()
        return dict(zip(self._values, numbers))

    def _measure_subproblem(
        self, name: str, layer: Layer, grad_output: Tensor, direction: Tensor, tau: float
    ) -> None:
        input = _wide(self._inputs[name])
        record = self._records.get(name)
        weight, bias = _gradient(layer, input, grad_output)
        requested = grad_output.norm()
        explicit = (grad_output - tau * _change(layer, input, weight, bias)).norm() / requested
        self._put("overshoot_explicit", name, explicit)
        if record is None:
            nan = requested.new_full((), float("nan"))
            for measure in ("cosine", "overshoot", "residual", "seconds"):
                self._put(measure, name, nan)
            return
        gradient = torch.cat([part.flatten() for part in (weight, bias) if part is not None])
        cosine = direction @ gradient / (direction.norm() * gradient.norm())
        left = grad_output - _change(layer, input, *_direction(layer))
        self._put("cosine", name, cosine)
        self._put("overshoot", name, left.norm() / requested)
        self._put("residual", name, record.relative_residual)
        self._put("seconds", name, requested.new_tensor(record.seconds))

    def _put(self, measure: str, layer: str, value: Tensor) -> None:
        self._values[f"{measure}/{layer}"] = value

    def _capture(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def keep_grad(grad: Tensor) -> None:
            self._grads[name] = grad

        def keep(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            self._inputs[name] = inputs[0].detach()
            output.register_hook(keep_grad)  # type: ignore[no-untyped-call]

        return keep


def _joined(layer: Layer, part: Callable[[nn.Parameter], Tensor | None]) -> Tensor:
    """Return one long copy of what `part` finds at the layer's parameters."""
    found = [part(parameter) for parameter in layer.parameters(recurse=False)]
    return torch.cat([_wide(tensor.detach()).flatten() for tensor in found if tensor is not None])


def _wide(tensor: Tensor) -> Tensor:
    """Return `tensor` in at least float32."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def _direction(layer: Layer) -> tuple[Tensor, Tensor | None]:
    """Return D, split as the layer's parameters are."""
    weight, bias = layer.weight.grad, layer.bias.grad if layer.bias is not None else None
    assert weight is not None
    return _wide(weight), None if bias is None else _wide(bias)


def _gradient(layer: Layer, input: Tensor, grad_output: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return G, split as the layer's parameters are."""
    if isinstance(layer, nn.Conv2d):
        weight = conv2d_weight(  # type: ignore[no-untyped-call]
            input,
            layer.weight.shape,
            grad_output,
            layer.stride,
            layer.padding,
            layer.dilation,
            layer.groups,
        )
        over: tuple[int, ...] = (0, 2, 3)
    else:
        weight = grad_output.flatten(0, -2).mT @ input.flatten(0, -2)
        over = tuple(range(grad_output.ndim - 1))
    return weight, None if layer.bias is None else grad_output.sum(over)


def _change(layer: Layer, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return how a step along (weight, bias) moves the layer's output."""
    if isinstance(layer, nn.Conv2d):
        return F.conv2d(
            input, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups
        )
    return F.linear(input, weight, bias)


def _dead_share(grad_output: Tensor, layer: Layer) -> Tensor:
    """Return the share of units to which no sample of the batch sends a gradient."""
    unit = 1 if isinstance(layer, nn.Conv2d) else grad_output.ndim - 1
    others = [axis for axis in range(grad_output.ndim) if axis != unit]
    return (grad_output.abs().amax(others) == 0).to(grad_output.dtype).mean()
