"""A block: runs of one seed that are trained as one batched computation.

All copies start from the weights that `proxprop.engine.training` would start each run from and see
its batches in its order. A run that diverges is taken out; the others go on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from proxprop.core.copies import cg_copies, exact_copies, explicit_copies
from proxprop.data.dataset import Batches, Dataset, Split
from proxprop.engine.sweeping.network import Pass, StackedNetwork, chosen_classes
from proxprop.engine.sweeping.plan import Block
from proxprop.engine.sweeping.rules import Rule
from proxprop.engine.training.device import DTYPES
from proxprop.engine.training.outcomes import DIVERGED_FACTOR, LossWatch, Summary, verdict
from proxprop.models import build_model
from proxprop.spec.config import Cell, SweepConfig, SweepMethod
from proxprop.spec.sweeping import RunResult

CURVE_POINTS = 100
# Reading losses makes an accelerator wait; a few steps of a diverged copy cost less.
_STEPS_BETWEEN_LOOKS = {"cpu": 1, "cuda": 10}
_PIECE_FLOPS = 2e9


class CurvePoint(NamedTuple):
    """The mini-batch loss of one run before one step."""

    cell: Cell
    step: int
    loss: float


class _Group:
    """Neighbouring copies of one method."""

    def __init__(self, method: SweepMethod, tau: Tensor, rule: Rule) -> None:
        self.method = method
        self.tau = tau
        self.rule = rule

    def keep(self, chosen: Tensor) -> None:
        self.tau = self.tau[chosen]
        self.rule.keep(chosen)


class BlockRun:
    """The runs of a block in training.

    Args:
        config: The sweep.
        block: Which runs.
        dataset: Its data, on `device`.
        device: Where to compute.
        constant_loss: Training loss of the best constant predictor.

    Attributes:
        step: Steps done.
        results: How the runs that have ended did, by cell.
    """

    def __init__(
        self,
        config: SweepConfig,
        block: Block,
        dataset: Dataset,
        device: torch.device,
        constant_loss: float,
    ) -> None:
        self._config = config
        self._dataset = dataset
        self._device = device
        self._constant_loss = constant_loss
        self._cells = block.cells
        self._seed = config.seed + block.seed_index
        self._dtype = DTYPES[config.precision]
        self._batches = Batches(dataset.train, config.batch_size, self._seed)
        shape, classes = dataset.shape, len(dataset.classes)
        model = build_model(config.model, shape, classes, self._seed, self._dtype).to(device)
        self._network = StackedNetwork(model, len(self._cells))
        self._direction = torch.empty_like(self._network.rows)
        self._groups = self._grouped()
        self._alive = torch.arange(len(self._cells), device=device)
        self._history = torch.full(
            (len(self._cells), config.steps), math.nan, dtype=self._dtype, device=device
        )
        self._looked = self._told = 0
        self.step = 0
        self.results: dict[Cell, RunResult] = {}

    @torch.no_grad()
    def work(self) -> Iterator[None]:
        """Train and evaluate every run to its end, a step or a piece at a time."""
        while not self._done:
            self._advance()
            yield
        yield from self._evaluate()

    @property
    def _done(self) -> bool:
        return self.step >= self._config.steps or len(self._alive) == 0

    def _advance(self) -> None:
        """Take one step with every run that has not diverged."""
        samples, targets = self._batches.at(self.step)
        passed = self._network.passes(self._prepared(samples), targets)
        self._history[self._alive, self.step] = passed.losses
        start = 0
        for group in self._groups:
            part = slice(start, start + len(group.tau))
            start = part.stop
            self._write_directions(group, passed, part)
            group.rule.step(self._network.rows[part], self._direction[part])
        self.step += 1
        if self._done or self.step - self._looked >= _STEPS_BETWEEN_LOOKS[self._device.type]:
            self._look()

    def _evaluate(self) -> Iterator[None]:
        """Measure what is left over the whole sets, piece by piece, and settle its results."""
        train: list[Tensor] = []
        yield from self._measure(self._dataset.train, train)
        validation: list[Tensor] = []
        yield from self._measure(self._dataset.validation, validation)
        columns = torch.stack([*train, *validation]).T.tolist()
        finite = self._network.rows.isfinite().all(1).tolist()
        for place, values, sound in zip(self._alive.tolist(), columns, finite):
            self.results[self._cells[place]] = self._result(place, values, sound)
        self._alive = self._alive[:0]

    def points(self) -> list[CurvePoint]:
        """Return the points of all curves that came in since the last call."""
        if self._told == self.step:
            return []
        stride = -(-self._config.steps // CURVE_POINTS)
        losses = self._history[:, self._told : self.step].tolist()
        found = []
        for cell, row in zip(self._cells, losses):
            last = self.results[cell].step if cell in self.results else self._config.steps
            for step, loss in enumerate(row, self._told + 1):
                if step <= last and (step in (1, last) or step % stride == 0):
                    found.append(CurvePoint(cell, step, loss))
        self._told = self.step
        return found

    def _grouped(self) -> list[_Group]:
        groups = []
        methods = sorted({cell.method for cell in self._cells})
        for number in methods:
            cells = [cell for cell in self._cells if cell.method == number]
            method = self._config.methods[number]
            lr, tau = (
                torch.tensor(values, dtype=torch.float64, device=self._device)
                for values in ([cell.lr for cell in cells], [cell.tau for cell in cells])
            )
            layers = self._network.layers
            hidden = layers[-1].end if method.direction.layers == "all" else layers[-1].start
            rule = Rule(
                method.optimizer,
                lr.to(self._dtype),
                hidden,
                self._batches.per_epoch,
                self._config.steps,
            )
            groups.append(_Group(method, tau, rule))
        return groups

    def _prepared(self, inputs: Tensor) -> Tensor:
        return self._dataset.prepare(inputs, self._dtype).flatten(1)

    def _write_directions(self, group: _Group, passed: Pass, part: slice) -> None:
        direction, last = group.method.direction, len(self._network.layers) - 1
        for number, layer in enumerate(self._network.layers):
            rows = passed.inputs[number]
            rows = rows if len(rows) == 1 else rows[part]
            deltas = passed.deltas[number][part]
            explicit = number == last and direction.layers == "hidden"
            if explicit or direction.solver == "explicit":
                weight, bias = explicit_copies(rows, deltas, layer.bias)
            elif direction.solver == "exact":
                weight, bias = exact_copies(rows, deltas, group.tau, layer.bias)
            else:
                steps, rtol = direction.cg_steps, direction.cg_rtol
                weight, bias = cg_copies(rows, deltas, group.tau, layer.bias, steps, rtol)
            target = self._direction[part]
            layer.weight(target).copy_(weight)
            if bias is not None:
                layer.bias_of(target).copy_(bias)

    def _look(self) -> None:
        """Take out the runs whose loss has gone beyond bounds since the last look."""
        seen = self._history[self._alive]
        bounds = DIVERGED_FACTOR * seen[:, :1]
        recent = seen[:, self._looked : self.step]
        sound = (recent <= bounds) & recent.isfinite()
        start, self._looked = self._looked, self.step
        fine = sound.all(1)
        if bool(fine.all()):
            return
        for row in (~fine).nonzero()[:, 0].tolist():
            step = start + int((~sound[row]).int().argmax()) + 1
            losses = seen[row, :step].tolist()
            watch = LossWatch(losses[0], losses[-2] if step > 1 else None)
            watch.take(step, losses[-1])
            cell = self._cells[int(self._alive[row])]
            self.results[cell] = RunResult("diverged", watch.words, step)
        self._keep(fine)

    def _keep(self, fine: Tensor) -> None:
        chosen = fine.nonzero()[:, 0]
        self._alive = self._alive[chosen]
        self._network.keep(chosen)
        self._direction = self._direction[chosen]
        start, kept = 0, []
        for group in self._groups:
            stop = start + len(group.tau)
            group.keep(fine[start:stop].nonzero()[:, 0])
            start = stop
            if len(group.tau):
                kept.append(group)
        self._groups = kept

    def _measure(self, split: Split, results: list[Tensor]) -> Iterator[None]:
        """Append loss and accuracy of every run over one split; NaN where it is empty."""
        copies = len(self._alive)
        loss = torch.zeros(copies, dtype=torch.float64, device=self._device)
        right = torch.zeros_like(loss)
        rows = max(1, self._network.rows.numel())
        size = max(1, min(4096, int(_PIECE_FLOPS / (2 * rows))))
        for start in range(0, len(split) if copies else 0, size):
            targets = split.targets[start : start + size]
            scores = self._network.scores(self._prepared(split.inputs[start : start + size]))
            right += (scores.argmax(1) == targets).sum(1)
            loss -= chosen_classes(scores.log_softmax(1), targets).sum(1, dtype=torch.float64)
            yield
        # Zero by zero is the NaN that an empty split means.
        results += [loss / len(split), right / len(split)] if len(split) else [loss / 0] * 2

    def _result(self, place: int, values: list[float], finite: bool) -> RunResult:
        losses = self._history[place].tolist()
        watch = LossWatch(losses[0], losses[-1])
        if len(self._dataset.train):
            watch.take_whole_set(self.step, values[0])
        if len(self._dataset.validation):
            watch.take_whole_set(self.step, values[2])
        if not watch.words and not finite:
            watch.words = f"diverged at step {self.step}: a weight is not finite"
        names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
        columns = dict(zip(names, values))
        summary = Summary({k: v for k, v in columns.items() if not math.isnan(v)})
        epoch = self.step / self._batches.per_epoch
        outcome, words = verdict(self.step, epoch, False, watch.words, summary, self._constant_loss)
        kept = {} if outcome == "diverged" else columns
        return RunResult(outcome, words, self.step, **kept)
