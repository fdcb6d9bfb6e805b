"""A whole race as one snapshot, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from proxprop.engine.training.snapshot import check_format, flatten, unflatten
from proxprop.spec.events import Ended, Reason, Snapshot
from proxprop.spec.racing.search import SearchPayload

FORMAT = 1
_HOST = torch.device("cpu")


class RaceState:
    """What a race has come to apart from the members that are under way.

    Args:
        members: How many members the race has.

    Attributes:
        ended: Member → how it ended.
        search: The search so far; None where there is none.
    """

    def __init__(self, members: int) -> None:
        self.ended: dict[int, Ended] = {}
        self.search: SearchPayload | None = None
        self._members = members

    def capture(
        self,
        under_way: Mapping[int, Snapshot],
        reason: Reason,
    ) -> Snapshot:
        """Return the race as it is.

        Tensors are named "<member>/<name in the member's snapshot>". The states of members that
        have ended are not kept: nothing can follow from them.

        Args:
            under_way: Members that go on after a resume, with their own snapshots.
            reason: Why now.
        """
        tensors: dict[str, Tensor] = {}
        extras: dict[str, Any] = {}
        steps = {str(member): -1 for member in range(self._members)}
        for member, snapshot in under_way.items():
            tensors |= {f"{member}/{name}": value for name, value in snapshot.tensors.items()}
            extras[str(member)] = {"step": snapshot.step, "extra": snapshot.extra}
            steps[str(member)] = snapshot.step
        ended = {}
        for member, end in self.ended.items():
            if str(member) not in extras:
                ended[str(member)] = flatten(asdict(end), str(member), {}, _HOST)
                steps[str(member)] = end.step
        extra = {
            "race_format": FORMAT,
            "member_steps": steps,
            "lanes": extras,  # the name of version 0.1.0
            "ended": ended,
            "search": self.search,
        }
        return Snapshot(sum(max(0, step) for step in steps.values()), tensors, extra, reason)

    def restore(self, snapshot: Snapshot) -> dict[int, Snapshot]:
        """Take over what `capture` returned; return the members under way.

        Raises:
            ValueError: If the snapshot is no race's, or another race's.
        """
        extra = snapshot.extra
        check_format(extra, "race_format", FORMAT)
        if len(extra["member_steps"]) != self._members:
            raise ValueError(
                f"snapshot is of a race of {len(extra['member_steps'])} members, not of "
                f"{self._members}; resume with its own config"
            )
        self.search = extra["search"]
        ended = unflatten(extra["ended"], {}, _HOST)
        self.ended = {int(member): Ended(**values) for member, values in ended.items()}
        under_way = {}
        for member, own in extra["lanes"].items():
            prefix = f"{member}/"
            tensors = {
                name.removeprefix(prefix): value
                for name, value in snapshot.tensors.items()
                if name.startswith(prefix)
            }
            under_way[int(member)] = Snapshot(own["step"], tensors, own["extra"], snapshot.reason)
        return under_way
