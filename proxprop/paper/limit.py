"""Stopping a race after some of its epochs, every contender at the end of the same one."""

from __future__ import annotations

from collections.abc import Sequence

from proxprop.paper.jobs import Standing
from proxprop.runs.mailbox import Mailbox
from proxprop.spec.controls import Control
from proxprop.spec.events import Ended, Event, Point, State


class EpochLimit:
    """Lets a race run to the end of an epoch, then stops it with a checkpoint.

    Told to run "to the end of the epoch" while all are in the last one, the contenders hold one by
    one, each after its evaluation; when all do, the race pauses, and is stopped.

    Args:
        standings: How far the contenders are already.
        contenders: How many there are.
        epochs: Epochs to do, fewer than the race's budget.
    """

    def __init__(self, standings: Sequence[Standing], contenders: int, epochs: int) -> None:
        self._last = float(epochs - 1)
        self._epochs = dict.fromkeys(range(contenders), -1.0)
        self._epochs |= {member: one.epoch for member, one in enumerate(standings)}
        through = {member for member, one in enumerate(standings) if one.through(epochs)}
        self._active = set(range(contenders)) - through
        self._holding = self._stopped = False

    def __call__(self, event: Event, mailbox: Mailbox) -> None:
        """Take in an event of the race; leave commands in its mailbox."""
        if isinstance(event, Point) and event.table == "evaluations":
            self._epochs[event.member] = event.epoch
        elif isinstance(event, Ended):
            self._active.discard(event.member)
        elif isinstance(event, State) and event.state == "paused" and self._holding:
            if not self._stopped:
                mailbox.put(Control("stop"))
            self._stopped = True
        if not self._holding and all(self._epochs[m] >= self._last for m in self._active):
            self._holding = True
            mailbox.put(Control("epoch"))
