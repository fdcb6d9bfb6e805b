"""The runs of a block in training: as one batched computation, or one that cannot be stacked alone.

All copies start from the weights that `proxprop.engine.training` would start each run from and see
its batches in its order. A run that diverges is taken out; the others go on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from proxprop.core.copies import cg_copies, exact_copies, explicit_copies
from proxprop.data.dataset import Batches, Dataset, Split
from proxprop.engine.sweeping.copies import CopiedNetwork, CopiedOptimizer, Pass, chosen_classes
from proxprop.engine.sweeping.jobs import CurvePoint, Found
from proxprop.engine.sweeping.plan import Block
from proxprop.engine.training import train
from proxprop.engine.training.device import DTYPES
from proxprop.engine.training.outcomes import DIVERGED_FACTOR, LossWatch, Summary, verdict
from proxprop.models import build_model
from proxprop.spec.config import SweepConfig
from proxprop.spec.controls import NoControls
from proxprop.spec.curves import MEASURES
from proxprop.spec.events import Ended, Point
from proxprop.spec.sweeping import RunResult

CURVE_POINTS = 100
# Reading losses makes an accelerator wait; a few steps of a diverged copy cost less.
_STEPS_BETWEEN_LOOKS = {"cpu": 1, "cuda": 10}
_PIECE_FLOPS = 2e9
# A run by itself measures whole sets at the start and the end only.
_QUIET: dict[str, Any] = {"instruments.tier": "off", "evaluation.every": 1e4}


class BlockRun:
    """The runs of a block, trained together.

    Args:
        config: The sweep.
        block: Which runs.
        dataset: Its data, on `device`.
        device: Where to compute.
        constant_loss: Training loss of the best constant predictor.

    Attributes:
        members: Which members of the sweep its runs are.
        results: How the runs that have ended did, by member.
    """

    def __init__(
        self,
        config: SweepConfig,
        block: Block,
        dataset: Dataset,
        device: torch.device,
        constant_loss: float,
    ) -> None:
        self.members = block.members
        self.results: dict[int, RunResult] = {}
        self._config = config
        self._method = config.methods[block.cells[0].method]
        self._dataset = dataset
        self._device = device
        self._constant_loss = constant_loss
        self._dtype = DTYPES[config.precision]
        seed, copies = config.seed + block.seed_index, len(block.cells)
        self._batches = Batches(dataset.train, config.batch_size, seed)
        shape, classes = dataset.shape, len(dataset.classes)
        model = build_model(config.model, shape, classes, seed, self._dtype).to(device)
        self._network = CopiedNetwork(model, copies)
        self._direction = torch.empty_like(self._network.rows)
        self._tau = torch.tensor([c.tau for c in block.cells], dtype=torch.float64, device=device)
        lr = torch.tensor([c.lr for c in block.cells], dtype=torch.float64, device=device)
        last = self._network.layers[-1]
        self._optimizer = CopiedOptimizer(
            self._method.optimizer,
            lr.to(self._dtype),
            last.end if self._method.direction.layers == "all" else last.start,
            self._batches.per_epoch,
            config.steps,
        )
        self._alive = torch.arange(copies, device=device)
        self._history = torch.full(
            (copies, config.steps), math.nan, dtype=self._dtype, device=device
        )
        self._step = self._looked = self._reported = 0

    @torch.no_grad()
    def work(self) -> Iterator[None]:
        """Train and evaluate every run to its end, a step or a piece at a time."""
        while not self._done:
            self._advance()
            yield
        yield from self._evaluate()

    @property
    def _done(self) -> bool:
        return self._step >= self._config.steps or len(self._alive) == 0

    def _advance(self) -> None:
        """Take one step with every run that has not diverged."""
        samples, targets = self._batches.at(self._step)
        passed = self._network.passes(self._prepared(samples), targets)
        self._history[self._alive, self._step] = passed.losses
        self._write_directions(passed)
        self._optimizer.step(self._network.rows, self._direction)
        self._step += 1
        if self._done or self._step - self._looked >= _STEPS_BETWEEN_LOOKS[self._device.type]:
            self._look()

    def _evaluate(self) -> Iterator[None]:
        """Measure what is left over the whole sets, piece by piece, and settle its results."""
        measured: list[Tensor] = []
        yield from self._measure(self._dataset.train, measured)
        yield from self._measure(self._dataset.validation, measured)
        columns = torch.stack(measured).T.tolist()
        finite = self._network.rows.isfinite().all(1).tolist()
        for place, values, sound in zip(self._alive.tolist(), columns, finite):
            self.results[self.members[place]] = self._result(place, values, sound)
        self._alive = self._alive[:0]

    def found(self) -> Found:
        """Return what has come in since the last call."""
        return Found(self._points(), {**self.results})

    def _points(self) -> list[CurvePoint]:
        """Return the new points of all curves."""
        if self._reported == self._step:
            return []
        stride = -(-self._config.steps // CURVE_POINTS)
        losses = self._history[:, self._reported : self._step].tolist()
        points = []
        for member, row in zip(self.members, losses):
            last = self.results[member].step if member in self.results else self._config.steps
            for step, loss in enumerate(row, self._reported + 1):
                if step <= last and (step in (1, last) or step % stride == 0):
                    points.append(CurvePoint(member, step, loss))
        self._reported = self._step
        return points

    def _prepared(self, inputs: Tensor) -> Tensor:
        return self._dataset.prepare(inputs, self._dtype).flatten(1)

    def _write_directions(self, passed: Pass) -> None:
        direction, last = self._method.direction, len(self._network.layers) - 1
        for number, layer in enumerate(self._network.layers):
            rows, deltas = passed.inputs[number], passed.deltas[number]
            explicit = number == last and direction.layers == "hidden"
            if explicit or direction.solver == "explicit":
                weight, bias = explicit_copies(rows, deltas, layer.bias)
            elif direction.solver == "exact":
                weight, bias = exact_copies(rows, deltas, self._tau, layer.bias)
            else:
                steps, rtol = direction.cg_steps, direction.cg_rtol
                weight, bias = cg_copies(rows, deltas, self._tau, layer.bias, steps, rtol)
            layer.weight(self._direction).copy_(weight)
            if bias is not None:
                layer.bias_of(self._direction).copy_(bias)

    def _look(self) -> None:
        """Take out the runs whose loss has gone beyond bounds since the last look."""
        seen = self._history[self._alive]
        bounds = DIVERGED_FACTOR * seen[:, :1]
        recent = seen[:, self._looked : self._step]
        sound = (recent <= bounds) & recent.isfinite()
        start, self._looked = self._looked, self._step
        fine = sound.all(1)
        if bool(fine.all()):
            return
        for row in (~fine).nonzero()[:, 0].tolist():
            step = start + int((~sound[row]).int().argmax()) + 1
            losses = seen[row, :step].tolist()
            watch = LossWatch(losses[0], losses[-2] if step > 1 else None)
            watch.take(step, losses[-1])
            member = self.members[int(self._alive[row])]
            self.results[member] = RunResult("diverged", watch.divergence, step)
        kept = fine.nonzero()[:, 0]
        self._alive, self._tau = self._alive[kept], self._tau[kept]
        self._direction = self._direction[kept]
        self._network.keep(kept)
        self._optimizer.keep(kept)

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
        columns: dict[str, float] = {
            name: v for name, v in zip(MEASURES, values) if not math.isnan(v)
        }
        if len(self._dataset.train):
            watch.take_whole_set(self._step, values[0])
        if len(self._dataset.validation):
            watch.take_whole_set(self._step, values[2])
        watch.take_weights(self._step, finite)
        epoch = self._step / self._batches.per_epoch
        outcome, words = verdict(
            self._step, epoch, False, watch.divergence, Summary(columns), self._constant_loss
        )
        return RunResult(outcome, words, self._step, **({} if outcome == "diverged" else columns))


class AloneRun:
    """One run in training; pausing and stopping it means not asking it to go on.

    Args:
        config: The sweep.
        block: A block with a single cell.
        dataset: The sweep's data.

    Attributes:
        members: Which member of the sweep it is.
        results: How it ended, by member; empty before.
    """

    def __init__(self, config: SweepConfig, block: Block, dataset: Dataset) -> None:
        self.members = block.members
        self.results: dict[int, RunResult] = {}
        self._run = config.run(block.members[0]).replace(**_QUIET)
        self._dataset = dataset
        self._steps = config.steps
        self._points: list[CurvePoint] = []

    def work(self) -> Iterator[None]:
        """Train the run to its end, an event at a time."""
        (member,) = self.members
        stride = -(-self._steps // CURVE_POINTS)
        latest: CurvePoint | None = None
        for event in train(self._run, NoControls(), dataset=self._dataset):
            if isinstance(event, Point) and event.table == "steps":
                latest = CurvePoint(member, event.step, event.values["loss"])
                if event.step in (1, self._steps) or event.step % stride == 0:
                    self._points.append(latest)
                    latest = None
            elif isinstance(event, Ended):
                if latest is not None:
                    self._points.append(latest)
                measured = {} if event.outcome == "diverged" else event.summary
                columns = {name: measured[name] for name in MEASURES if name in measured}
                self.results[member] = RunResult(event.outcome, event.words, event.step, **columns)
            yield

    def found(self) -> Found:
        """Return what has come in since the last call."""
        points, self._points = self._points, []
        return Found(points, {**self.results})
