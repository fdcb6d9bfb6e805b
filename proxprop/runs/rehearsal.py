"""Two steps of a small run, so that first-use costs are paid before someone presses Start."""

from __future__ import annotations

from proxprop.runs.executors import executor
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Control


class Silence:
    """Controls that never say anything."""

    def poll(self) -> list[Control]:
        """Return no commands."""
        return []

    def wait(self, seconds: float) -> list[Control]:
        """Return no commands."""
        return []


def rehearse() -> None:
    """Load torch and the default data, and make two steps of the default run."""
    config = RunConfig().replace(**{"budget.epochs": None, "budget.steps": 2})
    for _ in executor(config)(config, Silence()):
        pass
