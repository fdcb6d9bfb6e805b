"""Which recordings there are of each experiment, and what is said of one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.components.notation import count
from proxprop.paper.result import AnyResult, Result, StabilityResult, made_here, shipped

SCALES = {"full": "full data", "laptop": "laptop scale"}
# What a link calls an experiment → what a person picks. Others appear by their own titles.
EXPERIMENTS = {
    "mlp": "MLP",
    "mlp-adam": "MLP, Adam",
    "convnet": "ConvNet, Adam",
    "mlp-rivals": "MLP, rivals",
    "convnet-rivals": "ConvNet, rivals",
    "mlp-controls": "Controls",
    "batch": "Batch × τ",
    "stability": "Step sizes",
}
SENTENCES = {
    "mlp": "3072-4000-1000-4000-10, batch 500, Nesterov 0.95: explicit steps at η 0.05 against "
    "implicit ones at η 1, τ 0.05.",
    "mlp-adam": "The same MLP with Adam at η 0.001: on gradients, and on implicit steps with τ 1.",
    "convnet": "Three convolutions and a linear layer, batch 500: Adam at η 0.001 on gradients, "
    "and on implicit steps with τ 1.",
    "mlp-rivals": "The same MLP, everyone at step sizes found by the same search: Nesterov, Adam "
    "and Muon on gradients, Nesterov and Adam on exact implicit steps.",
    "convnet-rivals": "The same ConvNet, everyone at step sizes found by the same search; implicit "
    "steps with the batch's and with a running Gram.",
    "mlp-controls": "Whose gain is it, the implicit step's or the last layer's larger η? The "
    "same MLP, one change at a time.",
    "batch": "The layer's Gram is a sum over the batch: the same τ is stronger in a larger batch.",
    "stability": "How large may a step be? Loss after a fixed number of steps, by step size.",
}
DEVIATIONS = """\
- **Images.** {stored}; the paper trains on CIFAR-10 as published. Split 45,000 / 5,000 where \
all images are used; pixels in 0…1, as in the paper.
- **Machine.** {machine}. Seconds are each contender's own training clock, contenders taking \
turns in one process; the paper's seconds are of its authors' machine. Compare ratios.
- **Length.** {length}.
- **CG.** Ours runs per output unit, each with its own coefficients, from zero on the \
correction, for k steps. The authors' convolution runs one scalar CG over all channels at \
once, guarded by an absolute epsilon, and may stop at a tolerance of 0.01.
- **Beyond the paper.** Exact steps for convolutions (the paper has none), seeds, the controls, \
and the studies of batch size and step size."""


@dataclass(frozen=True)
class Recording:
    """One result and where it comes from.

    Attributes:
        result: The numbers.
        here: Whether it was made on this machine rather than shipped.
    """

    result: AnyResult
    here: bool

    @property
    def experiment(self) -> str:
        """What a link calls its experiment."""
        result = self.result
        return result.experiment + (f"-{result.part}" if result.part != "main" else "")

    @property
    def name(self) -> str:
        """What a link calls it, within its experiment: "full", "laptop", "full-here"."""
        return f"{self.result.scale}{'-here' * self.here}"

    @property
    def label(self) -> str:
        """What a person picks."""
        origin = "made here" if self.here else "recorded"
        reach = f", {_reach(self.result)}" if isinstance(self.result, Result) else ""
        return f"{origin}: {SCALES[self.result.scale]}{reach}"


class Library:
    """All recordings: all images before a part of them, shipped ones before those made here.

    Args:
        shipped: Results that came with the package.
        made_here: Results of this machine.
        problems: Files that could not be read, in words.
    """

    def __init__(
        self,
        shipped: Iterable[AnyResult],
        made_here: Iterable[AnyResult],
        problems: Iterable[str] = (),
    ) -> None:
        self.problems = tuple(problems)
        every = [Recording(result, False) for result in shipped]
        every += [Recording(result, True) for result in made_here]
        self._all = sorted(every, key=lambda each: (each.here, each.result.scale != "full"))

    def experiments(self) -> dict[str, str]:
        """Return what a link calls each experiment → what a person picks."""
        titles = {each.experiment: each.result.title for each in self._all}
        return EXPERIMENTS | {name: titles[name] for name in titles if name not in EXPERIMENTS}

    def of(self, experiment: str) -> dict[str, Recording]:
        """Return the recordings of an experiment by name, the one to show first first."""
        return {each.name: each for each in self._all if each.experiment == experiment}

    def results(self, *, here: bool) -> list[AnyResult]:
        """Return every result made here, or every shipped one."""
        return [each.result for each in self._all if each.here == here]


def library() -> Library:
    """Return what is on disk now."""
    packaged, here = shipped(), made_here()
    return Library(packaged.results, here.results, (*packaged.problems, *here.problems))


def title(result: AnyResult) -> str:
    """Return what an exported figure is called."""
    return f"{result.title}, {result.data.name}" if isinstance(result, Result) else result.title


def provenance(result: AnyResult) -> str:
    """Return when, on what and with what the numbers were recorded."""
    data, day = result.data, result.recorded
    with contextlib.suppress(ValueError):
        when = datetime.fromisoformat(day)
        day = f"{when.day} {when:%B %Y}"
    tested = f", {count(data.test)} to test" if data.test else ""
    version = result.provenance.versions.get("torch", "–").partition("+")[0]
    return (
        f"Recorded {day}: {data.name}, {data.stored}, "
        f"{count(data.train)} + {count(data.validation)} images{tested}; "
        f"{_machine(result)}, torch {version}."
    )


def deviations(result: AnyResult) -> str:
    """Return where this recording differs from the paper, as a list."""
    stored = result.data.stored
    return DEVIATIONS.format(
        stored=stored[:1].upper() + stored[1:], machine=_machine(result), length=_length(result)
    )


def _machine(result: AnyResult) -> str:
    device, threads = result.provenance.device, result.provenance.threads
    if device != "cpu":
        return device
    made = f"{result.provenance.processor or 'CPU'}, {threads} thread{'s' * (threads != 1)}"
    load = result.provenance.load
    return made if load is None else f"{made}, load {load[0]:g} to {load[1]:g}"


def _length(result: AnyResult) -> str:
    if isinstance(result, StabilityResult):
        return f"{result.steps} steps a run"
    full = result.scale == "full"
    if full and result.epochs >= 50:
        return f"{result.epochs:g} epochs, as in the paper"
    part = "" if full else " on a part of the images"
    return f"{_epochs(result)}{part} in place of the paper's 50"


def _reach(result: Result) -> str:
    """Return how far it was trained: "8 epochs", "3 of 8 epochs"."""
    if result.complete:
        return _epochs(result)
    ends = [seed.epoch[-1] for each in result.contenders for seed in each.seeds if seed.epoch]
    return f"{max(ends, default=0):g} of {result.epochs:g} epochs"


def _epochs(result: Result) -> str:
    return f"{result.epochs:g} epoch{'s' * (result.epochs != 1)}"
