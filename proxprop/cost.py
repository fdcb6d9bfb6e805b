"""What a step costs by its arithmetic, before it is chosen: the counts that choose the routes."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from proxprop.core.gram.patches import gram_costs, system_costs
from proxprop.core.linear import direction_flops
from proxprop.layers import ProximalLayer, ProxPropConv2d
from proxprop.trial import Learned, run_once


class LayerCost(NamedTuple):
    """FLOPs of one layer's part of a training step.

    Attributes:
        name: The layer's path.
        rows: Rows of its input in a batch, over all its uses.
        columns: Trainable columns of a system.
        plain: Forward and the gradients that are taken: the first layer's input needs none.
        batch: What a step with the batch's Gram adds.
        running: What a step with the running Gram adds on average.
        extra: What the layer adds as it is set.
        gram: The Gram it is set to.
    """

    name: str
    rows: int
    columns: int
    plain: float
    batch: float
    running: float
    extra: float
    gram: str


class StepCost(NamedTuple):
    """The FLOPs of a training step, of its linear and convolutional layers.

    Attributes:
        layers: The proximal ones.
        plain: Of a plain step, explicit layers included.
    """

    layers: tuple[LayerCost, ...]
    plain: float

    @property
    def ratio(self) -> float:
        """(plain + extra)/plain, ≥ 1."""
        return self._ratio([layer.extra for layer in self.layers])

    @property
    def batch_ratio(self) -> float:
        """The same with the batch's Gram in every layer."""
        return self._ratio([layer.batch for layer in self.layers])

    def _ratio(self, extra: list[float]) -> float:
        return 1.0 + sum(extra) / max(self.plain, 1.0)

    @property
    def running(self) -> tuple[str, ...]:
        """Layers that keep a running Gram."""
        return tuple(layer.name for layer in self.layers if layer.gram == "running")

    @property
    def wide(self) -> tuple[str, ...]:
        """Layers with too few rows for their columns: a running Gram makes them dearer."""
        return tuple(layer.name for layer in self.layers if layer.running > layer.batch)

    def __str__(self) -> str:
        text = f"a step costs {self.ratio:.2f} plain ones by its arithmetic"
        if self.running:
            text += f"; gram='running' in {', '.join(self.running)}"
        if dearer := [name for name in self.wide if name in self.running]:
            text += f"; gram='running' is dearer than 'batch' for {', '.join(dearer)}"
        return text


def step_cost(model: nn.Module, example: Any) -> StepCost:
    """Count the arithmetic of a training step on one batch.

    Args:
        model: A converted model; its mode and its running Grams stay as they are.
        example: A batch of the size that is to be trained with: one argument, a tuple of them, or
            a dictionary of keywords.
    """
    layers: list[LayerCost] = []
    plain = 0.0

    def count(name: str, layer: nn.Module, input: Tensor, output: Tensor) -> None:
        nonlocal plain
        assert isinstance(layer.weight, Tensor)
        units = layer.weight.shape[0]
        rows = output.numel() // max(units, 1)
        products = 1 + layer.weight.requires_grad + learned.made(input)
        ordinary = 2.0 * products * rows * layer.weight.numel()
        plain += ordinary
        if isinstance(layer, ProximalLayer) and layer.solver != "explicit":
            layers.append(_layer_cost(name, layer, input, rows, ordinary))

    handles = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            handles.append(
                module.register_forward_hook(
                    lambda layer, inputs, output, name=name: count(name, layer, inputs[0], output)
                )
            )
    learned = Learned(model)
    try:
        with learned:
            run_once(model, example)
    finally:
        for handle in handles:
            handle.remove()
    return StepCost(tuple(layers), plain)


def _layer_cost(
    name: str, layer: ProximalLayer, input: Tensor, rows: int, plain: float
) -> LayerCost:
    steps = layer.cg_steps if layer.solver == "cg" else 0
    units, width = layer.weight.shape[0], layer.weight[0].numel()
    columns = width + (layer.bias is not None)
    if isinstance(layer, ProxPropConv2d):
        geometry, groups = layer.geometry, layer.groups
        shape = input.shape if input.dim() == 4 else (1, *input.shape)
        batch = 2.0 * min(system_costs(shape, geometry, units, steps).values())
        gram = 2.0 * min(gram_costs(shape, geometry).values())
    else:
        groups = 1
        batch = direction_flops(rows, columns, units, steps)
        gram = float(rows) * columns**2
    refreshing = (gram + groups * float(columns) ** 3) / layer.refresh
    running = 2.0 * units * columns**2 + refreshing
    extra = running if layer.gram == "running" else batch
    return LayerCost(name, rows, columns, plain, batch, running, extra, layer.gram)


def choose_grams(model: nn.Module, example: Any) -> StepCost:
    """Set each layer with an exact step to the Gram, batch or running, that takes fewer FLOPs.

    Args:
        model: A converted model.
        example: As for :func:`step_cost`.

    Returns:
        The cost as set now.
    """
    running = {
        layer.name for layer in step_cost(model, example).layers if layer.running < layer.batch
    }
    for name, layer in model.named_modules():
        if isinstance(layer, ProximalLayer):
            chosen = name in running and layer.solver == "exact"
            layer.set_prox(gram="running" if chosen else "batch")
    return step_cost(model, example)
