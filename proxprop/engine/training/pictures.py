"""The pictures a run shows of itself: plain data, so that a page needs no torch to draw them.

- "samples": `{"classes": [name], "items": [{"png": base64, "target": i}]}` for images, or
  `{"classes": [name], "points": {"x": [], "y": [], "target": []}}` for points in the plane.
- "boundary": `{"classes", "x": [low, high], "y": [low, high], "size": n, "probability": [[…]],
  "points"}`; `probability[row][column]` is the last class's, 0…255, at the centres of an n × n
  grid, rows from low to high y.
- "predictions": `{"classes", "items": [{"png", "target": i, "probabilities": [p]}]}`, p to three
  digits.
- "confusion": `{"classes", "split": "validation", "counts": [[…]]}`; row = true class, column =
  predicted class.
- "activations": `{"classes", "targets": [i], "moments": [{"step", "layers": {name: {"values",
  "change"}}}]}` of the probe batch, samples by units after a step and by how much it changed them,
  as small pictures (`proxprop.analysis.slow_motion.pictures`). Only where layers are measured.

Rows of more than two numbers have a "confusion" only. `png` is base64 of a PNG at the image's own
size: `data:image/png;base64,…` shows it.
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from proxprop.analysis.recorder import LayerRecorder
from proxprop.engine.training.history import ActivationHistory
from proxprop.engine.training.session import Session
from proxprop.spec.events import Artifact

GRID = 60
MOST_POINTS = 500
_IMAGES = 12
_SECONDS_BETWEEN = 0.5
Payload = dict[str, Any]


class Pictures:
    """Pictures of the current state, at most two a second of wall-clock time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._history: ActivationHistory | None = None
        self._shown_at = self._confusion_at = -float("inf")
        self._shown_step = -1
        self._is_plane = session.dataset.shape == (2,)
        data = session.dataset
        shown = data.validation if len(data.validation) else data.train
        chosen = spread(len(shown), _IMAGES).to(session.device)
        self._inputs, self._targets = shown.inputs[chosen], shown.targets[chosen].tolist()
        self._are_images = len(data.shape) == 3
        self._pngs = pngs(self._inputs) if self._are_images else []

    def opening(self) -> Iterator[Artifact]:
        """Yield a few training samples."""
        if not (self._is_plane or self._are_images):
            return
        train, classes = self._session.dataset.train, self._session.dataset.classes
        chosen = spread(len(train), MOST_POINTS if self._is_plane else _IMAGES).to(
            self._session.device
        )
        payload = samples(train.inputs[chosen], train.targets[chosen], classes)
        yield Artifact("samples", self._session.step, payload)

    def measured(self, recorder: LayerRecorder) -> None:
        """Take in that `recorder` has just measured the session's last step."""
        if self._history is None and recorder.probe is not None:
            self._history = ActivationHistory(recorder.probe, self._session.dataset.classes)
        if self._history is not None:
            self._history.take(self._session.step)

    def latest(self, force: bool = False) -> Iterator[Artifact]:
        """Yield activations, and the boundary or the predictions, if the last are old enough."""
        if self._history is not None and (payload := self._history.latest(force)):
            yield Artifact("activations", self._session.step, payload)
        now, step = time.perf_counter(), self._session.step
        if step == self._shown_step or not (force or now - self._shown_at >= _SECONDS_BETWEEN):
            return
        self._shown_at, self._shown_step = now, step
        data = self._session.dataset
        if self._is_plane:
            payload = boundary(self._scores, data.train.inputs, data.train.targets, data.classes)
            yield Artifact("boundary", step, payload)
        elif self._are_images:
            scores = self._scores(self._inputs)
            payload = predictions(self._pngs, self._targets, scores, data.classes)
            yield Artifact("predictions", step, payload)

    def confusion(self, counts: Tensor, force: bool = False) -> Iterator[Artifact]:
        """Yield the confusion of the validation set, if the last one is old enough."""
        now = time.perf_counter()
        if force or now - self._confusion_at >= _SECONDS_BETWEEN:
            self._confusion_at = now
            payload = confusion(counts, self._session.dataset.classes)
            yield Artifact("confusion", self._session.step, payload)

    @torch.no_grad()
    def _scores(self, inputs: Tensor) -> Tensor:
        with self._session.autocast():
            scores: Tensor = self._session.model(self._session.prepare(inputs))
        return scores


