"""What a network's predicted limits say and do not say: in words, and against a map's own runs."""

from __future__ import annotations

import math

from app.words import number
from proxprop.spec.sweeping import MapPayload, MethodPayload

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


def reading(payload: MapPayload) -> list[str]:
    """Return, per method with one step size, what was predicted and what the runs did.

    A method *fails* from the least step size above its best one at which some seed diverges or
    collapses. Methods whose runs have not all ended are left out.
    """
    found = []
    for method in payload["methods"]:
        if len(method["varies"]) != 1 or any(None in outcomes for outcomes in method["outcomes"]):
            continue
        predicted, failed = _predicted(method), _first_failure(method)
        most = _step(max(method["s"]))
        said = f"fails from {_step(failed)} on" if failed else f"no failure up to {most}"
        if predicted is None:
            found.append(f"**{method['label']}**: {said}")
            continue
        share = number((failed or max(method["s"])) / predicted, 2)
        found.append(f"**{method['label']}**: predicted s < {_step(predicted)}, {said} (×{share})")
    return found


def _step(value: float) -> str:
    return f"{value:.0f}" if 1e3 <= value < 1e5 else number(value)


def _predicted(method: MethodPayload) -> float | None:
    """Return the predicted limit on the common axis: the geometric mean over seeds."""
    logs = [
        math.log(limit["points"][0]["s"])
        for limit in method["limits"]
        if limit is not None and limit["points"]
    ]
    return math.exp(sum(logs) / len(logs)) if logs else None


def _first_failure(method: MethodPayload) -> float | None:
    """Return the least s beyond the best one at which some seed failed."""
    sums = [sum(math.inf if x is None else x for x in losses) for losses in method["losses"]]
    best = min(range(len(sums)), key=sums.__getitem__)
    for s, outcomes in sorted(zip(method["s"], method["outcomes"], strict=True)):
        if s > method["s"][best] and any(outcome in FAILED for outcome in outcomes):
            return s
    return None
