"""The training loop: a plain generator of events that obeys controls.

It knows neither the store nor the screen; see `proxprop.spec.events` for what it yields and takes.
"""

from __future__ import annotations

from proxprop.engine.training.controls import Controls, NoControls
from proxprop.engine.training.loop import train
from proxprop.engine.training.settings import Settings

__all__ = ["train", "Controls", "NoControls", "Settings"]
