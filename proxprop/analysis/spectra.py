"""What is known of layers' Grams and of a network's limits, as plain numbers: no torch.

`proxprop.analysis.layer_problem` measures a layer's, `proxprop.analysis.network_spectra` a whole
network's. What depends on τ and the number of CG steps alone is computed here from the numbers, so
that turning them needs no new measurement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import PlainSerializer, PlainValidator

from proxprop.analysis.filters import (
    Array,
    angle_bound,
    cg_gain,
    cg_polynomial,
    exact_gain,
    explicit_gain,
    positive,
)
from proxprop.analysis.momentum import step_limit
from proxprop.spec.config.base import Config

Method = Literal["primal", "dual", "lanczos"]
Numbers = Annotated[
    Array,
    PlainValidator(lambda values: np.asarray(values, dtype=np.float64)),
    PlainSerializer(lambda values: values.tolist()),
]


class GramSpectrum(Config):
    """The spectrum of ``ÃᵀÃ``, a batch *sum*: it grows with the batch.

    Attributes:
        eigenvalues: The nonzero ones, descending; by Lanczos only approximations of the largest.
            Shape: (r,).
        lambda_max: The largest.
        lambda_max_error: Its error estimate: rounding for a dense solve, the residual for Lanczos.
        lambda_min: The smallest eigenvalue above rounding, i.e. on the range of Ãᵀ; 0 where only
            the top of the spectrum is known.
        trace: ``tr ÃᵀÃ``, the sum of all eigenvalues.
        rows: Rows of Ã (samples or patches).
        columns: Columns of Ã (inputs, and one for the bias), in one group.
        method: Dense from the columns' side (``primal``) or the rows' (``dual``), or ``lanczos``.
    """

    eigenvalues: Numbers
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


class LayerSpectrum(GramSpectrum):
    """A layer's spectrum, and what a batch asks of the layer along it.

    Attributes:
        name: Qualified name of the layer.
        units: Its output units (channels).
        implicit: Whether it takes implicit steps in its network.
        coverage: Share of the reachable request that `components` hold.
        energy: Share of ``‖Δ‖²`` along each eigenvector; what is missing from 1 no weight step can
            reach. Shape: (r,).
        components: ``uᵀΔ/‖Δ‖`` of the units with most energy, in their order. Shape: (m, r).
    """

    name: str
    units: int
    implicit: bool
    coverage: float
    energy: Numbers
    components: Numbers

    def response(self, tau: float, cg_steps: int | None = None) -> LayerResponse:
        """Return what the layer's explicit, exact and CG steps do to its own problem.

        Args:
            tau: τ of the implicit steps and size s of the explicit one, finite and > 0.
            cg_steps: k ≥ 1 for CG's response as well; default none.
        """
        energy, squares = self.energy, self.components**2
        gains = {
            "explicit": explicit_gain(self.eigenvalues, positive(tau, "tau")),
            "exact": exact_gain(self.eigenvalues, tau),
        }
        left = {step: float(energy @ (1 - gain) ** 2) for step, gain in gains.items()}
        if cg_steps is not None:
            rhs = np.sqrt(self.eigenvalues) * self.components
            polynomial = cg_polynomial(self.eigenvalues, rhs, tau, cg_steps)
            by_unit = cg_gain(self.eigenvalues, polynomial)
            along, tiny = squares.sum(axis=0), np.finfo(np.float64).tiny
            gains["cg"] = (squares * by_unit).sum(axis=0) / np.maximum(along, tiny)
            share = (squares * (1 - by_unit) ** 2).sum() / max(along.sum(), tiny)
            left["cg"] = float(energy.sum() * share)
        unreached = max(0.0, 1.0 - float(energy.sum()))
        overshoot = {step: (unreached + rest) ** 0.5 for step, rest in left.items()}
        return LayerResponse(self, tau, cg_steps, gains, overshoot)


@dataclass(frozen=True)
class LayerResponse:
    """How a layer's weight steps answer the change asked of it, ``z^{1/2} − z = −ηΔ``.

    All of it speaks of the layer's own problem, target and input fixed; η drops out. Steps are
    ``explicit`` (at s = τ), ``exact`` and, where asked for, ``cg``.

    Attributes:
        layer: What was measured.
        tau: τ of the implicit steps, s of the explicit one.
        cg_steps: k; None without CG.
        gains: Delivered over requested along each eigenvector, by step. CG's differ by output unit
            and are averaged with their request's energy. Shape: (r,).
        overshoot: ``‖φ(θ⁺, a) − z^{1/2}‖ / ‖φ(θ, a) − z^{1/2}‖`` by step.
    """

    layer: LayerSpectrum
    tau: float
    cg_steps: int | None
    gains: dict[str, Array]
    overshoot: dict[str, float]


class NetworkSpectra(Config):
    """A whole network on one batch: its layers' spectra, and its own limits.

    Attributes:
        samples: Samples in the batch.
        step: Optimizer steps behind the weights; 0 for initial ones.
        loss: J on the batch.
        layers: The layers, first to last.
        sharpness: ``λ_max(∇²J)``; None where it was not computed.
        proximal: (τ, ``λ_max(P∇²J)``), ascending in τ, explicit layers at their share of η.
        implicit: The same with explicit layers as good as still: the implicit layers' own limit.
        unavailable: Why there are no limits; empty where there are.
    """

    samples: int
    step: int
    loss: float
    layers: tuple[LayerSpectrum, ...]
    sharpness: float | None = None
    proximal: tuple[tuple[float, float], ...] = ()
    implicit: tuple[tuple[float, float], ...] = ()
    unavailable: str = ""

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
