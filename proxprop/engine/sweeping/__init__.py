"""The map of a whole network: methods × step sizes × seeds, trained many at a time.

`sweep` carries out a `SweepConfig` as a loop of events (kind "sweep" of the run store). Many runs
with the same seed see the same batches, so their weights are stacked and every step is a few
batched products; see `proxprop.engine.sweeping.block`. Which runs share a computation is a function
of the config alone, so a resumed sweep repeats an uninterrupted one bit for bit.

How a sweep is stored
---------------------
*Cells* are the points of the map: method after method, within a method η (outer) by τ (inner);
`SweepConfig.cells()` lists them. Every cell is run once per seed, and each of those runs is a
*member* of the stored sweep: ``member = cell * seeds + seed_index``. `SweepConfig.run(member)` is
the `RunConfig` of the same run on its own, to open it in Train.

- Artifact **"map"** (member 0): all that a picture of the map needs, replaced as runs end; its
  `step` is the number of runs that have ended. The payload is `MapPayload` in
  `proxprop.engine.sweeping.layout`; null stands for "not yet" in `outcomes` and "not yet" or "not
  finite" in numbers (JSON has neither).
- Points of table **"steps"** with the member's number: the mini-batch `loss` before the step of
  that number, at most about 100 points a run, always its first and last.
  ``store.points(run_id, "steps", member)`` is a cell's curve, and series
  "<member>/steps/loss" the live one.
- One point of table **"evaluations"** per member when its run ends: train_loss, train_accuracy,
  validation_loss, validation_accuracy after its last step, NaN where it diverged.
- One `Ended` for the whole (member −1). Its summary counts the outcomes.

`step` of a snapshot is `steps` times the runs that whole blocks have settled; `member_steps` says
which members those are. `find_sweep` looks for a stored sweep of the same config, `sweep_map`
reads its map.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from proxprop.engine.sweeping.layout import LimitPayload, MapPayload, MethodPayload
from proxprop.engine.sweeping.presets import default_sweep, plane_sweep
from proxprop.engine.sweeping.stored import find_sweep, sweep_map

if TYPE_CHECKING:
    from proxprop.engine.sweeping.loop import sweep

__all__ = [
    # the loop
    "sweep",
    # configs to start from
    "default_sweep",
    "plane_sweep",
    # what is stored
    "find_sweep",
    "sweep_map",
    "MapPayload",
    "MethodPayload",
    "LimitPayload",
]


def __getattr__(name: str) -> Any:
    if name != "sweep":
        raise AttributeError(f"module 'proxprop.engine.sweeping' has no attribute {name!r}")
    # The loop needs torch; what a page asks for does not.
    return importlib.import_module("proxprop.engine.sweeping.loop").sweep
