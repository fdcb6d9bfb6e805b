"""Which recordings there are of each experiment: those shipped, and those made here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from proxprop import paper
from proxprop.paper import Result, StabilityResult

AnyResult = Result | StabilityResult
SCALES = {"full": "full data", "laptop": "laptop scale"}
# What a link calls an experiment → what a person picks. Others appear by their own titles.
EXPERIMENTS = {
    "mlp": "MLP",
    "mlp-adam": "MLP, Adam",
    "convnet": "ConvNet, Adam",
    "mlp-controls": "Controls",
    "batch": "Batch × τ",
    "stability": "Step sizes",
}


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
    def name(self) -> str:
        """What a link calls it, within its experiment: "full", "laptop", "full-here"."""
        return f"{self.result.scale}{'-here' * self.here}"

    @property
    def label(self) -> str:
        """What a person picks."""
        origin = "made here" if self.here else "recorded"
        long = f", {epochs(self.result)}" if isinstance(self.result, Result) else ""
        return f"{origin}: {SCALES[self.result.scale]}{long}"


def epochs(result: Result) -> str:
    """Return how far it was trained, in words: "8 epochs", "3 of 8 epochs"."""
    if result.complete:
        return f"{result.epochs:g} epoch{'s' * (result.epochs != 1)}"
    done = [seed.epoch[-1] for one in result.contenders for seed in one.seeds if seed.epoch]
    return f"{max(done, default=0):g} of {result.epochs:g} epochs"


def slug(result: AnyResult) -> str:
    """Return what a link calls the experiment of `result`."""
    return result.experiment if result.part == "main" else f"{result.experiment}-{result.part}"


class Library:
    """All recordings, by experiment.

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
        self._all: dict[str, list[Recording]] = {}
        for here, results in ((False, shipped), (True, made_here)):
            for result in results:
                self._all.setdefault(slug(result), []).append(Recording(result, here))
        for recordings in self._all.values():  # all images before a part of them
            recordings.sort(key=lambda one: (one.here, one.result.scale != "full"))

    def experiments(self) -> dict[str, str]:
        """Return what a link calls each experiment → what a person picks."""
        others = {name: found[0].result.title for name, found in self._all.items()}
        return {**EXPERIMENTS, **{n: t for n, t in others.items() if n not in EXPERIMENTS}}

    def of(self, experiment: str) -> dict[str, Recording]:
        """Return the recordings of an experiment by name, the one to show first first."""
        return {one.name: one for one in self._all.get(experiment, [])}

    def results(self, *, here: bool) -> list[AnyResult]:
        """Return every result made here, or every shipped one."""
        every = [one for found in self._all.values() for one in found]
        return [one.result for one in every if one.here == here]


def library() -> Library:
    """Return what is on disk now."""
    shipped, here = paper.shipped(), paper.made_here()
    return Library(shipped.results, here.results, (*shipped.problems, *here.problems))
