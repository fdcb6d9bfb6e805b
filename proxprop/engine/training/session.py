"""What a run trains: model, optimizer, batches, settings, its clock and its evaluations."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from proxprop.analysis.activations import ActivationProbe, Probe
from proxprop.analysis.recorder import LayerRecorder, Tier
from proxprop.conversion import convert, iter_prox_layers, set_prox
from proxprop.core.solvers.cholesky import FALLBACK
from proxprop.cost import choose_grams, step_cost
from proxprop.data.dataset import Batches, Dataset, Split, few_of_each
from proxprop.diagnostics import SolveRecord
from proxprop.engine.training.device import DTYPES, autocast_for, device_label
from proxprop.engine.training.outcomes import LossWatch, Summary
from proxprop.engine.training.stopwatch import Moments, StepReport, stopwatch_for
from proxprop.models import build_model
from proxprop.optimizers import build_optimizer
from proxprop.spec.catalog.models import LayerRow
from proxprop.spec.config import RunConfig

# A piece of this many multiply-adds takes well under 0.1 s on two slow cores.
_PIECE_FLOPS = 1e9
_MOST_SAMPLES = 4096


class Session:
    """One model under training, step by step; it decides nothing by itself.

    Attributes:
        step: Optimizer steps done.
        seconds: Training seconds of the steps reported so far.
        settings: The config with the settings in force.
        watch: Says when its loss has diverged.
        summary: Final and best losses and accuracies.
        evaluated_step: Step of the latest evaluation; −1 before the first.
        steps_per_epoch: Batches in one pass.
        limit: Steps the budget allows; None where seconds decide.
    """

    def __init__(self, config: RunConfig, dataset: Dataset, device: torch.device) -> None:
        self.config = config
        self.dataset = dataset
        self.device = device
        self.dtype = DTYPES[config.precision]
        self.autocast = autocast_for(config.precision, device)
        self.step = 0
        self.seconds = 0.0
        self.settings = config
        self.watch = LossWatch()
        self.summary = Summary()
        self.evaluated_step = -1
        self._batches = Batches(dataset.train, config.batch_size, config.seed)
        self.steps_per_epoch = self._batches.per_epoch
        self.limit = config.budget.step_limit(self.steps_per_epoch)
        shape, classes = dataset.shape, len(dataset.classes)
        self.model = build_model(config.model, shape, classes, config.seed, self.dtype).to(device)
        self._convert()
        self.optimizer = build_optimizer(config.optimizer, self.model)
        self._stopwatch = stopwatch_for(device)
        self._piece = piece_size(config.model.layers(shape, classes))
        self._solve_seconds = 0.0
        self._failed: dict[str, Tensor] = {}
        self._recorder: LayerRecorder | None = None
        self._observe_solves()
        self._set_lr()

    @property
    def place(self) -> str:
        """Where it computes: "cpu" or the GPU's name."""
        return device_label(self.device)

    @property
    def epoch(self) -> float:
        """Passes through the training set done."""
        return self.step / self.steps_per_epoch

    @property
    def factor(self) -> float:
        """The schedule's factor on both step sizes in the next step."""
        total: float | None = self.limit
        if total is None and self.config.budget.seconds and self.seconds:
            total = self.step * self.config.budget.seconds / self.seconds
        return self.config.optimizer.schedule.factor(self.step, self.steps_per_epoch, total)

    @property
    def scheduled(self) -> bool:
        """Whether the step sizes evolve by themselves."""
        schedule = self.config.optimizer.schedule
        return schedule.name != "constant" or schedule.warmup > 0

    @property
    def spent(self) -> bool:
        """Whether the budget is spent."""
        share = self.config.budget.share(self.step, self.seconds, self.limit)
        return share is not None and share >= 1.0

    def apply(self, settings: RunConfig) -> None:
        """Put the settings of a config in force from the next step on."""
        self.settings, direction = settings, settings.direction
        automatic = direction.gram == "auto"
        set_prox(
            self.model,
            tau=direction.tau,
            solver=direction.solver,
            cg_steps=direction.cg_steps,
            gram="batch" if automatic else direction.gram,
            decay=direction.decay,
            refresh=direction.refresh,
        )
        if automatic:
            choose_grams(self.model, self._example)
        self._observe_solves()
        self._set_lr()

    def advance(self, recorder: LayerRecorder | None = None) -> list[StepReport]:
        """Take one step; return the reports that are ready (on the CPU, always this step's).

        Args:
            recorder: Measures the layers during this step, off the training clock.
        """
        if self.scheduled:
            self._set_lr()
        self._solve_seconds = 0.0
        self._recorder = recorder
        if recorder is not None:
            tier: Tier = "full" if self.settings.instruments.tier == "full" else "cheap"
            recorder.begin(tier, self.optimizer.step_size)
        reports = self._closure_step() if self.optimizer.spec.closure else self._plain_step()
        if recorder is not None:
            recorder.measure_updates()
        self._count(reports)
        return reports

    def flush(self) -> list[StepReport]:
        """Wait for the device and return the reports not yet returned."""
        reports = self._stopwatch.flush()
        self._count(reports)
        return reports

    def rewind_clock(self, step: int, seconds: float) -> None:
        """Count only what was done up to `step`; the weights stay as they are."""
        self.step, self.seconds = step, seconds

    @property
    def finite(self) -> bool:
        """Whether every weight is finite."""
        return all(bool(parameter.isfinite().all()) for parameter in self.model.parameters())

    def evaluation(self, split: str) -> SetEvaluation:
        """Return the evaluation of one split ("train", "validation" or "test"), not yet begun."""
        return SetEvaluation(
            self.model, getattr(self.dataset, split), self.prepare, self._piece, self.autocast
        )

    def recorder(self) -> LayerRecorder:
        """Return what measures the layers, on a probe batch that the seed has chosen."""
        train, size = self.dataset.train, self.config.batch_size
        chosen = few_of_each(train.targets, self.config.seed)
        probe = Probe(self.prepare(train.inputs[chosen]), train.targets[chosen], size)
        return LayerRecorder(self.model, ActivationProbe(self.model, probe))

    def prepare(self, inputs: Tensor) -> Tensor:
        """Return stored samples as the model sees them."""
        return self.dataset.prepare(inputs, self.dtype)

    def take_failures(self) -> list[str]:
        """Return the layers whose solve fell back since the last call."""
        failed, self._failed = self._failed, {}
        return [name for name, status in failed.items() if int(status) == FALLBACK]

    def _plain_step(self) -> list[StepReport]:
        moment = self._stopwatch.moment
        start = moment()
        self.optimizer.zero_grad()
        inputs, targets = self._batch()
        loss = self._loss(inputs, targets)
        forward_end = moment()
        loss.backward()  # type: ignore[no-untyped-call]
        backward_end = optimizer_start = moment()
        if self._recorder is not None:
            self._recorder.measure_directions(self.settings.direction.tau)
            optimizer_start = moment()
        self.optimizer.step()
        self.step += 1
        at = Moments(start, forward_end, backward_end, optimizer_start, moment())
        return self._stopwatch.finish(self.step, loss, at, self._solve_seconds)

    def _closure_step(self) -> list[StepReport]:
        losses: list[Tensor] = []
        forward = backward = aside = 0.0
        start = time.perf_counter()
        inputs, targets = self._batch()

        def closure() -> Tensor:
            nonlocal forward, backward, aside
            began = time.perf_counter()
            self.optimizer.zero_grad()
            loss = self._loss(inputs, targets)
            between = time.perf_counter()
            loss.backward()  # type: ignore[no-untyped-call]
            forward += between - began
            ended = time.perf_counter()
            backward += ended - between
            if self._recorder is not None and not losses:
                self._recorder.measure_directions(self.settings.direction.tau)
                aside = time.perf_counter() - ended
            losses.append(loss.detach())
            return loss

        self.optimizer.minimise(closure)
        self.step += 1
        first = losses[0].item()
        rest = time.perf_counter() - start - forward - backward - aside
        solve = self._solve_seconds
        return [StepReport(self.step, first, forward, backward, solve, rest, len(losses))]

    def _loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        with self.autocast():
            return F.cross_entropy(self.model(inputs), targets)

    def _batch(self) -> tuple[Tensor, Tensor]:
        samples, targets = self._batches.at(self.step)
        return self.prepare(samples), targets

    def _count(self, reports: list[StepReport]) -> None:
        for report in reports:
            self.seconds += report.seconds

    def _set_lr(self) -> None:
        optimizer, factor = self.settings.optimizer, self.factor
        self.optimizer.set_lr(optimizer.lr * factor, optimizer.last_lr * factor)

    @property
    def grams(self) -> str:
        """What each layer's Gram was chosen to be and what a step costs; empty if none was."""
        if self.settings.direction.gram == "batch" or self.settings.direction.solver != "exact":
            return ""
        cost = step_cost(self.model, self._example)
        batch = [layer.name for layer in cost.layers if layer.gram == "batch"]
        parts = [
            f"{what} in {', '.join(names)}"
            for what, names in (("running Gram", cost.running), ("this batch's", batch))
            if names
        ]
        return (
            f"{'; '.join(parts)}. By its arithmetic a step costs {cost.ratio:.2f} plain ones, "
            f"{cost.batch_ratio:.2f} with this batch's Gram throughout."
        )

    @property
    def _example(self) -> Tensor:
        return self.prepare(self._batches.at(0)[0])

    def _convert(self) -> None:
        direction = self.config.direction
        convert(
            self.model,
            tau=direction.tau,
            solver=direction.solver,
            cg_steps=direction.cg_steps,
            cg_rtol=direction.cg_rtol,
            gram="batch" if direction.gram == "auto" else direction.gram,
            decay=direction.decay,
            refresh=direction.refresh,
            skip_last=direction.layers == "hidden",
        )
        if direction.gram == "auto":
            choose_grams(self.model, self._example)
        for _, layer in iter_prox_layers(self.model):
            layer.synchronise = False  # whatever else goes on in this process, it trains alone

    def _observe_solves(self) -> None:
        def observer_of(name: str) -> Any:
            def observe(record: SolveRecord) -> None:
                self._solve_seconds += record.seconds
                self._failed[name] = record.status
                if self._recorder is not None:
                    self._recorder.solved(name, record)

            return observe

        implicit = self.settings.direction.solver != "explicit"  # else there is no solve to pay for
        for name, layer in iter_prox_layers(self.model):
            layer.observer = observer_of(name) if implicit else None


