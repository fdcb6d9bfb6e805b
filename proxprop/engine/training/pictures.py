"""Which pictures a run shows of itself, and how often."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import Tensor

from proxprop.engine import artifacts
from proxprop.engine.training.session import Session
from proxprop.spec.events import Artifact

_SECONDS_BETWEEN = 0.5
_IMAGES = 12


class Pictures:
    """Pictures of the current state, at most two a second of wall-clock time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._shown_at = self._confusion_at = -float("inf")
        self._shown_step = -1
        self._is_plane = session.dataset.shape == (2,)
        data = session.dataset
        shown = data.validation if len(data.validation) else data.train
        chosen = artifacts.spread(len(shown), _IMAGES).to(session.device)
        self._inputs, self._targets = shown.inputs[chosen], shown.targets[chosen].tolist()
        self._pngs = [] if self._is_plane else artifacts.pngs(self._inputs)

    def opening(self) -> Artifact:
        """Return a few training samples."""
        train, classes = self._session.dataset.train, self._session.dataset.classes
        chosen = artifacts.spread(
            len(train), artifacts.MOST_POINTS if self._is_plane else _IMAGES
        ).to(self._session.device)
        payload = artifacts.samples(train.inputs[chosen], train.targets[chosen], classes)
        return Artifact("samples", self._session.step, payload)

    def latest(self, force: bool = False) -> Iterator[Artifact]:
        """Yield the boundary or the predictions, if the last ones are old enough."""
        now, step = time.perf_counter(), self._session.step
        if step == self._shown_step or not (force or now - self._shown_at >= _SECONDS_BETWEEN):
            return
        self._shown_at, self._shown_step = now, step
        data = self._session.dataset
        if self._is_plane:
            payload = artifacts.boundary(
                self._scores, data.train.inputs, data.train.targets, data.classes
            )
            yield Artifact("boundary", step, payload)
        else:
            scores = self._scores(self._inputs)
            payload = artifacts.predictions(self._pngs, self._targets, scores, data.classes)
            yield Artifact("predictions", step, payload)

    def confusion(self, counts: Tensor, force: bool = False) -> Iterator[Artifact]:
        """Yield the confusion of the validation set, if the last one is old enough."""
        now = time.perf_counter()
        if force or now - self._confusion_at >= _SECONDS_BETWEEN:
            self._confusion_at = now
            payload = artifacts.confusion(counts, self._session.dataset.classes)
            yield Artifact("confusion", self._session.step, payload)

    @torch.no_grad()
    def _scores(self, inputs: Tensor) -> Tensor:
        with self._session.autocast():
            scores: Tensor = self._session.model(self._session.prepare(inputs))
        return scores
