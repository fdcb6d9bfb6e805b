"""Which runs of a sweep share a computation, and in which order: a function of the config alone.

Runs of one method go together, for then every operation is one batched call. A method's range is
there coarsely after its first block, the step sizes between follow; methods take turns, and seeds
follow one another.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

from proxprop.engine.sweeping.copies import COPIED
from proxprop.spec.catalog.models import LayerRow
from proxprop.spec.config import Cell, SweepConfig, SweepMethod

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
        cells: Their cells, all of one method.
        members: Which members of the sweep they are, cell for cell.
        stacked: Whether they are one batched computation; otherwise there is only one.
    """

    seed_index: int
    cells: tuple[Cell, ...]
    members: tuple[int, ...]
    stacked: bool


class Prediction(NamedTuple):
    """The predictions of one seed.

    Attributes:
        seed_index: Counted from the config's.
    """

    seed_index: int


Task = Block | Prediction  # what a sweep consists of


def plan(config: SweepConfig, layers: list[LayerRow], device: str) -> list[Block]:
    """Return the blocks of a sweep in the order they are trained.

    Args:
        config: The sweep.
        layers: The network's layer table.
        device: "cpu" or "cuda".
    """
    size = copies_at_once(config, layers, device)
    chunks = [_chunks(config, index, size) for index in range(len(config.methods))]
    turns = [chunk for turn in itertools.zip_longest(*chunks) for chunk in turn if chunk]
    blocks = []
    for seed in range(config.seeds):
        for cells in turns:
            stacked = not reason_alone(config, config.methods[cells[0].method])
            for part in [cells] if stacked else [(cell,) for cell in cells]:
                members = tuple(config.member(cell, seed) for cell in part)
                blocks.append(Block(seed, part, members, stacked))
    return blocks


def reason_alone(config: SweepConfig, method: SweepMethod) -> str:
    """Return why runs of a method are trained one after another; empty where they are stacked."""
    if config.model.name not in ("mlp", "paper-mlp"):
        return f"the model {config.model.name!r} has convolutions"
    if config.precision == "bfloat16":
        return "the precision is bfloat16"
    if method.direction.running:
        return "a running Gram has no batched form"
    if method.optimizer.name not in COPIED:
        return f"{method.optimizer.name!r} has no batched form; {', '.join(COPIED)} have one"
    return ""


def copies_at_once(config: SweepConfig, layers: list[LayerRow], device: str) -> int:
    """Return how many copies of the network are trained together."""
    weights = sum(row.parameters for row in layers)
    step = 6.0 * config.batch_size * weights * _SOLVE_SHARE
    soon = max(_FEWEST_COPIES, _BLOCK_FLOPS[device] / (step * config.steps))
    most = min(_MOST_COPIES[device], soon, _STEP_FLOPS[device] / step, _NUMBERS / weights)
    return max(1, int(most))


def _chunks(config: SweepConfig, method: int, size: int) -> list[tuple[Cell, ...]]:
    """A method's cells in parts of at most `size` and nearly the same length, coarse ones first."""
    cells = [cell for cell in config.cells() if cell.method == method]
    cells.sort(key=lambda cell: (_level(config, cell), cell.number))
    count = math.ceil(len(cells) / size)
    bounds = [len(cells) * part // count for part in range(count + 1)]
    parts = [cells[start:stop] for start, stop in itertools.pairwise(bounds)]
    return [tuple(sorted(part, key=lambda cell: cell.number)) for part in parts]


def _level(config: SweepConfig, cell: Cell) -> int:
    """How fine a grid must be to contain the cell: 0, 1 or 2."""
    shape = config.methods[cell.method].shape
    levels = []
    for index, count in zip(cell.position, shape):
        coarse = index % 4 == 0 or index == count - 1
        levels.append(0 if coarse else 1 if index % 2 == 0 else 2)
    return max(levels)
