"""The training loop: a plain generator of events that obeys controls.

It knows neither the store nor the screen; see `proxprop.events` for what it yields and takes.
"""

from __future__ import annotations

from proxprop.training.controls import Controls, NoControls
from proxprop.training.loop import train
from proxprop.training.settings import Settings

__all__ = ["train", "Controls", "NoControls", "Settings"]
