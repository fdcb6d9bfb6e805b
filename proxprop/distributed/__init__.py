"""One run over several processes: the first leads, the others follow, every batch is shared out.

The leader carries out the ordinary loop of `proxprop.engine.training`; its session tells the
followers what to do next, step by step, so that whatever is decided (controls, the budget, the
schedule, the end) is decided once. Here belongs all that knows torch.distributed, beside what
layers ask of it (`proxprop.core`); a run in one process loads nothing of it.
"""

from __future__ import annotations

from proxprop.distributed.group import join, leave
from proxprop.distributed.loop import follow, train_together

__all__ = ["follow", "join", "leave", "train_together"]