class SetEvaluation:
    """Mean loss, accuracy and confusion of a model over one split, piece by piece.

    Args:
        model: Maps prepared samples to class scores.
        split: Samples to evaluate on; at least one.
        prepare: From stored samples to what the model sees.
        size: Samples per piece.
        autocast: Opens the precision the model runs in.
    """

    def __init__(
        self,
        model: nn.Module,
        split: Split,
        prepare: Callable[[Tensor], Tensor],
        size: int,
        autocast: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._model = model
        self._split = split
        self._prepare = prepare
        self._size = size
        self._autocast = autocast
        self._at = 0
        self._loss = torch.zeros((), dtype=torch.float64, device=split.targets.device)
        self._confusion: Tensor | None = None

    @property
    def done(self) -> bool:
        """Whether the whole split has been seen."""
        return self._at >= len(self._split)

    @torch.no_grad()
    def advance(self) -> None:
        """Evaluate the next piece."""
        self._take(*self._measured(self._at))
        self._at += self._size

    def _measured(self, start: int) -> tuple[Tensor, Tensor]:
        """Summed loss, and counts of true and predicted classes, of the piece that starts there."""
        piece = slice(start, start + self._size)
        targets = self._split.targets[piece]
        with self._autocast():
            scores = self._model(self._prepare(self._split.inputs[piece]))
            loss = F.cross_entropy(scores, targets, reduction="sum").double()
        classes = scores.shape[1]
        return loss, torch.bincount(targets * classes + scores.argmax(1), minlength=classes**2)

    def _take(self, loss: Tensor, pairs: Tensor) -> None:
        self._loss += loss
        self._confusion = pairs if self._confusion is None else self._confusion + pairs

    @property
    def loss(self) -> float:
        """Mean cross-entropy over the split."""
        return float(self._loss) / len(self._split)

    @property
    def accuracy(self) -> float:
        """Fraction of samples whose largest score is the right one."""
        return float(self.confusion.diagonal().sum()) / len(self._split)

    @property
    def confusion(self) -> Tensor:
        """Counts, classes × classes: row = true class, column = predicted class."""
        assert self._confusion is not None, "advance() first"
        classes = round(self._confusion.numel() ** 0.5)
        return self._confusion.view(classes, classes)


def piece_size(rows: list[LayerRow]) -> int:
    """Return how many samples to evaluate at once.

    It depends on the model alone, never on measured time, so that sums round the same way each
    time.
    """
    return max(1, min(_MOST_SAMPLES, int(_PIECE_FLOPS / max(1, forward_flops(rows)))))


def forward_flops(rows: list[LayerRow]) -> int:
    """Return the multiply-adds of one sample's forward pass through these layers."""
    return sum(
        row.fan_in * prod(row.shape) * (row.kernel**2 if row.kind == "conv" else 1)
        for row in rows
        if row.kind in ("linear", "conv")
    )
