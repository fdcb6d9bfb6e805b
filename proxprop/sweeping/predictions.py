"""Where each method is predicted to become unstable, at the initial weights of one seed.

The limits are those of `proxprop.spectrum`: ``2/λ_max(∇²J)``, ``2/λ_max(P∇²J)``, with the factor of
the method's momentum in place of the 2, and J the loss over the training set. P belongs to
mini-batches: the Gram of all n samples is scaled to a batch of B. Since

    (B/n · ÃᵀÃ + I/τ)⁻¹ = n/B · (ÃᵀÃ + I/(τB/n))⁻¹,

that is a proximal step τB/n on the whole set, with the step size of explicit layers scaled alike.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from proxprop.catalog.models import LayerRow
from proxprop.config import SweepConfig, SweepMethod
from proxprop.conversion import convert
from proxprop.data import Dataset
from proxprop.models import build_model
from proxprop.spectrum import NetworkCurvature
from proxprop.sweeping.layout import LimitPayload, LimitPoint
from proxprop.training.device import DTYPES, autocast_for
from proxprop.training.evaluation import SetEvaluation, forward_flops, piece_size

_PRODUCT_FLOPS = 2e9  # of one Hessian-vector product: some hundredths of a second
_FLOPS_PER_FORWARD = 12.0  # forward, backward, and both once more for the product
_RTOL = 1e-2  # the error of an eigenvalue is of the order of its square
_MOST_PRODUCTS = 60
_RESOLUTION = 1.05  # a boundary in τ is found within this factor
_MOST_CURVE_POINTS = 7

_MOMENTUM = {"sgd": False, "momentum": True, "nesterov": True}


class Cancelled(Exception):
    """The sweep was told to stop."""


class _Limit(NamedTuple):
    """The largest stable η, and the eigenvalue behind it."""

    lr: float
    sharpness: float


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

    def work(self) -> Iterator[None]:
        """Do everything, a little at a time."""
        try:
            yield from self._initial_loss()
            for number, method in enumerate(self._config.methods):
                yield from self._predict(number, method)
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

    def _predict(self, number: int, method: SweepMethod) -> Iterator[None]:
        samples = self._samples()
        words = _unpredictable(method) or ("" if samples else "the network is too large for it")
        found: list[tuple[LimitPoint, float]] = []
        if words:
            words = f"nothing is predicted: {words}"
        else:
            boundary = _Boundary(method, self._curvature(method, samples), self._share(samples))
            for point in boundary.points():
                if point is not None:
                    found.append(point)
                yield
            words = boundary.words
        self.limits[number] = {
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


def _unpredictable(method: SweepMethod) -> str:
    """Why there is no local limit to compute for a method; empty where there is one."""
    optimizer = method.optimizer
    if optimizer.name not in _MOMENTUM:
        return f"the limits are those of SGD, with momentum or not, not of {optimizer.name!r}"
    if method.direction.solver == "explicit" and optimizer.explicit_lr is not None:
        return "layers have different step sizes"
    return ""


class _Boundary:
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
        self._momentum = method.optimizer.momentum if _MOMENTUM[method.optimizer.name] else 0.0
        self._nesterov = method.optimizer.name == "nesterov"
        self.words = ""

    def points(self) -> Iterator[tuple[LimitPoint, float] | None]:
        """Yield points of the boundary with their sharpness, and None in between."""
        method = self._method
        exact = "" if method.direction.solver != "cg" else ", the exact step's"
        if method.direction.solver == "explicit":
            limit = self._explicit()
            self.words = f"η < {limit.lr:.3g} at the initial weights"
            yield self._point(limit.lr, None, limit.sharpness)
        elif method.lr is None:
            yield from self._tau_where_unstable(exact)
        else:
            taus = _spread(method.tau_values)
            for tau in taus:
                limit = self._proximal(tau)
                self.words = f"η < {limit.lr:.3g} at the initial weights{exact}"
                yield self._point(limit.lr, tau, limit.sharpness)
            if len(taus) > 1:
                self.words = f"the largest stable η at each τ, at the initial weights{exact}"

    def _tau_where_unstable(self, exact: str) -> Iterator[tuple[LimitPoint, float] | None]:
        """Bisect for τ: the larger it is, the smaller the largest stable η."""
        method, lr = self._method, self._method.optimizer.lr
        low, high = method.tau_values[0], method.tau_values[-1]
        if self._proximal(high).lr >= lr:
            self.words = f"stable over the whole range of τ, at the initial weights{exact}"
            return
        yield None
        at_low = self._proximal(low)
        if at_low.lr < lr:
            self.words = f"unstable over the whole range of τ, at the initial weights{exact}"
            return
        yield None
        while high > _RESOLUTION * low:
            middle = math.sqrt(low * high)
            limit = self._proximal(middle)
            low, high = (middle, high) if limit.lr >= lr else (low, middle)
            yield None
        tau = math.sqrt(low * high)
        self.words = f"τ < {tau:.3g} at the initial weights{exact}"
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
