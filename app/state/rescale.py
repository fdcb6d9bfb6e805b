"""What happens to η when a person switches between explicit and implicit steps.

For small τ an implicit direction is τ times the explicit one, so under SGD (η, τ) acts as an
explicit step of size η·τ. Nothing is changed by itself: an offer is a message and a value.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxprop.spec.catalog.optimizers import OPTIMIZERS


@dataclass(frozen=True)
class Offer:
    """A proposed step size; `lr` is None where keeping η is right, and `message` says why."""

    lr: float | None
    message: str


def rescale(before: str, after: str, lr: float, tau: float, optimizer: str) -> Offer | None:
    """Return what to propose after a switch of the solver from `before` to `after`.

    Args:
        before: "explicit", "exact" or "cg".
        after: The same, now.
        lr: Step size η in force.
        tau: Proximal step τ in force.
        optimizer: Key of `OPTIMIZERS`.

    Returns:
        None where both are explicit or both implicit.
    """
    if (before == "explicit") == (after == "explicit"):
        return None
    spec = OPTIMIZERS[optimizer]
    if spec.closure:
        return Offer(None, f"Keep η: {spec.label} searches along each direction by itself.")
    if spec.scale_invariant:
        return Offer(None, f"Keep η: the step of {spec.label} ignores a direction's length.")
    # Rounded to 12 digits, so that 0.05 / 0.05 and 1 × 0.05 come out as a person expects them.
    if after == "explicit":
        return Offer(float(f"{lr * tau:.12g}"), "The matching explicit step is η·τ.")
    return Offer(float(f"{lr / tau:.12g}"), "The matching implicit step has η/τ.")
