"""Of what the difference between two training steps consists, by torch's profiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor
from torch.profiler import ProfilerActivity, profile

# The first that an operation's name contains.
_PARTS = {
    "convolutions": ("conv",),
    "factorisations": ("cholesky", "linalg_", "triangular", "tril", "triu", "eigh"),
    "products": ("mm", "mv", "addr", "dot"),
    "optimizer": ("Optimizer",),
    "Python": ("EagerFunction", "ProximalFunction"),
}
_REST = "other operations"


class Spent(NamedTuple):
    """What steps of one kind took, a step.

    Attributes:
        operations: Calls of torch's operations, nested ones included.
        milliseconds: By part.
    """

    operations: float
    milliseconds: dict[str, float]


def spent(
    step: Callable[[Tensor, Tensor], object], batches: list[tuple[Tensor, Tensor]], steps: int
) -> Spent:
    """Profile some steps; the profiler itself makes small operations dearer."""
    with profile(activities=[ProfilerActivity.CPU]) as record:
        for number in range(steps):
            step(*batches[number % len(batches)])
    found = dict.fromkeys([*_PARTS, _REST], 0.0)
    operations = 0
    for event in record.key_averages():
        operations += event.count * event.key.startswith("aten::")
        part = next(
            (part for part, names in _PARTS.items() if any(name in event.key for name in names)),
            _REST,
        )
        found[part] += event.self_cpu_time_total
    milliseconds = {part: total / steps / 1e3 for part, total in found.items()}
    return Spent(operations / steps, milliseconds)


def difference(mine: Spent, plain: Spent) -> dict[str, float]:
    """Milliseconds of each part beyond the plain step's."""
    return {part: value - plain.milliseconds[part] for part, value in mine.milliseconds.items()}
