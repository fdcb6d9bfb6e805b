"""The predicted boundary of one method on the map.

The limits are those of `proxprop.analysis.curvature`: ``2/λ_max(∇²J)``, ``2/λ_max(P∇²J)``, with the
factor of the method's momentum in place of the 2, and J the loss over n samples. P belongs to
mini-batches: the Gram of all samples is scaled to a batch of B. Since

    (B/n · ÃᵀÃ + I/τ)⁻¹ = n/B · (ÃᵀÃ + I/(τB/n))⁻¹,

that is a proximal step τB/n on all samples, with the step size of explicit layers scaled alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from proxprop.analysis.curvature import NetworkCurvature
from proxprop.spec.config import SweepMethod
from proxprop.spec.sweeping import LimitPoint

_ACCURACY = math.log(1.02)  # of η where a boundary in τ is sought
_MOST_GUESSES = 12
_MOST_CURVE_POINTS = 7

# The optimizers that have such a limit, and whether their momentum counts.
MOMENTUM = {"sgd": False, "momentum": True, "nesterov": True}


class _Limit(NamedTuple):
    """The largest stable η, and the eigenvalue behind it."""

    lr: float
    sharpness: float


class Boundary:
    """The predicted boundary of one method on the map.

    Args:
        method: The method.
        curvature: Of the network at its initial weights, over the training set.
        share: B/n, what a mini-batch is of the samples that the curvature is taken over.

    Attributes:
        words: What was found.
    """

    def __init__(self, method: SweepMethod, curvature: NetworkCurvature, share: float) -> None:
        self._method = method
        self._curvature = curvature
        self._share = share
        self._momentum = method.optimizer.momentum if MOMENTUM[method.optimizer.name] else 0.0
        self._nesterov = method.optimizer.name == "nesterov"
        self.words = ""

    def points(self) -> Iterator[tuple[LimitPoint, float] | None]:
        """Yield points of the boundary with their sharpness, and None in between."""
        method = self._method
        if method.direction.solver == "explicit":
            limit = self._explicit()
            self.words = f"η < {limit.lr:.3g} at the initial weights"
            yield self._point(limit.lr, None, limit.sharpness)
        elif method.lr is None:
            yield from self._tau_where_unstable()
        else:
            taus = _spread(method.tau_values)
            for tau in taus:
                limit = self._proximal(tau)
                self.words = f"η < {limit.lr:.3g} at the initial weights"
                yield self._point(limit.lr, tau, limit.sharpness)
            if len(taus) > 1:
                self.words = "the largest stable η at each τ, at the initial weights"

    def _tau_where_unstable(self) -> Iterator[tuple[LimitPoint, float] | None]:
        """Seek the τ at which the largest stable η, which falls with τ, is the method's own.

        By secants that keep a bracket (Illinois), on logarithms: nearly a straight line.
        """
        method, lr = self._method, self._method.optimizer.lr

        def excess(place: float) -> tuple[float, _Limit]:
            limit = self._proximal(math.exp(place))
            return math.log(min(max(limit.lr, 1e-300), 1e300) / lr), limit

        left, right = (math.log(tau) for tau in (method.tau_values[0], method.tau_values[-1]))
        above, limit = excess(right)
        yield None
        if above >= 0:
            self.words = "stable over the whole range of τ, at the initial weights"
            return
        below, limit = excess(left)
        yield None
        if below < 0:
            self.words = "unstable over the whole range of τ, at the initial weights"
            return
        place = left
        for _ in range(_MOST_GUESSES):
            place = left + (right - left) * below / (below - above)
            found, limit = excess(place)
            yield None
            if abs(found) < _ACCURACY:
                break
            if found > 0:
                left, below, above = place, found, above / 2
            else:
                right, above, below = place, found, below / 2
        tau = math.exp(place)
        self.words = f"τ < {tau:.3g} at the initial weights"
        yield self._point(lr, tau, limit.sharpness)

    def _point(
        self, lr: float, tau: float | None, sharpness: float
    ) -> tuple[LimitPoint, float] | None:
        if not math.isfinite(lr):
            self.words = "no direction of positive curvature at the initial weights"
            return None
        place = self._method.place(lr, self._method.direction.tau if tau is None else tau)
        return {"lr": lr, "tau": tau, "s": place}, sharpness

    def _explicit(self) -> _Limit:
        found = self._curvature.explicit_limit(self._momentum, nesterov=self._nesterov)
        return _Limit(found.limit, found.sharpness)

    def _proximal(self, tau: float) -> _Limit:
        """The largest stable η of mini-batch steps at τ."""
        optimizer, share = self._method.optimizer, self._share
        if self._method.lr is None or optimizer.explicit_lr is None:
            # Step sizes in a fixed ratio: with η itself fixed, that is the ratio it is asked at.
            found = self._curvature.proximal_limit(
                self._momentum,
                nesterov=self._nesterov,
                tau=tau * share,
                explicit_ratio=share * optimizer.last_lr / optimizer.lr,
            )
        else:
            found = self._curvature.proximal_limit_at(
                optimizer.explicit_lr, self._momentum, nesterov=self._nesterov, tau=tau * share
            )
        return _Limit(found.limit * share, found.sharpness / share)


def _spread(values: tuple[float, ...]) -> tuple[float, ...]:
    """At most a few of the values, the first and the last among them."""
    count = min(len(values), _MOST_CURVE_POINTS)
    if count == 1:
        return values[:1]
    return tuple(values[i * (len(values) - 1) // (count - 1)] for i in range(count))
