"""What the callbacks share: a model's conversion, its optimizer's groups, its layers' measures."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from torch import nn
from torch.optim import Optimizer

from proxprop.analysis.recorder import LayerRecorder, Tier
from proxprop.conversion import ConversionReport, convert, iter_prox_layers
from proxprop.diagnostics import Observer
from proxprop.groups import set_explicit_lr


class ProximalSteps:
    """Proximal steps in somebody else's loop, which calls these methods in their order.

    Args:
        explicit_lr: η of the explicit parameters; None for the optimizer's own.
        every: Steps between two measurements of the layers; 0 for none.
        tier: "cheap", or "full" for the measures that need spectra as well.
        **settings: Keyword arguments of `convert`.

    Attributes:
        report: What was converted; None until it was.
    """

    def __init__(
        self, explicit_lr: float | None, every: int, tier: Tier, settings: dict[str, Any]
    ) -> None:
        if every < 0:
            raise ValueError(f"every must be ≥ 0 (0 measures nothing), got {every}")
        self.report: ConversionReport | None = None
        self._explicit_lr = explicit_lr
        self._every = every
        self._tier: Tier = tier
        self._settings = settings
        self._recorder: LayerRecorder | None = None
        self._observers: dict[str, Observer | None] = {}  # what was there before
        self._tau: float | None = None  # while a step is being measured

    def convert(self, model: nn.Module) -> None:
        """Convert the model, once."""
        if self.report is None:
            self.report = convert(model, **self._settings)
            self._recorder = LayerRecorder(model) if self._every else None

    def regroup(self, model: nn.Module, optimizer: Optimizer, schedulers: Iterable[Any]) -> None:
        """Give explicit parameters their own η, in an optimizer and in its schedules."""
        if self._explicit_lr is not None:
            set_explicit_lr(model, optimizer, self._explicit_lr, schedulers)

    def begin(self, model: nn.Module, step: int) -> None:
        """Watch the coming forward and backward pass, if the step's turn has come."""
        layers = dict(iter_prox_layers(model))
        if self._recorder is None or step % self._every or not layers:
            return
        self._tau = next(iter(layers.values())).tau
        self._observers = {name: layer.observer for name, layer in layers.items()}
        for name, layer in layers.items():
            layer.observer = partial(self._recorder.solved, name)
        self._recorder.begin(self._tier)

    def directions(self) -> None:
        """Measure the directions in ``.grad``, before the optimizer takes them."""
        if self._recorder is not None and self._tau is not None:
            self._recorder.measure_directions(self._tau)

    def updates(self, model: nn.Module) -> dict[str, float]:
        """Return what was measured of this step as "layers/<measure>/<layer>"; else nothing."""
        if self._recorder is None or self._tau is None:
            return {}
        self._tau = None
        self._recorder.measure_updates()
        for name, layer in iter_prox_layers(model):
            layer.observer = self._observers.get(name)
        return {f"layers/{name}": value for name, value in self._recorder.values().items()}
