"""What happens at a stage and why, in plain words."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

from proxprop.penalty import Stage


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


# By the stage's equation. l is the layer, j the CG iteration of k, left what is left of the
# distance to the request; z, a and theta carry the layer's index, above that of the next one.
_CAPTIONS = MappingProxyType(
    {
        "forward_z": Caption(
            "Forward: {z}",
            "Layer {l} applies its weights to its input.",
            "The forward pass gives every z and a exactly the value its layer computes, so every "
            "penalty starts at zero.",
        ),
        "forward_a": Caption(
            "Forward: {a}",
            "{sigma} turns {z} into {a}, the input of layer {next}.",
            "What is cut off here cannot be asked to change on the way back.",
        ),
        "loss": Caption(
            "Loss",
            "The last layer's output is compared with the true classes.",
            "Every layer fits its neighbours, so the energy E is the loss J alone. Now the sweep "
            "goes from the top down.",
        ),
        "a_half_top": Caption(
            "Request: {a}",
            "The last layer asks for a better input: {a} moves downhill on the loss.",
            "From here on requests travel down: each variable moves so that the one above gets "
            "closer to what it asked for.",
        ),
        "a_half": Caption(
            "Request: {a}",
            "{a} moves so that layer {next}, with its old weights, comes closer to the {above} "
            "asked for.",
            "The change passes through the old weights, transposed. This is the backward pass of "
            "backpropagation, written as a gradient step.",
        ),
        "z_half_top": Caption(
            "Request: {z}",
            "{z} moves downhill on the loss; it is what the last layer's weights are asked for.",
            "The paper leaves the last layer explicit; here it is implicit, too.",
        ),
        "z_half": Caption(
            "Request: {z}",
            "{z} moves so that its output σ({z}) comes closer to the {a} asked for.",
            "Here σ is {inline_sigma}. Where its output does not depend on z nothing moves: no "
            "change of z would help there.",
        ),
        "theta_explicit_top": Caption(
            "{theta}, explicit",
            "The last layer's weights take a gradient step on the loss.",
            "Its problem is the loss itself, not a least-squares fit; the paper takes this step in "
            "both algorithms.",
        ),
        "theta_explicit": Caption(
            "{theta}, explicit",
            "Algorithm 1 takes one gradient step towards the {z} asked for. Plain gradient "
            "descent does the same to this layer.",
            "What is left to {z} as asked for is {left:.2f} of the distance before.",
        ),
        "cg_iteration": Caption(
            "{theta}, implicit: CG {j} of {k}",
            "Algorithm 2 solves for the best weights step by step, with conjugate gradients from "
            "zero.",
            "Each new direction is conjugate to the ones before: what they achieved stays.",
        ),
        "theta_implicit": Caption(
            "{theta}, implicit ({solver})",
            "Algorithm 2 goes where fit and distance balance: close to the z asked for, not far "
            "from the old weights.",
            "Both are weighed at the new weights; that makes the step implicit. {left:.2f} of the "
            "distance is left.",
        ),
    }
)
_OVERSHOT = (
    "Inputs that look alike all pull at the same weights, and the pulls add up: the step goes far "
    "past {z} as asked for and lands {times} times as far from it as before."
)
_FIRST_ITERATION = (
    "The first direction is the gradient, but its length is right for every output unit, not one "
    "size for all."
)


def caption_of(stage: Stage, sigma: str, cg_steps: int | None) -> Caption:
    """Return the caption of a stage.

    Args:
        stage: The stage.
        sigma: Name of the transfer function of the stage's layer.
        cg_steps: Iterations of CG; None for an exact solve.
    """
    caption, left = _CAPTIONS[stage.equation], 1.0
    if stage.subproblem is not None:
        left = stage.subproblem.overshoot
    if stage.equation == "theta_explicit" and left > 1:
        caption = caption._replace(why=_OVERSHOT)
    if stage.cg is not None and stage.cg.iteration == 1:
        caption = caption._replace(why=_FIRST_ITERATION)
    index = _subscript(stage.layer)
    fields = {
        **{"l": stage.layer, "next": stage.layer + 1, "above": f"z{_subscript(stage.layer + 1)}"},
        **{"z": f"z{index}", "a": f"a{index}", "theta": f"θ{index}"},
        "sigma": sigma,
        "inline_sigma": "the identity" if sigma == "The identity" else sigma,
        "j": stage.cg.iteration if stage.cg is not None else None,
        "k": cg_steps,
        "solver": "exact" if cg_steps is None else f"CG {cg_steps}",
        "left": left,
        "times": f"{left:.3g}" if left < 1e5 else f"{left:.1e}",
    }
    return Caption(*(text.format(**fields) for text in caption))


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
