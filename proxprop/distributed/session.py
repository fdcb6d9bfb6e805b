"""A session whose batches are shared out among the processes of the group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from proxprop.analysis.recorder import LayerRecorder
from proxprop.conversion import iter_prox_layers
from proxprop.data.dataset import Dataset
from proxprop.distributed.group import Do, send
from proxprop.engine.training.session import Session, SetEvaluation
from proxprop.engine.training.stopwatch import StepReport
from proxprop.spec.config import RunConfig

SPLITS = ("train", "validation", "test")


class SharedSession(Session):
    """One process's part of a session; all of them do the same at the same time.

    A batch is cut into contiguous parts in the order of the ranks, so that together the processes
    see what one would. DistributedDataParallel averages what their parts leave in ``.grad``:
    gradients, and running Grams' directions, which are linear in them. A direction with the batch's
    own Gram is no such average: for it every process gathers the joined batch
    (`proxprop.core.joined`). The weights, the optimizer and the running Grams stay the same in all.
    """

    def __init__(self, config: RunConfig, dataset: Dataset, device: torch.device) -> None:
        super().__init__(config, dataset, device)
        self.rank, self.processes = dist.get_rank(), dist.get_world_size()
        on = None if device.index is None else [device.index]
        self._parallel = DistributedDataParallel(
            self.model, device_ids=on, gradient_as_bucket_view=True
        )
        self._whole = False
        self._of_batch = 0

    @property
    def place(self) -> str:
        """Where it computes, how often."""
        return f"{self.processes} × {super().place}"

    def share_out(self, whole: bool) -> None:
        """Say how the coming step is shared.

        Args:
            whole: Whether every process takes the whole batch, as in a step whose layers are
                measured: what is measured is then what one process would see.
        """
        self._whole = whole
        for _, layer in iter_prox_layers(self.model):
            layer.synchronise = layer.joined = not whole

    def evaluation(
        self, split: str, announce: Callable[[int], None] | None = None
    ) -> SharedEvaluation:
        """Return the evaluation of one split, of which every process does its pieces.

        Args:
            split: "train", "validation" or "test".
            announce: Called before each round with the sample that it starts from.
        """
        samples = getattr(self.dataset, split)
        parts: Any = (self.model, samples, self.prepare, self._piece, self.autocast)
        return SharedEvaluation(*parts, announce=announce)

    def _batch(self) -> tuple[Tensor, Tensor]:
        chosen = self._batches.chosen(self.step)
        self._of_batch = len(chosen)
        if not self._whole:
            chosen = chosen.tensor_split(self.processes)[self.rank]
        train = self.dataset.train
        return self.prepare(train.inputs[chosen]), train.targets[chosen]

    def _loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        with self.autocast():
            scores = self._parallel(inputs)
            if self._whole:
                return F.cross_entropy(scores, targets)
            total = F.cross_entropy(scores, targets, reduction="sum")
        # The mean over the processes is the mean over the batch, however it is cut.
        loss: Tensor = _MeanOfProcesses.apply(total * (self.processes / self._of_batch))
        return loss


class _MeanOfProcesses(torch.autograd.Function):
    """The mean of all processes' losses, differentiated as this process's own."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        mean = own.clone()
        dist.all_reduce(mean)
        return mean / dist.get_world_size()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output


class SharedEvaluation(SetEvaluation):
    """Rounds of pieces, one a process; the pieces are those of one process.

    Args:
        *parts: Those of a `SetEvaluation`.
        announce: Called before each round with the sample that it starts from.
    """

    def __init__(self, *parts: Any, announce: Callable[[int], None] | None) -> None:
        super().__init__(*parts)
        self._announce = announce

    def start_at(self, sample: int) -> None:
        """Go on from where the leader is."""
        self._at = sample

    @torch.no_grad()
    def advance(self) -> None:
        """Evaluate the next round."""
        if self._announce is not None:
            self._announce(self._at)
        loss, pairs = self._measured(self._at + dist.get_rank() * self._size)
        self._at += dist.get_world_size() * self._size
        sums = torch.cat([loss[None], pairs.double()])  # counts are exact in float64
        dist.all_reduce(sums)
        self._take(sums[0], sums[1:].long())


class LeadingSession(SharedSession):
    """The leader's session: it tells the others of everything that they have to do with it."""

    def advance(self, recorder: LayerRecorder | None = None) -> list[StepReport]:
        """Take one step, all together."""
        whole = recorder is not None
        send(Do.STEP, whole, self.factor)
        self.share_out(whole)
        return super().advance(recorder)

    def apply(self, settings: RunConfig) -> None:
        """Put the settings of a config in force from the next step on, everywhere."""
        send(Do.APPLY, message=settings.model_dump(mode="json"))
        super().apply(settings)

    def evaluation(
        self, split: str, announce: Callable[[int], None] | None = None
    ) -> SharedEvaluation:
        """Return the evaluation of one split; each round of it is announced."""
        number = SPLITS.index(split)
        return super().evaluation(split, lambda sample: send(Do.EVALUATE, number, sample))


class FollowingSession(SharedSession):
    """A follower's session: what depends on the leader's clock is told."""

    _told = 1.0

    @property
    def factor(self) -> float:
        """The schedule's factor, as the leader has it."""
        return self._told

    def follow(self, whole: bool, factor: float) -> None:
        """Take the step that the leader takes."""
        self._told = factor
        self.share_out(whole)
        self.advance()

    def evaluate(self, split: int, sample: int) -> None:
        """Do this process's piece of a round."""
        evaluation = self.evaluation(SPLITS[split])
        evaluation.start_at(sample)
        evaluation.advance()
