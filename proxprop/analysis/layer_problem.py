"""A layer's own least-squares problem: eigenpairs of its Gram, and a request along them.

A layer that receives Ã is asked to move ``Z = ÃΘᵀ`` by ``−ηΔ``, target and input fixed. With
eigenpairs ``ÃᵀÃ v = λ v`` and ``u = Ãv/√λ`` the problem falls apart into one number a direction:
the request's component ``uᵀΔ``, of which a weight step delivers a share that depends on λ alone
(`proxprop.analysis.filters`). What is orthogonal to all u no weight step can reach.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from proxprop.analysis.lanczos import lanczos
from proxprop.analysis.rows import LayerRows, layer_rows, units_last
from proxprop.analysis.spectra import GramSpectrum, LayerSpectrum, Method
from proxprop.core.solvers.cg import Operator
from proxprop.core.solvers.recurrence import cg_iterates


class Eigenpairs:
    """Eigenvectors of ``ÃᵀÃ`` with nonzero eigenvalue, for one layer (one group of it).

    Found once from the smaller of Ã's two Grams. Directions lost in rounding count as zero.

    Attributes:
        method: "primal" where the Gram is that of the columns, "dual" where it is the rows'.
        values: Eigenvalues, ascending. Shape: (r,).
        rounding: What counts as zero.
    """

    def __init__(self, rows: LayerRows) -> None:
        self._rows = rows
        self.method: Method = "primal" if rows.columns <= rows.count else "dual"
        gram = rows.gram() if self.method == "primal" else rows.row_gram()
        values, vectors = torch.linalg.eigh(gram)
        eps = torch.finfo(values.dtype).eps
        self.rounding = eps * max(rows.columns, rows.count) * float(values[-1])
        kept = values > self.rounding
        self.values, self._vectors = values[kept], vectors[:, kept]

    @cached_property
    def vectors(self) -> Tensor:
        """The eigenvectors v as columns. Shape: (columns, r)."""
        vectors: Tensor = self._vectors
        if self.method == "dual":
            vectors = nn.functional.normalize(self._rows.gradient(self._vectors), dim=1).T
        return vectors

    def components(self, delta: Tensor) -> Tensor:
        """Return ``uᵀΔ`` of every output unit. Shape: (…, m) to (m, r)."""
        along: Tensor
        if self.method == "dual":
            along = delta.flatten(0, -2).T @ self._vectors
        else:  # uᵀΔ = vᵀGᵀ/√λ: the gradient in place of u, which may have far too many patches
            along = (self._rows.gradient(delta) @ self._vectors) * self.values.rsqrt()
        return along

    def root(self, theta: Tensor, tau: float) -> Tensor:
        """Return ``Θ (ÃᵀÃ + I/τ)^{-1/2}``. Shape: (m, columns) to (m, columns)."""
        rest = tau**0.5
        scale = (self.values + 1 / tau).rsqrt() - rest
        along = theta.to(self.vectors) @ self.vectors
        image: Tensor = rest * theta.to(self.vectors) + (along * scale) @ self.vectors.T
        return image.to(theta)


class LayerProblem:
    """One layer's problem on one batch.

    Args:
        layer: A Linear or Conv2d layer; frozen parameters leave Ã.
        inputs: Its own input. Shape: (N, …, d_in) or (N, C, H, W).
        dtype: Working precision; a float32 Gram loses the small eigenvalues.
        gram: What P has in place of ÃᵀÃ, one matrix for each group (a running Gram); default
            None.

    Attributes:
        groups: Ã, one for each group of a convolution.
    """

    def __init__(
        self,
        layer: nn.Module,
        inputs: Tensor,
        dtype: torch.dtype = torch.float64,
        gram: Tensor | None = None,
    ) -> None:
        self._gram = gram
        self.groups = layer_rows(layer, inputs, dtype)
        self._layer = layer
        self._dtype = dtype

    @property
    def size(self) -> int:
        """Side of the largest Gram that has to be decomposed."""
        return max(min(rows.count, rows.columns) for rows in self.groups)

    @cached_property
    def eigenpairs(self) -> list[Eigenpairs]:
        """Eigenvalues and eigenvectors of each group."""
        return [Eigenpairs(rows) for rows in self.groups]

    @cached_property
    def _averaged(self) -> tuple[Tensor, Tensor] | None:
        """Eigenvalues and eigenvectors of what stands in place of ÃᵀÃ."""
        if self._gram is None:
            return None
        values, vectors = torch.linalg.eigh(self._gram)
        return values.clamp(min=0.0), vectors

    @cached_property
    def spectrum(self) -> GramSpectrum:
        """The spectrum of ``ÃᵀÃ``, by dense decomposition; groups are pooled."""
        return _pooled(
            [_spectrum(rows, pairs) for rows, pairs in zip(self.groups, self.eigenpairs)]
        )

    def request(self, grad_output: Tensor) -> Tensor:
        """Return Δ in the working precision, its units last. Shape: (…, m)."""
        return units_last(self._layer, grad_output.detach()).to(self._dtype)

    def change(self, theta: Tensor) -> Tensor:
        """Return ``ÃΘᵀ``, by how much a step along Θ moves the output. Shape: to (…, m)."""
        blocks = theta.chunk(len(self.groups))
        changes = [rows.product(part) for rows, part in zip(self.groups, blocks)]
        return torch.cat(changes, dim=-1) if len(changes) > 1 else changes[0]

    def explicit_step(
        self,
        delta: Tensor,
        step: float,
        beside: LayerProblem | None = None,
        gradient: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return ``Δ − sÃGᵀ``, what an explicit step leaves of a request, ``‖G‖``, and ``sÃGᵀ``.

        Args:
            delta: Δ as `request` returns it, or some units of a linear layer's. Shape: (…, m).
            step: s.
            beside: The same layer at another input, whose ``sÃGᵀ`` is returned; None for none.
            gradient: G of those units where it is known already; then ``‖G‖`` is None.
                Shape: (m, columns).
        """
        count = len(self.groups)
        if count == 1:  # copies and sums of one are none
            other = beside.groups[0] if beside else None
            change, square, moved = self.groups[0].gradient_image(delta, other, gradient)
        else:
            blocks = delta.chunk(count, dim=-1)
            others = beside.groups if beside else [None] * count
            known = [None] * count if gradient is None else gradient.chunk(count)
            images, squares, there = zip(
                *(
                    rows.gradient_image(part, other, its)
                    for rows, part, other, its in zip(self.groups, blocks, others, known)
                )
            )
            change = torch.cat(images, dim=-1)
            square = torch.stack(squares).sum() if gradient is None else None
            moved = None if beside is None else torch.cat(there, dim=-1)
        left = delta.sub(change, alpha=step)
        length = None if square is None else square.sqrt()
        return left, length, None if moved is None else step * moved

    def components(self, grad_output: Tensor) -> Tensor:
        """Return the components of Δ along the eigenvectors, largest eigenvalue first.

        Args:
            grad_output: Δ, in the shape of the layer's output, which has m units.

        Returns:
            ``uᵀΔ`` by unit and direction; zero between units and directions of different groups.
            Shape: (m, r).
        """
        blocks = self.request(grad_output).chunk(len(self.groups), dim=-1)
        parts = [pairs.components(part) for pairs, part in zip(self.eigenpairs, blocks)]
        values = torch.cat([pairs.values for pairs in self.eigenpairs])
        along: Tensor = torch.block_diag(*parts)  # type: ignore[no-untyped-call]
        return along[:, values.argsort(descending=True)]

    def cg_residuals(self, grad_output: Tensor, tau: float, cg_steps: int) -> Tensor:
        """Return ``‖r_j‖/‖r_0‖`` of CG on ``D (ÃᵀÃ + I/τ) = G``, over all units. Shape: (k,).

        Args:
            grad_output: Δ, in the shape of the layer's output, which asks for something.
            tau: τ, finite and > 0.
            cg_steps: k ≥ 1.
        """
        values = torch.cat([pairs.values for pairs in self.eigenpairs]).sort(descending=True).values
        system = Operator(lambda vectors: (values + 1 / tau) * vectors)
        rhs = values.sqrt() * self.components(grad_output)
        steps = list(cg_iterates(system, rhs, cg_steps + 1, 4 * torch.finfo(rhs.dtype).eps))
        norms = torch.stack([step.squared.sum().sqrt() for step in steps])
        return norms[1:] / norms[0]

    def root(self, theta: Tensor, tau: float) -> Tensor:
        """Return ``Θ P^{1/2}`` with ``P = (ÃᵀÃ + I/τ)⁻¹``. Shape: (m, columns) to the same."""
        if self._averaged is not None:
            values, vectors = self._averaged
            along = torch.stack(theta.chunk(len(values))).to(vectors) @ vectors
            image = (along * (values[:, None] + 1 / tau).rsqrt()) @ vectors.mT
            return image.flatten(0, 1).to(theta)
        blocks = zip(self.eigenpairs, theta.chunk(len(self.groups)))
        return torch.cat([pairs.root(block, tau) for pairs, block in blocks])

    def asked(
        self,
        grad_output: Tensor,
        *,
        name: str = "",
        implicit: bool = True,
        units: int | None = None,
    ) -> LayerSpectrum:
        """Return the spectrum and what Δ asks for along it, as plain numbers.

        Args:
            grad_output: Δ, in the shape of the layer's output.
            name: What the layer is called.
            implicit: Whether it takes implicit steps in its network.
            units: Keep the components of so many output units, those with most energy; default
                all.

        Raises:
            ValueError: Δ is not finite.
        """
        size = float(torch.linalg.vector_norm(grad_output, dtype=self._dtype))
        if not math.isfinite(size):
            raise ValueError(f"grad_output must be finite, got norm {size}")
        along = self.components(grad_output) / (size or 1.0)
        energy, strength = along.square().sum(dim=0), along.square().sum(dim=1)
        kept = strength.argsort(descending=True)[:units].sort().values
        total = float(strength.sum())
        return LayerSpectrum(
            **dict(self.spectrum),
            name=name,
            implicit=implicit,
            units=len(along),
            coverage=float(strength[kept].sum()) / total if total > 0 else 1.0,
            energy=energy.double().cpu().numpy(),
            components=along[kept].double().cpu().numpy(),
        )


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
        inputs: The layer's own input (see ``layer_calls``). Shape: (N, …, d) or (N, C, H, W).
        dense_limit: Decompose where rows or columns number at most this; else Lanczos.
        rtol: Lanczos' relative tolerance on λ_max, > 0.
        max_steps: Bound on Lanczos' products with ``ÃᵀÃ``.
        seed: Seed of Lanczos' random start.
        dtype: Working precision.
    """
    problem = LayerProblem(layer, inputs, dtype)
    if problem.size <= dense_limit:
        return problem.spectrum
    return _pooled([_lanczos_spectrum(rows, rtol, max_steps, seed) for rows in problem.groups])


def _spectrum(rows: LayerRows, pairs: Eigenpairs) -> GramSpectrum:
    values = pairs.values.flip(0)
    largest, least = (float(values[at]) if len(values) else 0.0 for at in (0, -1))
    return _described(rows, values, largest, pairs.rounding, least, pairs.method)


def _lanczos_spectrum(rows: LayerRows, rtol: float, max_steps: int, seed: int) -> GramSpectrum:
    generator = torch.Generator().manual_seed(seed)
    start = torch.randn(rows.columns, generator=generator, dtype=torch.float64)
    result = lanczos(rows.gram_times, start.to(rows.inputs), max_steps=max_steps, rtol=rtol)
    values = result.values.clamp_min(0)
    return _described(rows, values, result.largest, result.error, 0.0, "lanczos")


def _described(
    rows: LayerRows, values: Tensor, largest: float, error: float, least: float, method: Method
) -> GramSpectrum:
    return GramSpectrum(
        eigenvalues=values.double().cpu().numpy(),
        lambda_max=largest,
        lambda_max_error=error,
        lambda_min=least,
        trace=rows.trace(),
        rows=rows.count,
        columns=rows.columns,
        method=method,
    )


def _pooled(parts: list[GramSpectrum]) -> GramSpectrum:
    """Return the spectrum of all groups, described as the one with the largest eigenvalue."""
    top = max(parts, key=lambda part: part.lambda_max)
    return top.model_copy(
        update={
            "eigenvalues": np.sort(np.concatenate([part.eigenvalues for part in parts]))[::-1],
            "lambda_min": min(part.lambda_min for part in parts),
            "trace": sum(part.trace for part in parts),
        }
    )
