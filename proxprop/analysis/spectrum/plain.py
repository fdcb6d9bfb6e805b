"""A plain copy of a model, whose gradients are gradients."""

import copy

from torch import nn


def plain_copy(model: nn.Module) -> nn.Module:
    """Return a deep copy with plain layers: a proximal layer's ``.grad`` is no gradient."""
    # Imported late: spectra of plain models have no use for conversion.
    from proxprop.conversion import revert

    plain = copy.deepcopy(model)
    revert(plain)
    return plain


def proximal_taus(model: nn.Module) -> dict[str, float]:
    """Return τ of the layers that take an implicit step, by qualified name."""
    from proxprop.conversion import iter_prox_layers

    layers = iter_prox_layers(model)
    return {name: layer.tau for name, layer in layers if layer.solver != "explicit"}
