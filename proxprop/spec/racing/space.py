"""Which step sizes a search tries: as many for every contender, spread evenly over its space."""

from __future__ import annotations

import random
from math import exp, log

from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import Contender

# Two decades to either side of what suits the optimizer, within these bounds.
DECADES = 2
LOWEST, HIGHEST = 1e-4, 100.0
TAU = 0.05

Space = dict[str, tuple[float, float]]


def space_of(contender: Contender) -> Space:
    """Return what is searched for a contender: name of a step size → range, logarithmic.

    Plain contenders search η. Proximal ones search η, τ and, where layers stay explicit, the
    explicit layers' η. Muon has a second step size, its partner's, with any direction. Ranges
    reach two decades to either side of what suits the optimizer, from 1e-4 at least to 100 at most.
    """
    spec = OPTIMIZERS[contender.optimizer.name]
    proximal = contender.direction.solver != "explicit"
    space = {"lr": _around(spec.proximal_lr if proximal else spec.lr)}
    if proximal:
        space["tau"] = _around(TAU)
    keeps_explicit = proximal and contender.direction.layers == "hidden"
    if spec.partner:
        space["explicit_lr"] = _around(OPTIMIZERS[spec.partner].lr)
    elif keeps_explicit and not spec.closure:  # a line search has one step size for all layers
        space["explicit_lr"] = _around(spec.lr)
    return space


def candidates(contender: Contender, trials: int, seed: int) -> tuple[Contender, ...]:
    """Return the contender at the step sizes to be tried, its own first.

    The others are a Kronecker sequence on the logarithmic ranges, with the generalised golden
    ratio of the space's dimension and a start drawn by `seed`: any number of trials covers every
    range evenly. Values have three digits.

    Args:
        contender: Who is searched.
        trials: How many, ≥ 1.
        seed: The race's seed.
    """
    space = space_of(contender)
    draw = random.Random(seed)
    starts = [draw.random() for _ in space]
    golden = _golden(len(space))
    found = [contender]
    for trial in range(1, trials):
        values = {
            name: _value(low, high, (start + trial * golden ** -(axis + 1)) % 1.0)
            for axis, (start, (name, (low, high))) in enumerate(zip(starts, space.items()))
        }
        found.append(with_steps(contender, **values))
    return tuple(found)


def with_steps(
    contender: Contender,
    lr: float,
    tau: float | None = None,
    explicit_lr: float | None = None,
) -> Contender:
    """Return a contender at other step sizes.

    Args:
        contender: Whose other settings stay.
        lr: η.
        tau: τ; None to keep it.
        explicit_lr: Explicit layers' η; None keeps its ratio to η, if it has one of its own.
    """
    optimizer = contender.optimizer
    if explicit_lr is None and optimizer.explicit_lr is not None:
        explicit_lr = lr * optimizer.explicit_lr / optimizer.lr
    changes = {"optimizer.lr": lr, "optimizer.explicit_lr": explicit_lr}
    if tau is not None:
        changes["direction.tau"] = tau
    return contender.replace(**changes)


def _around(centre: float) -> tuple[float, float]:
    factor = 10.0**DECADES
    return max(LOWEST, centre / factor), min(HIGHEST, centre * factor)


def _value(low: float, high: float, share: float) -> float:
    return float(f"{exp(log(low) + share * (log(high) - log(low))):.3g}")


def _golden(dimension: int) -> float:
    """Return the root > 1 of x^(d+1) = x + 1: the golden ratio for d = 1."""
    root = 2.0
    for _ in range(60):  # a contraction by more than half each time
        root = (1.0 + root) ** (1.0 / (dimension + 1))
    return root
