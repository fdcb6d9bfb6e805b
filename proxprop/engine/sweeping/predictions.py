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
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from proxprop.analysis.curvature import NetworkCurvature, NetworkLimit
from proxprop.conversion import convert
from proxprop.data.dataset import Dataset
from proxprop.engine.sweeping.jobs import Found
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
                whose = "" if asked is method else " (exact step)"
                self.limits[number] = {**limit, "words": f"{limit['words']}{whose}"}
        except Cancelled:
            return

    def found(self) -> Found:
        """Return what is known so far."""
        return Found(limits={**self.limits}, initial_loss=self.initial_loss)

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
        reason = _unpredictable(method) or ("" if samples else "the network is too large for it")
        payload: LimitPayload = {
            "seed": self._config.seed + self.seed_index,
            "points": [],
            "sharpness": None,
            "words": f"nothing is predicted: {reason}",
        }
        if not reason:
            share = self._config.batch_size / min(samples, len(self._dataset.train))
            boundary = Boundary(method, self._curvature(method, samples), share)
            yield from boundary.seek()
            payload["points"], payload["words"] = boundary.points, boundary.message
            if len(boundary.points) == 1:
                payload["sharpness"] = boundary.sharpness[0]
        self._solved[key] = payload

    def _samples(self) -> int:
        """How many training samples a product can afford; 0 if not even a batch."""
        affordable = int(_PRODUCT_FLOPS / (_FLOPS_PER_FORWARD * forward_flops(self._layers)))
        return 0 if affordable < self._config.batch_size else affordable

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


class Boundary:
    """The predicted boundary of one method on the map, sought bit by bit.

    Args:
        method: The method.
        curvature: Of the network at its initial weights, over the training set.
        share: B/n, what a mini-batch is of the samples that the curvature is taken over.

    Attributes:
        points: Of the boundary, as far as they are known.
        sharpness: The eigenvalue behind each.
        message: What is predicted.
    """

    def __init__(self, method: SweepMethod, curvature: NetworkCurvature, share: float) -> None:
        self.points: list[LimitPoint] = []
        self.sharpness: list[float] = []
        self.message = ""
        self._method = method
        self._curvature = curvature
        self._share = share
        self._momentum = method.optimizer.momentum if MOMENTUM[method.optimizer.name] else 0.0
        self._nesterov = method.optimizer.name == "nesterov"

    def seek(self) -> Iterator[None]:
        """Work out the points, yielding after every product or so."""
        method = self._method
        if method.direction.solver == "explicit":
            limit = self._curvature.explicit_limit(self._momentum, nesterov=self._nesterov)
            self._add(limit, limit.limit, None, f"η < {limit.limit:.3g}")
            yield
        elif method.lr is None:
            yield from self._seek_tau()
        else:
            taus = _spread(method.tau_values)
            for tau in taus:
                limit = self._proximal(tau)
                self._add(limit, limit.limit, tau, f"η < {limit.limit:.3g}")
                yield
            if len(taus) > 1:
                self.message = "the largest stable η at each τ, at the initial weights"

    def _seek_tau(self) -> Iterator[None]:
        """Seek the τ at which the largest stable η, which falls with τ, is the method's own.

        By secants that keep a bracket (Illinois), on logarithms: nearly a straight line.
        """
        method, lr = self._method, self._method.optimizer.lr

        def excess(place: float) -> tuple[float, NetworkLimit]:
            limit = self._proximal(math.exp(place))
            return math.log(min(max(limit.limit, 1e-300), 1e300) / lr), limit

        left, right = (math.log(tau) for tau in (method.tau_values[0], method.tau_values[-1]))
        above, limit = excess(right)
        yield
        if above >= 0:
            self.message = "stable over the whole range of τ, at the initial weights"
            return
        below, limit = excess(left)
        yield
        if below < 0:
            self.message = "unstable over the whole range of τ, at the initial weights"
            return
        place = left
        for _ in range(_MOST_GUESSES):
            place = left + (right - left) * below / (below - above)
            between, limit = excess(place)
            yield
            if abs(between) < _ACCURACY:
                break
            if between > 0:
                left, below, above = place, between, above / 2
            else:
                right, above, below = place, between, below / 2
        tau = math.exp(place)
        self._add(limit, lr, tau, f"τ < {tau:.3g}")
        yield

    def _add(self, limit: NetworkLimit, lr: float, tau: float | None, message: str) -> None:
        """Add a point, unless there is none at any finite η."""
        if not math.isfinite(lr):
            self.message = "no direction of positive curvature at the initial weights"
            return
        place = self._method.place(lr, self._method.direction.tau if tau is None else tau)
        self.points.append({"lr": lr, "tau": tau, "s": place})
        self.sharpness.append(limit.sharpness)
        self.message = f"{message} at the initial weights"

    def _proximal(self, tau: float) -> NetworkLimit:
        """The largest stable η of mini-batch steps at τ, and the eigenvalue behind it."""
        optimizer, share = self._method.optimizer, self._share
        if self._method.lr is None or optimizer.explicit_lr is None:
            # Step sizes in a fixed ratio: with η itself fixed, that is the ratio it is asked at.
            limit = self._curvature.proximal_limit(
                self._momentum,
                nesterov=self._nesterov,
                tau=tau * share,
                explicit_ratio=share * optimizer.last_lr / optimizer.lr,
            )
        else:
            limit = self._curvature.proximal_limit_at(
                optimizer.explicit_lr, self._momentum, nesterov=self._nesterov, tau=tau * share
            )
        return replace(limit, limit=limit.limit * share, sharpness=limit.sharpness / share)


def _spread(values: tuple[float, ...]) -> tuple[float, ...]:
    """At most a few of the values, the first and the last among them."""
    count = min(len(values), _MOST_CURVE_POINTS)
    if count == 1:
        return values[:1]
    return tuple(values[i * (len(values) - 1) // (count - 1)] for i in range(count))
