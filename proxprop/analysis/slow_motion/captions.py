"""What happens at a stage and why, in plain words."""

from __future__ import annotations

from typing import NamedTuple

from proxprop.penalty import Stage, StageKind


class Caption(NamedTuple):
    """What one frame says.

    Attributes:
        title: What is computed.
        what: One sentence: what happens.
        why: One or two sentences: why, and what to look at.
    """

    title: str
    what: str
    why: str


def caption_of(stage: Stage, depth: int, sigma: str, cg_steps: int | None) -> Caption:
    """Return the caption of a stage.

    Args:
        stage: The stage.
        depth: Number of layers.
        sigma: Name of the transfer function of the stage's layer.
        cg_steps: Iterations of CG; None for an exact solve.
    """
    l, kind = stage.layer, stage.kind  # noqa: E741 (the paper's index)
    if kind is StageKind.FORWARD_Z:
        return Caption(
            f"Forward: z{_sub(l)}",
            f"Layer {l} applies its weights to its input.",
            "The forward pass gives every z and a exactly the value its layer computes, so every "
            "penalty starts at zero.",
        )
    if kind is StageKind.FORWARD_A:
        return Caption(
            f"Forward: a{_sub(l)}",
            f"{sigma} turns z{_sub(l)} into a{_sub(l)}, the input of layer {l + 1}.",
            "What is cut off here cannot be asked to change on the way back.",
        )
    if kind is StageKind.LOSS:
        return Caption(
            "Loss",
            "The last layer's output is compared with the true classes.",
            "Every layer fits its neighbours, so the energy E is the loss J alone. Now the sweep "
            "goes from the top down.",
        )
    if kind is StageKind.A_HALF:
        return _a_half(stage, depth)
    if kind is StageKind.Z_HALF:
        return _z_half(stage, depth, sigma)
    if kind is StageKind.THETA_EXPLICIT:
        return _explicit(stage, depth)
    if kind is StageKind.CG_ITERATION:
        return _cg(stage, cg_steps)
    return _implicit(stage, cg_steps)


def _a_half(stage: Stage, depth: int) -> Caption:
    a = f"a{_sub(stage.layer)}"
    if stage.layer == depth - 1:
        return Caption(
            f"Request: {a}",
            f"The last layer asks for a better input: {a} moves downhill on the loss.",
            "From here on requests travel down: each variable moves so that the one above gets "
            "closer to what it asked for.",
        )
    return Caption(
        f"Request: {a}",
        f"{a} moves so that layer {stage.layer + 1}, with its old weights, comes closer to the "
        f"z{_sub(stage.layer + 1)} asked for.",
        "The change passes through the old weights, transposed. This is the backward pass of "
        "backpropagation, written as a gradient step.",
    )


def _z_half(stage: Stage, depth: int, sigma: str) -> Caption:
    z, l = f"z{_sub(stage.layer)}", stage.layer  # noqa: E741
    if l == depth:
        return Caption(
            f"Request: {z}",
            f"{z} moves downhill on the loss; it is what the last layer's weights are asked for.",
            "The paper leaves the last layer explicit; here it is implicit, too.",
        )
    return Caption(
        f"Request: {z}",
        f"{z} moves so that its output σ({z}) comes closer to the a{_sub(l)} asked for.",
        f"Here σ is {_lower(sigma)}. Where its output does not depend on z nothing moves: no "
        "change of z would help there.",
    )


def _explicit(stage: Stage, depth: int) -> Caption:
    theta, l = f"θ{_sub(stage.layer)}", stage.layer  # noqa: E741
    if l == depth:
        return Caption(
            f"{theta}, explicit",
            "The last layer's weights take a gradient step on the loss.",
            "Its problem is the loss itself, not a least-squares fit; the paper takes this step in "
            "both algorithms.",
        )
    assert stage.subproblem is not None
    left = stage.subproblem.overshoot
    why = (
        f"Inputs that look alike all pull at the same weights, and the pulls add up: the step goes "
        f"far past z{_sub(l)} as asked for and lands {_times(left)} as far from it as before."
        if left > 1
        else f"What is left to z{_sub(l)} as asked for is {left:.2f} of the distance before."
    )
    return Caption(
        f"{theta}, explicit",
        f"Algorithm 1 takes one gradient step towards the z{_sub(l)} asked for. Plain gradient "
        "descent does the same to this layer.",
        why,
    )


def _cg(stage: Stage, cg_steps: int | None) -> Caption:
    assert stage.cg is not None
    theta, j = f"θ{_sub(stage.layer)}", stage.cg.iteration
    why = (
        "The first direction is the gradient, but its length is right for every output unit, not "
        "one size for all."
        if j == 1
        else "Each new direction is conjugate to the ones before: what they achieved stays."
    )
    return Caption(
        f"{theta}, implicit: CG {j} of {cg_steps}",
        "Algorithm 2 solves for the best weights step by step, with conjugate gradients from zero.",
        why,
    )


def _implicit(stage: Stage, cg_steps: int | None) -> Caption:
    theta = f"θ{_sub(stage.layer)}"
    by = "exact" if cg_steps is None else f"CG {cg_steps}"
    assert stage.subproblem is not None
    left = stage.subproblem.overshoot
    return Caption(
        f"{theta}, implicit ({by})",
        "Algorithm 2 goes where fit and distance balance: close to the z asked for, not far from "
        "the old weights.",
        f"Both are weighed at the new weights; that makes the step implicit. "
        f"{left:.2f} of the distance is left.",
    )


def _lower(sigma: str) -> str:
    return "the identity" if sigma == "The identity" else sigma


def _sub(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _times(factor: float) -> str:
    return f"{factor:.3g} times" if factor < 1e5 else f"{factor:.1e} times"
