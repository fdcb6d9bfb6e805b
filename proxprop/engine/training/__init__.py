"""The training loop: a plain generator of events that obeys controls.

It knows neither the store nor the screen; see `proxprop.spec.events` for what it yields and
`proxprop.spec.controls` for what it obeys.
"""

from proxprop.engine.training.loop import train

__all__ = ["train"]
