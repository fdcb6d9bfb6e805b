"""The map of a whole network: methods × step sizes × seeds, trained many at a time.

`sweep` carries out a `SweepConfig` as a loop of events (kind "sweep" of the run store). Many runs
with the same seed see the same batches, so their weights are stacked and every step is a few
batched products; see `proxprop.engine.sweeping.block`. Which runs share a computation is a function
of the config alone, so a resumed sweep repeats an uninterrupted one bit for bit. How a sweep is
stored is described in `proxprop.spec.sweeping`.
"""

from proxprop.engine.sweeping.loop import sweep

__all__ = ["sweep"]
