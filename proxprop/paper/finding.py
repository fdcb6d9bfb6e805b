"""What a rule found in recorded numbers, and on what that rests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from proxprop.paper import curves
from proxprop.paper.result import Result, StabilityResult

AnyResult = Result | StabilityResult
Results = Mapping[str, AnyResult]
Rule = Callable[[AnyResult, Results], "Finding | None"]
Decided = Literal["confirmed", "partly", "not confirmed"]


@dataclass(frozen=True)
class Finding:
    """What a rule found.

    Attributes:
        verdict: What the numbers say of the claim.
        words: The numbers.
        epochs: Up to which epoch they were read; None where epochs do not count.
    """

    verdict: Decided
    words: str
    epochs: float | None = None


def basis(result: AnyResult, epochs: float | None) -> str:
    """Say on what a finding rests."""
    data, device = result.data, result.provenance.device
    parts = [f"{data.train:,} training images"]
    if isinstance(result, StabilityResult):
        seeds = len(result.seeds)
        parts.append(f"{result.steps} steps")
    else:
        seeds = min(len(one.seeds) for one in curves.comparable(result.contenders))
        done = result.planned_epochs if epochs is None else epochs
        parts.append(f"{done:g} of {result.planned_epochs:g} epochs")
    parts.append("1 seed" if seeds == 1 else f"{seeds} seeds")
    where = f"{result.provenance.threads} CPU threads" if device == "cpu" else device
    return ", ".join([f"{result.scale} scale", *parts, where])


def share_of(held: Sequence[bool]) -> Decided:
    """Return "confirmed" where all hold, "partly" where some do."""
    return "confirmed" if all(held) else "partly" if any(held) else "not confirmed"
