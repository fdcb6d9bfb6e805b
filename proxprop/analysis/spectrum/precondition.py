"""The symmetric root of ProxProp's block preconditioner ``P = (ÃᵀÃ + I/τ)⁻¹``."""

import torch
from torch import Tensor, nn

from proxprop.analysis.spectrum.rows import LayerRows, layer_rows


class GramBasis:
    """Eigenvectors of ``ÃᵀÃ`` with nonzero eigenvalue, for one layer (one group of it).

    Found once from the smaller of Ã's two Grams, it gives ``P^{1/2}`` for every τ.
    """

    def __init__(self, rows: LayerRows) -> None:
        if rows.columns <= rows.count:
            values, vectors = torch.linalg.eigh(rows.gram())
        else:
            dense = rows.dense()
            values, vectors = torch.linalg.eigh(dense @ dense.T)
            vectors = dense.T @ vectors
        # Directions lost in rounding behave as eigenvalue 0, which needs no vector.
        kept = values > torch.finfo(values.dtype).eps * max(rows.columns, rows.count) * values[-1]
        self.values = values[kept]
        self.vectors = torch.nn.functional.normalize(vectors[:, kept], dim=0)

    def root(self, theta: Tensor, tau: float) -> Tensor:
        """Return ``Θ (ÃᵀÃ + I/τ)^{-1/2}``. Shape: (m, d) to (m, d)."""
        rest = tau**0.5
        scale = (self.values + 1 / tau).rsqrt() - rest
        along = theta.to(self.vectors) @ self.vectors
        image: Tensor = rest * theta.to(self.vectors) + (along * scale) @ self.vectors.T
        return image.to(theta)


class LayerPreconditioner:
    """``P^{1/2}`` of one layer, acting on tensors shaped as its parameters that train."""

    def __init__(self, layer: nn.Module, inputs: Tensor) -> None:
        assert isinstance(layer, nn.Linear | nn.Conv2d)
        self.bases = [GramBasis(rows) for rows in layer_rows(layer, inputs)]
        self.has_weight = layer.weight.requires_grad
        self.has_bias = layer.bias is not None and layer.bias.requires_grad

    def root(self, parts: list[Tensor], tau: float) -> list[Tensor]:
        """Apply ``P^{1/2}`` to [weight], [bias] or [weight, bias], whichever train."""
        columns = [parts[0].flatten(1)] if self.has_weight else []
        if self.has_bias:
            columns.append(parts[-1][:, None])
        theta = torch.cat(columns, dim=1)
        blocks = theta.chunk(len(self.bases))
        image = torch.cat([basis.root(block, tau) for basis, block in zip(self.bases, blocks)])
        result = []
        if self.has_weight:
            width = columns[0].shape[1]
            result.append(image[:, :width].reshape(parts[0].shape))
        if self.has_bias:
            result.append(image[:, -1])
        return result