def samples(inputs: Tensor, targets: Tensor, classes: Sequence[str]) -> Payload:
    """Return what the training samples look like.

    Args:
        inputs: uint8 images (N, C, H, W), or points (N, 2).
        targets: Class indices, (N,).
        classes: Class names.
    """
    if inputs.ndim == 2:
        return {"classes": list(classes), "points": points(inputs, targets)}
    items = [{"png": png, "target": target} for png, target in zip(pngs(inputs), targets.tolist())]
    return {"classes": list(classes), "items": items}


def points(inputs: Tensor, targets: Tensor) -> Payload:
    """Return at most 500 points in the plane with their classes."""
    chosen = spread(len(inputs), MOST_POINTS).to(inputs.device)
    shown = inputs[chosen].double()
    return {
        "x": [round(x, 3) for x in shown[:, 0].tolist()],
        "y": [round(y, 3) for y in shown[:, 1].tolist()],
        "target": targets[chosen].tolist(),
    }


def spread(total: int, most: int) -> Tensor:
    """Return at most `most` indices spread evenly over `total` samples.

    Samples of one class may lie side by side; the first few would show that class only.
    """
    return torch.linspace(0, total - 1, min(total, most), dtype=torch.float64).round().long()


@torch.no_grad()
def boundary(
    scores_of: Callable[[Tensor], Tensor],
    inputs: Tensor,
    targets: Tensor,
    classes: Sequence[str],
    size: int = GRID,
) -> Payload:
    """Return the decision boundary in the plane, with the training points.

    Args:
        scores_of: From stored samples (N, 2) to class scores (N, classes).
        inputs: The training points, (N, 2).
        targets: Their classes, (N,).
        classes: Class names.
        size: Cells of the grid along each axis, ≥ 1.
    """
    low, high = inputs.min(0).values, inputs.max(0).values
    margin = 0.1 * (high - low)
    low, high = low - margin, high + margin
    centres = (torch.arange(size, device=inputs.device) + 0.5) / size
    x, y = (low[i] + centres * (high[i] - low[i]) for i in (0, 1))
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    cells = torch.stack([grid_x.flatten(), grid_y.flatten()], dim=1)
    probability = scores_of(cells).float().softmax(1)[:, -1]
    levels = (probability.nan_to_num() * 255).round().int().view(size, size)
    return {
        "classes": list(classes),
        "x": [low[0].item(), high[0].item()],
        "y": [low[1].item(), high[1].item()],
        "size": size,
        "probability": levels.tolist(),
        "points": points(inputs, targets),
    }


def predictions(
    images: Sequence[str], targets: Sequence[int], scores: Tensor, classes: Sequence[str]
) -> Payload:
    """Return what the model says of some images.

    Args:
        images: Their PNGs, as `pngs` returns them; encoded once, since the images stay.
        targets: Their true classes.
        scores: The model's class scores, (N, classes).
        classes: Class names.
    """
    shares = scores.detach().float().softmax(1).nan_to_num().tolist()
    return {
        "classes": list(classes),
        "items": [
            {"png": png, "target": target, "probabilities": [round(p, 3) for p in row]}
            for png, target, row in zip(images, targets, shares)
        ],
    }


def confusion(counts: Tensor, classes: Sequence[str], split: str = "validation") -> Payload:
    """Return how often which class was taken for which."""
    return {"classes": list(classes), "split": split, "counts": counts.tolist()}


def pngs(images: Tensor) -> list[str]:
    """Return uint8 images (N, C, H, W) as base64 of PNGs; one or three channels, else the first."""
    encoded = []
    for image in images.cpu():
        pixels = image.permute(1, 2, 0) if len(image) == 3 else image[0]
        buffer = io.BytesIO()
        Image.fromarray(pixels.contiguous().numpy()).save(buffer, format="PNG")
        encoded.append(base64.b64encode(buffer.getvalue()).decode("ascii"))
    return encoded
