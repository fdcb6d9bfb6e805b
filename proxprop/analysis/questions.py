"""Questions about one network that only a process with torch can answer; no torch here.

The dashboard's server asks them (`app.questions`) and `python -m proxprop.analysis` answers.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from proxprop.spec.config import DirectionConfig, RunConfig
from proxprop.spec.config.base import Config
from proxprop.spec.config.parts import Positive

FORMAT = 7  # of the answers; a new one makes those kept so far obsolete
TAUS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
# Parts of a config that no answer depends on.
_IRRELEVANT = {
    "budget",
    "checkpoint",
    "instruments",
    "evaluation",
    "changes",
    "pace",
    "log",
    "devices",
}


class Question(Config):
    """Whose network, and how it steps.

    Attributes:
        parts: What an answer consists of, in the order in which it comes.
        limit: Seconds that an answer may take.
        config: Data, model, seed and batch size; which layers are implicit; step sizes.
        run: Run whose checkpoint gives the weights; None for the initial ones of `config`.
        step: Which checkpoint of the run; None for its latest.
    """

    parts: ClassVar[tuple[str, ...]]
    limit: ClassVar[float] = 600.0

    config: RunConfig
    run: str | None = None
    step: Annotated[int, Field(ge=0)] | None = None

    @property
    def digest(self) -> str:
        """Short hash of everything that determines the answer."""
        text = self.model_dump_json(exclude={"config": _IRRELEVANT})
        return hashlib.sha256(f"{FORMAT}{text}".encode()).hexdigest()[:16]


class SpectraQuestion(Question):
    """The layers' spectra on the first training batch, and the network's limits.

    Answered by one part, the fields of `proxprop.analysis.spectra.NetworkSpectra`.

    Attributes:
        taus: Values of τ at which the network's limit is computed, beside the config's own.
    """

    parts: ClassVar = ("spectra",)
    limit: ClassVar = 180.0

    kind: Literal["spectra"] = "spectra"
    taus: tuple[Positive, ...] = TAUS


class StepQuestion(Question):
    """The next training step in slow motion (see `proxprop.analysis.slow_motion`).

    An explicit direction is shown beside the exact one, all the same.
    """

    parts: ClassVar = ("motion", "findings")

    kind: Literal["step"] = "step"


class CostQuestion(Question):
    """What a step costs by its arithmetic.

    Answered by one part: ``ratio`` to a plain step, ``batch_ratio`` with the batch's Gram in all
    layers, the layers with a ``running`` one, those with the ``batch``'s, and those of the first
    for which theirs is the ``dearer`` one.
    """

    parts: ClassVar = ("cost",)
    limit: ClassVar = 30.0

    kind: Literal["cost"] = "cost"

    @classmethod
    def of(cls, config: RunConfig) -> CostQuestion:
        """Ask about a config; what does not bear on the cost is left out."""
        asked = config.direction
        direction = DirectionConfig(
            solver=asked.solver,
            cg_steps=asked.cg_steps,
            layers=asked.layers,
            gram=asked.gram,
            refresh=asked.refresh,
        )
        task = {"data": config.data, "model": config.model, "batch_size": config.batch_size}
        return cls(config=RunConfig(**task, direction=direction))


AnyQuestion = Annotated[SpectraQuestion | StepQuestion | CostQuestion, Field(discriminator="kind")]
