"""What a probe found. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from proxprop.analysis.filters import Array


@dataclass(frozen=True)
class LayerProbe:
    """One layer on one batch.

    Attributes:
        name: Qualified name.
        rows: Rows of Ã (samples or patches).
        columns: Columns of Ã.
        units: Output units (channels).
        method: How the spectrum was found: "primal", "dual" or "lanczos".
        lambda_max: Largest eigenvalue of ``ÃᵀÃ``.
        lambda_max_error: Its error estimate.
        lambda_min: Smallest eigenvalue above rounding.
        trace: Sum of all eigenvalues.
        implicit: Whether the layer takes implicit steps in this network.
        coverage: Share of the reachable request that `components` hold.
        eigenvalues: Nonzero ones, descending. Shape: (r,).
        energy: Share of ``‖Δ‖²`` along each. Shape: (r,).
        components: Of units, along the eigenvectors. Shape: (m, r).
    """

    name: str
    rows: int
    columns: int
    units: int
    method: str
    lambda_max: float
    lambda_max_error: float
    lambda_min: float
    trace: float
    implicit: bool
    coverage: float
    eigenvalues: Array
    energy: Array
    components: Array

    @property
    def subproblem_limit(self) -> float:
        """``2/λ_max``: the limit of explicit steps on the layer's own problem, not of training."""
        return 2.0 / self.lambda_max if self.lambda_max > 0 else float("inf")


@dataclass(frozen=True)
class ProbeResult:
    """A whole network on one batch.

    Attributes:
        samples: Samples in the batch.
        step: Optimizer steps behind the weights; 0 for initial ones.
        loss: J on the batch.
        sharpness: ``λ_max(∇²J)``; None where it was not computed.
        proximal: (τ, ``λ_max(P∇²J)``), ascending in τ.
        implicit: The same with explicit layers as good as still: the implicit layers' own limit.
        unavailable: Why there are no limits; empty where there are.
        layers: The layers, first to last.
    """

    samples: int
    step: int
    loss: float
    sharpness: float | None
    proximal: tuple[tuple[float, float], ...]
    implicit: tuple[tuple[float, float], ...]
    unavailable: str
    layers: tuple[LayerProbe, ...]

    def sharpness_at(self, tau: float, *, alone: bool = False) -> float | None:
        """Return ``λ_max(P∇²J)`` at τ, between measured τ by a straight line in log-log.

        Args:
            tau: τ, finite and > 0.
            alone: Of the implicit layers alone.

        Returns:
            None where nothing was measured.
        """
        pairs = [pair for pair in (self.implicit if alone else self.proximal) if pair[1] > 0]
        if not pairs:
            return None
        taus, values = np.log(np.array(pairs).T)
        return float(np.exp(np.interp(np.log(tau), taus, values)))
