"""Which runs of a sweep share a computation, and in which order: a function of the config alone.

First every fourth step size of each method, then those between: the whole range is there, coarsely,
after the first blocks. Seeds follow one another.
"""

from __future__ import annotations

from typing import NamedTuple

from proxprop.catalog.models import LayerRow
from proxprop.config import Cell, SweepConfig, SweepMethod
from proxprop.sweeping.rules import RULES

# Stacked copies of small networks should stay in a core's cache (measured: a Cholesky
# factorisation of 100 × 100 takes 45 µs among 25 copies and 120 µs among 75), and the first of
# them should be done soon.
_MOST_COPIES = {"cpu": 15, "cuda": 256}
_FEWEST_COPIES = 8  # below, a long run would gain too little from company
# A step of a block should be over in about a tenth of a second, and a block in about one.
_STEP_FLOPS = {"cpu": 4e9, "cuda": 4e11}
_BLOCK_FLOPS = {"cpu": 4e10, "cuda": 4e12}
_NUMBERS = 5e7  # parameters of all copies, each held about four times
_SOLVE_SHARE = 1.6  # forward, backward and a solve, in units of the first two


class Block(NamedTuple):
    """Runs that are trained together.

    Attributes:
        seed_index: Their seed, counted from the config's.
        cells: Their cells, method by method.
        stacked: Whether they are one batched computation; otherwise there is only one.
    """

    seed_index: int
    cells: tuple[Cell, ...]
    stacked: bool


def plan(config: SweepConfig, layers: list[LayerRow], device: str) -> list[Block]:
    """Return the blocks of a sweep in the order they are trained.

    Args:
        config: The sweep.
        layers: The network's layer table.
        device: "cpu" or "cuda".
    """
    cells = sorted(config.cells(), key=lambda cell: (_level(config, cell), cell.number))
    size = copies_at_once(config, layers, device)
    alone = [cell for cell in cells if reason_alone(config, config.methods[cell.method])]
    together = [cell for cell in cells if cell not in alone]
    blocks = []
    for seed in range(config.seeds):
        for start in range(0, len(together), size):
            chosen = sorted(together[start : start + size], key=lambda cell: cell.number)
            blocks.append(Block(seed, tuple(chosen), stacked=True))
        blocks += [Block(seed, (cell,), stacked=False) for cell in alone]
    return blocks


def reason_alone(config: SweepConfig, method: SweepMethod) -> str:
    """Return why runs of a method are trained one after another; empty where they are stacked."""
    if config.model.name not in ("mlp", "paper-mlp"):
        return f"the model {config.model.name!r} has convolutions"
    if config.precision == "bfloat16":
        return "the precision is bfloat16"
    if method.optimizer.name not in RULES:
        return f"{method.optimizer.name!r} has no batched form; {', '.join(RULES)} have one"
    return ""


def copies_at_once(config: SweepConfig, layers: list[LayerRow], device: str) -> int:
    """Return how many copies of the network are trained together."""
    weights = sum(row.parameters for row in layers)
    step = 6.0 * config.batch_size * weights * _SOLVE_SHARE
    soon = max(_FEWEST_COPIES, _BLOCK_FLOPS[device] / (step * config.steps))
    most = min(_MOST_COPIES[device], soon, _STEP_FLOPS[device] / step, _NUMBERS / weights)
    return max(1, int(most))


def _level(config: SweepConfig, cell: Cell) -> int:
    """How fine a grid must be to contain the cell: 0, 1 or 2."""
    shape = config.methods[cell.method].shape
    levels = []
    for index, count in zip(cell.position, shape):
        coarse = index % 4 == 0 or index == count - 1
        levels.append(0 if coarse else 1 if index % 2 == 0 else 2)
    return max(levels)
