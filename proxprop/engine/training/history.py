"""The probe batch's activations along a run, as pictures: now, and at a few moments before."""

from __future__ import annotations

import time
from typing import Any

from torch import Tensor

from proxprop.analysis.activations import ActivationProbe
from proxprop.analysis.slow_motion.pictures import picture

MOST = 16  # moments kept beside the present one
SECONDS = 2.0  # between two versions, at least


class ActivationHistory:
    """Keeps every n-th measured step; n doubles whenever there would be too many.

    Args:
        probe: Whose activations are followed.
        classes: Class names.
    """

    def __init__(self, probe: ActivationProbe, classes: tuple[str, ...]) -> None:
        self._probe = probe
        self._head = {"classes": list(classes), "targets": probe.targets.tolist()}
        self._kept: list[dict[str, Any]] = []
        self._measured = 0
        self._every = 1
        self._step = self._shown = -1
        self._shown_at = -float("inf")

    def take(self, step: int) -> None:
        """Take in that the probe has just followed a step."""
        self._step = step
        if self._measured % self._every == 0:
            self._kept.append(self._moment())
            if len(self._kept) > MOST:
                self._kept, self._every = self._kept[::2], 2 * self._every
        self._measured += 1

    def latest(self, force: bool = False) -> dict[str, Any] | None:
        """Return what there is to show; None where nothing is new, or shown a moment ago."""
        now = time.perf_counter()
        if self._step == self._shown or not (force or now - self._shown_at >= SECONDS):
            return None
        self._shown, self._shown_at = self._step, now
        last = self._kept[-1]["step"]
        present = [] if last == self._step else [self._moment()]
        return {**self._head, "moments": [*self._kept, *present]}

    def _moment(self) -> dict[str, Any]:
        layers = {
            name: {"values": _small(shown.values), "change": _small(shown.change)}
            for name, shown in self._probe.pictures().items()
        }
        return {"step": self._step, "layers": layers}


def _small(values: Tensor) -> dict[str, Any]:
    return picture(values.float().cpu().nan_to_num(0, 0, 0))
