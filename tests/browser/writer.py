"""A run written down as a worker would, number by number under the test's control."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Artifact, Mark, Point


def loss_at(step: int) -> float:
    """Return a loss that falls with some noise; the same for the same step."""
    noise = np.random.default_rng(step).normal()
    return 2.3 * math.exp(-step / 400) + 0.05 + 0.03 * noise * math.exp(-step / 800)


class Writer:
    """Appends points, marks and artifacts to a store as if training went on.

    Args:
        home: The data directory of the server under test.
        total: Steps of the budget.
        config: Of the run; the default one's if None.
    """

    def __init__(self, home: Path, total: int = 2000, config: RunConfig | None = None) -> None:
        self.store = Store(home / "proxprop.db")
        self.total = total
        self.step = 0
        # This very process plays the worker: it lives as long as the test.
        self.run = self.store.create_run(config or RunConfig(), process=Process.current())
        self.fields: dict[str, Any] = {}
        self.store.append(self.run, fields={"status": "running", "heartbeat": time.time()})
        self._silent = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def advance(self, steps: int, loss: Any = loss_at, **extra: Any) -> None:
        """Write `steps` more steps, evaluating every 20, in one batch."""
        rows = []
        for step in range(self.step, self.step + steps):
            place = {"step": step, "epoch": step / 100, "seconds": step * 0.01}
            values = {"loss": loss(step), "seconds_forward": 0.002}
            rows.append(Point("steps", **place, values=values))
            if step % 20 == 0:
                measured = {
                    "train_loss": 2.3 * math.exp(-step / 400) + 0.05,
                    "validation_loss": 2.25 * math.exp(-step / 400) + 0.12,
                    "validation_accuracy": 1 - 0.9 * math.exp(-step / 300),
                }
                rows.append(Point("evaluations", **place, values=measured))
        self.step += steps
        self.store.append(self.run, rows, fields={**self._place(), "status": "running"}, **extra)

    def fall_silent(self) -> None:
        """Show no more signs of life."""
        self._silent.set()

    def _beat(self) -> None:
        while not self._silent.wait(0.5):
            self.store.append(self.run, fields={"heartbeat": time.time()})

    def mark(self, label: str, changes: dict[str, Any] | None = None) -> None:
        """Record a live change."""
        mark = Mark(self.step, self.step / 100, self.step * 0.01, "set", label, changes or {})
        self.store.append(self.run, events=[(time.time(), mark)])

    def artifact(self, name: str, payload: dict[str, Any]) -> None:
        """Replace a picture."""
        self.store.append(self.run, artifacts=[Artifact(name, self.step, payload)])

    def end(self, outcome: Any = "finished", words: str = "") -> None:
        """End the run."""
        self.fall_silent()
        self.store.append(self.run, fields=self._place())
        self.store.end(self.run, outcome, words)

    def _place(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "epoch": self.step / 100,
            "seconds": self.step * 0.01,
            "progress": min(1.0, self.step / self.total),
            "heartbeat": time.time(),
        }
