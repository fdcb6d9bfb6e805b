"""The full tier: what needs the eigenvectors of a layer's Gram."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from proxprop.analysis.instruments.measures import CG_ITERATIONS, TOP
from proxprop.analysis.spectrum.filters import angle_bound
from proxprop.analysis.spectrum.rows import LayerRows, layer_rows
from proxprop.diagnostics import SolveRecord

# Beyond this many samples *and* columns the eigenvectors cost more than the step they describe.
DENSE_LIMIT = 1024
NAMES = (
    "lambda_max",
    "condition",
    "bound",
    "top_energy",
    "dual",
    *(f"residual_{step}" for step in CG_ITERATIONS),
)


def spectral_measures(
    layer: nn.Module, input: Tensor, grad_output: Tensor, tau: float, record: SolveRecord | None
) -> dict[str, Tensor]:
    """Return the full tier's measures of one layer, NaN where there is none.

    Args:
        layer: A Linear or Conv2d layer that can take proximal directions.
        input: What it received.
        grad_output: Δ, in the shape of its output.
        tau: τ, finite and > 0.
        record: Its solve; None for an explicit step.
    """
    nan = grad_output.new_full((), math.nan, dtype=torch.float64)
    found = dict.fromkeys(NAMES, nan)
    if record is not None:
        found["dual"] = nan.new_tensor(float(record.route.startswith("dual")))
    groups = layer_rows(layer, input)
    if len(groups) > 1 or min(groups[0].count, groups[0].columns) > DENSE_LIMIT:
        return found
    delta = _as_rows(layer, grad_output)
    if not (bool(delta.isfinite().all()) and float(delta.norm()) > 0):
        return found
    values, components = _components(groups[0], delta)
    energy = components.square().sum(dim=1)
    largest, least = float(values[0]), float(values[-1])
    found["lambda_max"] = values[0]
    found["condition"] = (1 + tau * values[0]) / (1 + tau * values[-1])
    found["bound"] = nan.new_tensor(float(angle_bound(least, largest, tau)))
    found["top_energy"] = energy[:TOP].sum() / delta.square().sum()
    if record is not None and record.solver == "cg":
        rhs = values.sqrt()[:, None] * components
        norms = _residuals(values + 1 / tau, rhs, record.steps)
        for step in CG_ITERATIONS:
            if step <= len(norms):
                found[f"residual_{step}"] = norms[step - 1]
    return found


def _components(rows: LayerRows, delta: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nonzero eigenvalues, descending, and ``uᵢᵀΔ``. Shapes: (r,), (r, m)."""
    if rows.columns <= rows.count:
        values, vectors = torch.linalg.eigh(rows.gram())
        kept = _above_rounding(values, rows)
        values, vectors = values[kept], vectors[:, kept]
        # uᵢ = Ãvᵢ/√λᵢ, so that uᵢᵀΔ = vᵢᵀGᵀ/√λᵢ; Ã itself may be far too many patches.
        along = (rows.gradient(delta) @ vectors).T / values.sqrt()[:, None]
    else:
        dense = rows.dense()
        values, vectors = torch.linalg.eigh(dense @ dense.T)
        kept = _above_rounding(values, rows)
        values, along = values[kept], vectors[:, kept].T @ delta
    return values.flip(0), along.flip(0)


def _above_rounding(values: Tensor, rows: LayerRows) -> Tensor:
    return values > torch.finfo(values.dtype).eps * max(rows.count, rows.columns) * values[-1]


def _residuals(mu: Tensor, rhs: Tensor, steps: int) -> list[Tensor]:
    """Return ``‖r_j‖/‖r_0‖`` of CG on ``diag(μ) x = b``, one system a column, over all of them."""
    residual, direction = rhs.clone(), rhs.clone()
    squared = residual.square().sum(dim=0)
    start, norms = squared.sum().sqrt(), []
    negligible = (4 * torch.finfo(rhs.dtype).eps) ** 2 * squared
    for _ in range(min(steps, CG_ITERATIONS[-1])):
        image = mu[:, None] * direction
        active = squared > negligible  # a converged unit stays where it is
        alpha = torch.where(active, squared / (direction * image).sum(dim=0), 0.0)
        residual = residual - alpha * image
        previous, squared = squared, residual.square().sum(dim=0)
        direction = residual + torch.where(active, squared / previous, 0.0) * direction
        norms.append(squared.sum().sqrt() / start)
    return norms


def _as_rows(layer: nn.Module, grad_output: Tensor) -> Tensor:
    delta = grad_output.detach().double()
    if isinstance(layer, nn.Conv2d):
        delta = delta.movedim(-3, -1)
    return delta.reshape(-1, delta.shape[-1])
