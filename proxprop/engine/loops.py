"""Which loop carries out which kind of config; a new kind of run is one line here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from proxprop.engine.racing import race
from proxprop.engine.sweeping import sweep
from proxprop.engine.training import train
from proxprop.spec.config import RunConfig
from proxprop.spec.controls import Controls, Loop
from proxprop.spec.events import Event


def train_here_or_together(config: RunConfig, controls: Controls, **rest: Any) -> Iterator[Event]:
    """Train in this process, or lead as many as the run asks for."""
    if config.devices == 1:
        return train(config, controls, **rest)
    # Late: a run in one process loads nothing of torch.distributed.
    from proxprop.distributed import train_together

    return train_together(config, controls, **rest)


LOOPS: Mapping[str, Loop] = {"run": train_here_or_together, "race": race, "sweep": sweep}
