"""Clocks: the host's, and a GPU's by events."""

from __future__ import annotations

import itertools
import time
from typing import Protocol

import numpy as np
import torch


class Clock(Protocol):
    """Takes marks; gives the seconds between them once all are taken."""

    def mark(self) -> None:
        """Take the time."""

    def laps(self) -> list[float]:
        """Return the seconds between consecutive marks and forget them."""


class HostClock:
    """``time.perf_counter``."""

    def __init__(self) -> None:
        self._marks: list[float] = []

    def mark(self) -> None:
        self._marks.append(time.perf_counter())

    def laps(self) -> list[float]:
        marks, self._marks = self._marks, []
        return [after - before for before, after in itertools.pairwise(marks)]


class EventClock:
    """CUDA events: the device's own time, without waiting between marks."""

    def __init__(self) -> None:
        self._marks: list[torch.cuda.Event] = []

    def mark(self) -> None:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        self._marks.append(event)

    def laps(self) -> list[float]:
        torch.cuda.synchronize()
        marks, self._marks = self._marks, []
        return [before.elapsed_time(after) / 1e3 for before, after in itertools.pairwise(marks)]


def make_clock(device: torch.device) -> Clock:
    """The clock of a device."""
    return EventClock() if device.type == "cuda" else HostClock()


def summary(values: list[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return {"median": float(middle), "q1": float(low), "q3": float(high)}
