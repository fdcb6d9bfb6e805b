"""What stands in place of a batch's ÃᵀÃ where a layer keeps a running Gram: N̄·M."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from proxprop.analysis.filters import angle_bound
from proxprop.analysis.rows import joined
from proxprop.core.running import averaged
from proxprop.core.solvers.precision import compute_dtype
from proxprop.diagnostics import SolveRecord
from proxprop.layers import ProximalLayer


def running_gram(layer: nn.Module) -> Tensor | None:
    """Return the Gram that a layer steps by where that is no batch's.

    Args:
        layer: Any layer.

    Returns:
        N̄·M on the trainable columns, one matrix for each group, (g, p, p); None for a layer that
        takes its batch's Gram.
    """
    if not isinstance(layer, ProximalLayer) or layer.gram != "running":
        return None
    state = layer.running_state()
    if not state:
        return None
    width = layer.weight[0].numel()
    first = 0 if layer.weight.requires_grad else width
    last = width + (layer.bias is not None and layer.bias.requires_grad)
    gram = averaged(state["moment"], state["rows"], state["weight"])
    return gram[:, first:last, first:last]


def saved_grams(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return N̄·M of each layer that has one in a snapshot, by the layer's name."""
    names = [name.split("/")[1] for name in tensors if name.startswith("running/")]
    return {
        name: averaged(
            *(tensors[f"running/{name}/{part}"] for part in ("moment", "rows", "weight"))
        )
        for name in dict.fromkeys(names)
    }


def running_residual(gram: Tensor, record: SolveRecord, units: slice) -> Tensor:
    """Return ‖G − D(N̄·M + I/τ)‖/‖G‖ of some output units; of a layer in groups, of all."""
    dtype = compute_dtype(record.input, record.grad_output)
    delta = record.grad_output[:, units].to(dtype)
    trained = record.weight_direction, record.bias_direction
    gradients = record.operation.gradient(record.input.to(dtype), delta)
    gradient = joined(*(None if d is None else g for d, g in zip(trained, gradients))).to(gram)
    direction = joined(*(None if d is None else d[units] for d in trained)).to(gram)
    left = [
        g - d @ own - d / record.tau
        for g, d, own in zip(gradient.chunk(len(gram)), direction.chunk(len(gram)), gram)
    ]
    size: Tensor = torch.cat(left).norm() / gradient.norm()
    return size


def running_spectrum(gram: Tensor, tau: float) -> dict[str, float]:
    """Return λ_max of N̄·M, the condition of ``N̄·M + I/τ`` and the angle bound it gives."""
    values = torch.linalg.eigvalsh(gram)
    least, largest = float(values.min().clamp(min=0.0)), float(values.max())
    return {
        "lambda_max": largest,
        "condition": (1 + tau * largest) / (1 + tau * least),
        "bound": angle_bound(least, largest, tau),
    }
