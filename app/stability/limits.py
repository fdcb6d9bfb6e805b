"""What a network's limits are, what they say and do not say, and what a map's own runs did."""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st

from app.components.notation import count, number
from proxprop.analysis.momentum import limit_factor
from proxprop.analysis.spectra import NetworkSpectra
from proxprop.spec.config import RunConfig
from proxprop.spec.sweeping import MapPayload, MethodPayload, predicted_step

WHY = (
    "- $2/\\lambda_{\\max}(\\nabla^2 J)$ bounds plain steps, "
    "$2/\\lambda_{\\max}(P\\nabla^2 J)$ implicit ones, "
    "$P = (\\tilde A^\\top \\tilde A + I/\\tau)^{-1}$ on implicit layers: both at one point. "
    "Measured on digits, full batch, squared error: implicit descent first fails to lower the "
    "loss within a factor 1.2 of its limit in all 24 runs; plain descent in 5 of 12, and with ReLU "
    "at half of it.\n"
    "- With cross-entropy both deviate. *The curvature grows:* λ_max rises while the network "
    "learns (progressive sharpening), so plain steps that begin below the limit pass it after a "
    "few steps and fail at a fraction of the limit drawn.\n"
    "- *The loss saturates:* past the limit the steps along the steepest direction do flip and "
    "grow, but softmax flattens out and keeps them bounded. Implicit steps then go on lowering the "
    "loss past their limit, and fail later or not within these steps.\n"
    "- Mini-batches add noise of their own; the limits are those of the whole loss. CG's "
    "direction is no linear map of the gradient: the exact step's limit is only a guide for it.\n"
    "- So the implicit step is not stable for every η or τ, and explicit layers keep a limit of "
    "their own."
)
FAILED = ("diverged", "collapsed")


def explanation(predictions: Sequence[str] = ()) -> None:
    """Show, folded, what the limits say; below, what is predicted here."""
    with st.expander("What the limits predict, and what not", icon=":material/rule:"):
        st.markdown(WHY)
        st.markdown("\n".join(f"- {line}" for line in predictions))


def limit_tiles(
    spectra: NetworkSpectra, config: RunConfig, tau: float
) -> list[tuple[str, str, str]]:
    """Return label, value and help of the network's own limits."""
    factor, with_momentum = momentum_factor(config)

    def limit(sharpness: float | None) -> str:
        if sharpness is None:
            return "–"
        return f"η < {number(factor / sharpness)}" if sharpness > 0 else "any η"

    whole = spectra.sharpness_at(tau)
    matched = f", that is η·τ < {number(factor * tau / whole)}" if whole else ""
    gram = "N̄·M, the run's running Gram," if config.direction.running else "ÃᵀÃ"
    ratio = config.optimizer.last_lr / config.optimizer.lr
    last = "η" if ratio == 1 else f"{number(ratio)}·η"
    return [
        (
            "Loss J here",
            number(spectra.loss),
            f"Mean over {count(spectra.samples)} samples, after {count(spectra.step)} steps.",
        ),
        (
            "Network, explicit",
            limit(spectra.sharpness),
            f"2/λ_max(∇²J), the local limit of plain descent{with_momentum}.",
        ),
        (
            "Network, implicit",
            limit(whole),
            f"2/λ_max(P∇²J), P = ({gram} + I/τ)⁻¹, τ = {number(tau)}; explicit layers step with "
            f"{last}{matched}{with_momentum}. CG has no limit of this kind; the exact step's is a "
            "guide.",
        ),
        (
            "Its implicit layers alone",
            limit(spectra.sharpness_at(tau, alone=True)),
            f"The same with the explicit layers standing still{with_momentum}: where this is far "
            "larger, it is the explicit layer that sets the network's limit.",
        ),
    ]


def momentum_factor(config: RunConfig) -> tuple[float, str]:
    """Return what stands in place of the 2 in 2/λ, and why."""
    optimizer = config.optimizer
    if optimizer.name in ("momentum", "nesterov"):
        nesterov = optimizer.name == "nesterov"
        factor = limit_factor(optimizer.momentum, nesterov=nesterov)
        kind = "Nesterov" if nesterov else "momentum"
        return (
            factor,
            f"; with {kind} β = {number(optimizer.momentum)} it is {number(factor)}/λ_max",
        )
    if optimizer.name == "sgd":
        return 2.0, ""
    return 2.0, "; for steps of SGD without momentum, not those of this run's optimizer"


def predictions(payload: MapPayload) -> list[str]:
    """Return, method by method, what is predicted, or why nothing is (first seed)."""
    known = [
        (method["label"], next((limit for limit in method["limits"] if limit is not None), None))
        for method in payload["methods"]
    ]
    return [f"**{label}**: {limit['words']}" for label, limit in known if limit is not None]


def reading(payload: MapPayload) -> list[str]:
    """Return, per method with one step size, what was predicted and what the runs did.

    A method *fails* from the least step size above its best one at which some seed diverges or
    collapses. Methods whose runs have not all ended are left out.
    """
    lines = []
    for method in payload["methods"]:
        if len(method["varies"]) != 1 or any(None in outcomes for outcomes in method["outcomes"]):
            continue
        predicted, failed = predicted_step(method), _first_failure(method)
        largest = max(method["s"])
        outcome = f"no failure up to {_step(largest)}"
        if failed is not None:
            outcome = f"fails from {_step(failed)} on"
        if predicted is not None:
            share = number((failed or largest) / predicted, 2)
            outcome = f"predicted s < {_step(predicted)}, {outcome} (×{share})"
        lines.append(f"**{method['label']}**: {outcome}")
    return lines


def _step(value: float) -> str:
    return f"{value:.0f}" if 1e3 <= value < 1e5 else number(value)


def _first_failure(method: MethodPayload) -> float | None:
    """Return the least s beyond the best one at which some seed failed."""
    sums = [sum(math.inf if x is None else x for x in losses) for losses in method["losses"]]
    best = min(range(len(sums)), key=sums.__getitem__)
    for s, outcomes in sorted(zip(method["s"], method["outcomes"], strict=True)):
        if s > method["s"][best] and any(outcome in FAILED for outcome in outcomes):
            return s
    return None
