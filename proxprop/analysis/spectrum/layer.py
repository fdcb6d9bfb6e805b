"""The measured spectrum of a layer's Gram ``ÃᵀÃ``."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from proxprop.analysis.spectrum.filters import angle_bound
from proxprop.analysis.spectrum.krylov import lanczos
from proxprop.analysis.spectrum.momentum import step_limit
from proxprop.analysis.spectrum.rows import LayerRows, layer_rows

Method = Literal["primal", "dual", "lanczos"]


@dataclass(frozen=True)
class GramSpectrum:
    """The spectrum of ``ÃᵀÃ``, a batch *sum*: it grows with the batch.

    Attributes:
        eigenvalues: Descending, float64 on the CPU. Complete, except that zeros beyond the number
            of rows are left out; by Lanczos only approximations of the largest.
        lambda_max: The largest.
        lambda_max_error: Its error estimate: rounding for a dense solve, the residual for Lanczos.
        lambda_min: The smallest eigenvalue above rounding, i.e. on the range of Ãᵀ; 0 where only
            the top of the spectrum is known.
        trace: ``tr ÃᵀÃ``, the sum of all eigenvalues.
        rows: Rows of Ã (samples or patches).
        columns: Columns of Ã (inputs, and one for the bias), in one group.
        method: Dense from the columns' side (``primal``) or the rows' (``dual``), or ``lanczos``.
    """

    eigenvalues: Tensor
    lambda_max: float
    lambda_max_error: float
    lambda_min: float
    trace: float
    rows: int
    columns: int
    method: Method

    @property
    def subproblem_limit(self) -> float:
        """``2/λ_max``, the limit of explicit steps on the *layer's own problem*, not training."""
        return step_limit(self.lambda_max)

    def condition(self, tau: float) -> float:
        """Return ``(1 + τλ_max)/(1 + τλ_min)``, the condition of ``ÃᵀÃ + I/τ`` on Ãᵀ's range."""
        return (1 + tau * self.lambda_max) / (1 + tau * self.lambda_min)

    def angle_bound(self, tau: float) -> float:
        """Return the bound on ``cos∠(D, G)`` of this layer at τ (see ``filters.angle_bound``)."""
        return angle_bound(self.lambda_min, self.lambda_max, tau)


def layer_spectrum(
    layer: nn.Module,
    inputs: Tensor,
    *,
    dense_limit: int = 2048,
    rtol: float = 1e-4,
    max_steps: int = 100,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> GramSpectrum:
    """Return the spectrum of ``ÃᵀÃ`` of a Linear or Conv2d layer at its input.

    Args:
        layer: The layer; frozen parameters leave Ã. Groups of a convolution are pooled.
        inputs: The layer's own input (see ``layer_inputs``). Shape: (N, …, d) or (N, C, H, W).
        dense_limit: Solve densely where rows or columns number at most this; else Lanczos.
        rtol: Lanczos' relative tolerance on λ_max, > 0.
        max_steps: Bound on Lanczos' products with ``ÃᵀÃ``.
        seed: Seed of Lanczos' random start.
        dtype: Working precision.
    """
    parts = [
        _spectrum(rows, dense_limit, rtol, max_steps, seed)
        for rows in layer_rows(layer, inputs, dtype)
    ]
    top = max(parts, key=lambda part: part.lambda_max)
    return GramSpectrum(
        torch.cat([part.eigenvalues for part in parts]).sort(descending=True).values,
        top.lambda_max,
        top.lambda_max_error,
        min(part.lambda_min for part in parts),
        sum(part.trace for part in parts),
        top.rows,
        top.columns,
        top.method,
    )


def layer_spectra(
    model: nn.Module,
    inputs: Tensor,
    *,
    layers: Iterable[str] | None = None,
    dense_limit: int = 2048,
    dtype: torch.dtype = torch.float64,
) -> dict[str, GramSpectrum]:
    """Return the spectra of a model's Linear and Conv2d layers on one batch, by qualified name.

    Args:
        model: Any module; it is run forward once, without gradients.
        inputs: The model's input.
        layers: Names to keep; default all that train.
        dense_limit: As for ``layer_spectrum``.
        dtype: Working precision of the Grams.

    Raises:
        ValueError: A name is not among the layers that ran.
    """
    captured = layer_inputs(model, inputs)
    modules = dict(model.named_modules())
    if layers is None:
        trainable = [n for n in captured if any(p.requires_grad for p in modules[n].parameters())]
    else:
        trainable = list(layers)
        unknown = sorted(set(trainable) - set(captured))
        if unknown:
            raise ValueError(f"layers must be among {sorted(captured)}, got {unknown}")
    return {
        name: layer_spectrum(modules[name], captured[name], dense_limit=dense_limit, dtype=dtype)
        for name in trainable
    }


def layer_inputs(model: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    """Return what each Linear and Conv2d layer of a model receives, by qualified name.

    A layer used several times keeps the rows of all its uses, which its Gram adds up.
    """
    calls = layer_calls(model, inputs)
    return {
        name: parts[0] if len(parts) == 1 else torch.cat(parts) for name, parts in calls.items()
    }


def layer_calls(model: nn.Module, inputs: Tensor) -> dict[str, list[Tensor]]:
    """Return the inputs of every single call of each Linear and Conv2d layer, by qualified name."""
    seen: dict[str, list[Tensor]] = {}
    handles = []
    for name, module in model.named_modules():
        if not isinstance(module, nn.Linear | nn.Conv2d):
            continue

        def keep(module: nn.Module, received: tuple[Tensor, ...], name: str = name) -> None:
            last = received[0].detach()
            flat = last.reshape(-1, last.shape[-1]) if isinstance(module, nn.Linear) else last
            seen.setdefault(name, []).append(flat)

        handles.append(module.register_forward_pre_hook(keep))
    try:
        with torch.no_grad():
            model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _spectrum(
    rows: LayerRows, dense_limit: int, rtol: float, max_steps: int, seed: int
) -> GramSpectrum:
    if min(rows.count, rows.columns) > dense_limit:
        return _lanczos_spectrum(rows, rtol, max_steps, seed)
    method: Method
    if rows.columns <= rows.count:
        method, gram = "primal", rows.gram()
    else:
        dense = rows.dense()
        method, gram = "dual", dense @ dense.T
    values = torch.linalg.eigvalsh(gram).flip(0).clamp_min(0)
    top = float(values[0])
    rounding = torch.finfo(gram.dtype).eps * max(rows.count, rows.columns) * top
    positive = values[values > rounding]
    least = float(positive[-1]) if len(positive) else 0.0
    return GramSpectrum(
        values.double().cpu(),
        top,
        rounding,
        least,
        float(gram.trace()),
        rows.count,
        rows.columns,
        method,
    )


def _lanczos_spectrum(rows: LayerRows, rtol: float, max_steps: int, seed: int) -> GramSpectrum:
    sample = next(rows.chunks())
    generator = torch.Generator().manual_seed(seed)
    start = torch.randn(rows.columns, generator=generator, dtype=torch.float64)
    found = lanczos(rows.gram_times, start.to(sample), max_steps=max_steps, rtol=rtol)
    return GramSpectrum(
        found.values.clamp_min(0),
        found.largest,
        found.error,
        0.0,
        rows.trace(),
        rows.count,
        rows.columns,
        "lanczos",
    )
