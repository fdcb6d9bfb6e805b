"""Where each method is predicted to become unstable, at the initial weights of one seed.

J is the loss over the training set. The limits are those of `proxprop.analysis.curvature`:
``2/λ_max(∇²J)``, ``2/λ_max(P∇²J)``, with the factor of the method's momentum in place of the 2, and
J taken over n samples. P belongs to mini-batches: the Gram of all samples is scaled to a batch of
B. Since

    (B/n · ÃᵀÃ + I/τ)⁻¹ = n/B · (ÃᵀÃ + I/(τB/n))⁻¹,

that is a proximal step τB/n on all samples, with the step size of explicit layers scaled alike.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from proxprop.analysis.curvature import NetworkCurvature
from proxprop.conversion import convert
from proxprop.data.dataset import Dataset
from proxprop.engine.training.device import DTYPES, autocast_for
from proxprop.engine.training.session import SetEvaluation, forward_flops, piece_size
from proxprop.models import build_model
from proxprop.spec.catalog.models import LayerRow
from proxprop.spec.config import DirectionConfig, SweepConfig, SweepMethod
from proxprop.spec.sweeping import LimitPayload, LimitPoint

_ACCURACY = math.log(1.02)  # of η where a boundary in τ is sought
_MOST_GUESSES = 12
_MOST_CURVE_POINTS = 7
# The optimizers that have such a limit, and whether their momentum counts.
MOMENTUM = {"sgd": False, "momentum": True, "nesterov": True}
_PRODUCT_FLOPS = 2e9  # of one Hessian-vector product: some hundredths of a second
_FLOPS_PER_FORWARD = 12.0  # forward, backward, and both once more for the product
_RTOL = 3e-2  # of the residual; the error of an eigenvalue is of the order of its square
_MOST_PRODUCTS = 60


class Cancelled(Exception):
    """The sweep was told to stop."""


class _Curvature(NetworkCurvature):
    """A curvature that can be interrupted between two products."""

    cancelled: threading.Event

    def hessian_product(self, vector: Tensor) -> Tensor:
        """Return ``∇²J v``, unless cancelled."""
        if self.cancelled.is_set():
            raise Cancelled
        return super().hessian_product(vector)


class Predictions:
    """Initial loss and predicted limits of one seed, worked out bit by bit.

    Args:
        config: The sweep.
        seed_index: Which seed, counted from the config's.
        dataset: Its data, on `device`.
        device: Where to compute.
        layers: The network's layer table.
        cancelled: Set from elsewhere to stop between two products.

    Attributes:
        seed_index: As given.
        initial_loss: Training loss of the initial weights, None until known.
        limits: Method → prediction, as far as it has come.
    """

    def __init__(
        self,
        config: SweepConfig,
        seed_index: int,
        dataset: Dataset,
        device: torch.device,
        layers: list[LayerRow],
        cancelled: threading.Event,
    ) -> None:
        self._config = config
        self._dataset = dataset
        self._device = device
        self._layers = layers
        self._cancelled = cancelled
        self.seed_index = seed_index
        self.initial_loss: float | None = None
        self.limits: dict[int, LimitPayload] = {}
        self._solved: dict[str, LimitPayload] = {}

    def work(self) -> Iterator[None]:
        """Do everything, a little at a time."""
        try:
            yield from self._initial_loss()
            for number, method in enumerate(self._config.methods):
                # CG has no limit of its own: the exact step's stands for it, and may be known.
                asked = _as_exact(method)
                yield from self._predict(asked)
                limit = self._solved[_key(asked)]
                words = limit["words"] if asked is method else f"{limit['words']} (exact step)"
                self.limits[number] = {**limit, "words": words}
        except Cancelled:
            return

    def _initial_loss(self) -> Iterator[None]:
        config, dataset = self._config, self._dataset
        dtype = DTYPES[config.precision]
        shape, classes = dataset.shape, len(dataset.classes)
        seed = config.seed + self.seed_index
        self._model = build_model(config.model, shape, classes, seed, dtype).to(self._device)
        evaluation = SetEvaluation(
            self._model,
            dataset.train,
            lambda inputs: dataset.prepare(inputs, dtype),
            piece_size(self._layers),
            autocast_for(config.precision, self._device),
        )
        while not evaluation.done:
            evaluation.advance()
            yield
        self.initial_loss = evaluation.loss

    def _predict(self, method: SweepMethod) -> Iterator[None]:
        """Put what is predicted of a method into `_solved`."""
        key = _key(method)
        if key in self._solved:
            return
        samples = self._samples()
        words = _unpredictable(method) or ("" if samples else "the network is too large for it")
        found: list[tuple[LimitPoint, float]] = []
        if words:
            words = f"nothing is predicted: {words}"
        else:
            boundary = Boundary(method, self._curvature(method, samples), self._share(samples))
            for point in boundary.points():
                if point is not None:
                    found.append(point)
                yield
            words = boundary.words
        self._solved[key] = {
            "seed": self._config.seed + self.seed_index,
            "points": [point for point, _ in found],
            "sharpness": found[0][1] if len(found) == 1 else None,
            "words": words,
        }

    def _samples(self) -> int:
        """How many training samples a product can afford; 0 if not even a batch."""
        affordable = int(_PRODUCT_FLOPS / (_FLOPS_PER_FORWARD * forward_flops(self._layers)))
        return 0 if affordable < self._config.batch_size else affordable

    def _share(self, samples: int) -> float:
        return self._config.batch_size / min(samples, len(self._dataset.train))

    def _curvature(self, method: SweepMethod, samples: int) -> _Curvature:
        train = self._dataset.train
        count = min(samples, len(train))
        chosen = torch.arange(count, device=self._device) * len(train) // count
        inputs = self._dataset.prepare(train.inputs[chosen], DTYPES[self._config.precision])
        direction = method.direction
        convert(
            self._model,
            tau=direction.tau,
            solver=direction.solver,
            skip_last=direction.layers == "hidden",
        )
        curvature = _Curvature(
            self._model,
            F.cross_entropy,
            inputs,
            train.targets[chosen],
            rtol=_RTOL,
            max_steps=_MOST_PRODUCTS,
        )
        curvature.cancelled = self._cancelled
        return curvature


def _as_exact(method: SweepMethod) -> SweepMethod:
    """The method with exact steps in place of CG's."""
    if method.direction.solver != "cg":
        return method
    usual = DirectionConfig()
    changes = {"solver": "exact", "cg_steps": usual.cg_steps, "cg_rtol": usual.cg_rtol}
    return method.replace(direction=method.direction.replace(**changes))


def _key(method: SweepMethod) -> str:
    return method.model_dump_json(exclude={"label"})


def _unpredictable(method: SweepMethod) -> str:
    """Why there is no local limit to compute for a method; empty where there is one."""
    optimizer = method.optimizer
    if optimizer.name not in MOMENTUM:
        return f"the limits are those of SGD, with momentum or not, not of {optimizer.name!r}"
    if method.direction.solver == "explicit" and optimizer.explicit_lr is not None:
        return "layers have different step sizes"
    return ""


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
