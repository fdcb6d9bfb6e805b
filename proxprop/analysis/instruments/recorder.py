"""`LayerRecorder`: watches one training step and measures its layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from proxprop.analysis.instruments.measures import Tier
from proxprop.analysis.instruments.spectral import spectral_measures
from proxprop.analysis.instruments.steps import (
    STEP_UNITS,
    explicit_step,
    output_change,
    relative_residual,
    some_units,
)
from proxprop.conversion import iter_prox_layers
from proxprop.diagnostics import SolveRecord
from proxprop.models import weight_layers

Layer = nn.Linear | nn.Conv2d


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
        self._before: dict[str, list[Tensor]] = {}
        self._handles: list[RemovableHandle] = []
        self._tier: Tier = "cheap"
        self._values: dict[str, Tensor] = {}

    def begin(self, tier: Tier = "cheap") -> None:
        """Watch the coming forward and backward pass.

        Args:
            tier: "cheap", or "full" for the measures that need spectra as well.
        """
        self._tier = tier
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
            grad_output = _wide(self._grads[name])
            length = _length([_wide(part) for part in _found(layer, "grad")])
            self._put("norm", name, length)
            self._put("dead", name, _dead_share(grad_output, layer))
            if name in self._proximal:
                self._measure_subproblem(name, layer, grad_output, tau)
                if self._tier == "full":
                    self._measure_spectrum(name, layer, tau)
            self._before[name] = [part.clone() for part in _found(layer, "data")]
        self._inputs.clear()
        self._grads.clear()
        self._records.clear()

    @torch.no_grad()
    def measure_updates(self) -> None:
        """Measure how far the optimizer moved the weights."""
        for name, layer in self._layers.items():
            before = self._before.pop(name)
            size = _length(before)
            # In place: what was copied is ours, and fresh memory as large as the weights is slow.
            moved = [old.sub_(after) for after, old in zip(_found(layer, "data"), before)]
            self._put("update", name, _length(moved) / size)

    def values(self) -> dict[str, float]:
        """Return column → value; waits for the device once."""
        numbers = torch.stack([value.double() for value in self._values.values()]).tolist()
        return dict(zip(self._values, numbers))

    def _measure_subproblem(self, name: str, layer: Layer, grad_output: Tensor, tau: float) -> None:
        input, record = _wide(self._inputs[name]), self._records.get(name)
        some = slice(None)
        if isinstance(layer, nn.Linear):
            some = some_units(grad_output.shape[-1], STEP_UNITS)
            grad_output = grad_output[..., some]
        requested = grad_output.norm()
        gradient, left = explicit_step(layer, input, grad_output, tau)
        self._put("overshoot_explicit", name, left / requested)
        if record is None:
            nan = requested.new_full((), float("nan"))
            for measure in ("cosine", "overshoot", "residual", "seconds"):
                self._put(measure, name, nan)
            return
        direction = _direction(layer, some)
        change = output_change(layer, input, *direction)
        # ⟨D, G⟩ = ⟨D, ΔᵀÃ⟩ = ⟨ÃDᵀ, Δ⟩: the gradient itself is not needed.
        inner = (change * grad_output).sum()
        length = _length([part for part in direction if part is not None])
        self._put("cosine", name, inner / (length * gradient))
        self._put("overshoot", name, (grad_output - change).norm() / requested)
        self._put("residual", name, relative_residual(layer, record))
        self._put("seconds", name, requested.new_tensor(record.seconds))

    def _measure_spectrum(self, name: str, layer: Layer, tau: float) -> None:
        found = spectral_measures(
            layer, self._inputs[name], self._grads[name], tau, self._records.get(name)
        )
        for measure, value in found.items():
            self._put(measure, name, value)

    def _put(self, measure: str, layer: str, value: Tensor) -> None:
        self._values[f"{measure}/{layer}"] = value

    def _capture(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def keep_grad(grad: Tensor) -> None:
            self._grads[name] = grad

        def keep(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            self._inputs[name] = inputs[0].detach()
            output.register_hook(keep_grad)  # type: ignore[no-untyped-call]

        return keep


def _found(layer: Layer, part: Literal["data", "grad"]) -> list[Tensor]:
    """Return the layer's own parameters, or what is left in their ``.grad``."""
    parameters = layer.parameters(recurse=False)
    found = [one.detach() if part == "data" else one.grad for one in parameters]
    return [tensor for tensor in found if tensor is not None]


def _length(parts: list[Tensor]) -> Tensor:
    """Return the length of `parts` as one vector."""
    length: Tensor = torch.stack([torch.linalg.vector_norm(part) for part in parts]).norm()
    return length


def _wide(tensor: Tensor) -> Tensor:
    """Return `tensor` in at least float32."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def _direction(layer: Layer, units: slice) -> tuple[Tensor, Tensor | None]:
    """Return D of some units, split as the layer's parameters are."""
    weight, bias = layer.weight.grad, layer.bias.grad if layer.bias is not None else None
    assert weight is not None
    return _wide(weight[units]), None if bias is None else _wide(bias[units])


def _dead_share(grad_output: Tensor, layer: Layer) -> Tensor:
    """Return the share of units to which no sample of the batch sends a gradient."""
    unit = 1 if isinstance(layer, nn.Conv2d) else grad_output.ndim - 1
    others = [axis for axis in range(grad_output.ndim) if axis != unit]
    return (grad_output.abs().amax(others) == 0).to(grad_output.dtype).mean()
