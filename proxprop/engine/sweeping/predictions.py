"""Where each method is predicted to become unstable, at the initial weights of one seed.

J is the loss over the training set; the limits themselves are in `boundary`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from proxprop.analysis.curvature import NetworkCurvature
from proxprop.conversion import convert
from proxprop.data.dataset import Dataset
from proxprop.engine.sweeping.boundary import MOMENTUM, Boundary
from proxprop.engine.training.device import DTYPES, autocast_for
from proxprop.engine.training.evaluation import SetEvaluation, forward_flops, piece_size
from proxprop.models import build_model
from proxprop.spec.catalog.models import LayerRow
from proxprop.spec.config import DirectionConfig, SweepConfig, SweepMethod
from proxprop.spec.sweeping import LimitPayload, LimitPoint

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
