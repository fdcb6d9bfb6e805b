"""How much memory a run takes at least, from its config alone."""

from __future__ import annotations

from math import prod

from proxprop.spec.catalog.data import DATA
from proxprop.spec.catalog.models import LayerRow
from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import AnyConfig, DirectionConfig, RaceConfig, RunConfig, SweepConfig
from proxprop.spec.config.run import training_samples

# Numbers that an optimizer keeps of each weight, by the setting that brings them.
_KEPT = {"momentum": 1, "betas": 2, "alpha": 1, "rho": 2, "history_size": 20}
_SWEPT = 4  # what a sweep holds of each weight: weights, gradient, direction, momentum


def least_memory(config: AnyConfig) -> float | None:
    """Return bytes that a run needs whatever else happens; None where only its files tell.

    Counted are weights, what is kept of each of them, the samples, one batch's activations and the
    largest system that is solved. What torch itself takes, and copies in passing, come on top.

    Args:
        config: A run, race or sweep whose network fits its data.
    """
    spec, samples = DATA[config.data.name], training_samples(config.data)
    if spec.shape is None or samples is None:
        return None
    layers = config.model.layers(spec.shape, len(spec.classes))
    weights = sum(row.parameters for row in layers)
    if isinstance(config, SweepConfig):
        kept, systems = float(_SWEPT), 0.0
    else:
        contenders = config.contenders if isinstance(config, RaceConfig) else (config,)
        kept = sum(_kept(each.optimizer.name) for each in contenders) + 1.0  # one gradient
        systems = max(_systems(each.direction, layers, config.batch_size) for each in contenders)
    activations = config.batch_size * sum(prod(row.shape) for row in layers)
    numbers = kept * weights + systems + activations + samples * prod(spec.shape)
    shared = config.devices if isinstance(config, RunConfig) else 1  # each holds all but its part
    return shared * numbers * (8 if config.precision == "float64" else 4)


def _kept(optimizer: str) -> float:
    """Return how many numbers are held of each weight, the weight itself included."""
    return 1.0 + max((_KEPT.get(field, 0) for field in OPTIMIZERS[optimizer].fields), default=0)


def _systems(direction: DirectionConfig, layers: list[LayerRow], batch: int) -> float:
    """Return the numbers of the systems that exact directions hold at once."""
    if direction.solver != "exact":
        return 0.0
    columns = [float(row.fan_in + 1) for row in layers if row.kind == "linear"]
    hidden = columns if direction.layers == "all" else columns[:-1]
    if direction.running:
        return sum(width**2 for width in hidden)
    return max((min(batch, width) ** 2 for width in hidden), default=0.0)
