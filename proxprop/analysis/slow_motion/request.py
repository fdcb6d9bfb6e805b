"""What to trace: settings, and whose weights. Loads without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from proxprop.spec.config import RunConfig, load_config


@dataclass(frozen=True)
class TraceRequest:
    """One step to be shown in slow motion.

    Attributes:
        config: Data, model, batch and step sizes. An explicit direction is shown beside the exact
            one, all the same.
        run: Run whose checkpoint gives the weights; None for the initial weights of `config`.
        step: Which checkpoint of the run; None for its latest.
    """

    config: RunConfig
    run: str | None = None
    step: int | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the request as plain JSON-able data."""
        return {
            "config": self.config.model_dump(mode="json"),
            "run": self.run,
            "step": self.step,
        }

    @classmethod
    def parse(cls, parameters: dict[str, Any]) -> TraceRequest:
        """Return the request that `parameters` describes.

        Raises:
            ConfigError: If the config is refused.
            TypeError: If it describes a race or a sweep.
        """
        config = load_config(parameters["config"])
        if not isinstance(config, RunConfig):
            raise TypeError(f"config must describe one run, got a {config.kind}")
        return cls(config, parameters.get("run"), parameters.get("step"))
