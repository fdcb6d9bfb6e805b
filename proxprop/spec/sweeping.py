"""Sweeps: configs to start from, and the map that is stored as their runs end.

How a sweep is stored
---------------------
*Cells* are the points of the map: method after method, within a method η (outer) by τ (inner);
`SweepConfig.cells()` lists them. Every cell is run once per seed, and each of those runs is a
*member* of the stored sweep: ``member = cell * seeds + seed_index``. `SweepConfig.run(member)` is
the `RunConfig` of the same run on its own, to open it in Train.

- Artifact **"map"** (member 0): all that a picture of the map needs, replaced as runs end; its
  `step` is the number of runs that have ended. The payload is `MapPayload`; null stands for "not
  yet" in `outcomes` and "not yet" or "not finite" in numbers (JSON has neither).
- Points of table **"steps"** with the member's number: the mini-batch `loss` before the step of
  that number, at most about 100 points a run, always its first and last.
  ``store.points(run_id, "steps", member)`` is a cell's curve, and series
  "<member>/steps/loss" the live one.
- One point of table **"evaluations"** per member when its run ends: train_loss, train_accuracy,
  validation_loss, validation_accuracy after its last step, NaN where it diverged.
- One `Ended` for the whole (member −1). Its summary counts the outcomes.

`step` of a snapshot is `steps` times the runs that whole blocks have settled; `member_steps` says
which members those are. `proxprop.runs.results.find_sweep` looks for a stored sweep of
the same config, `sweep_map` reads its map.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from statistics import geometric_mean
from typing import Any, Literal, TypedDict

from proxprop.spec.config import SweepConfig
from proxprop.spec.curves import MEASURES
from proxprop.spec.events import Outcome
from proxprop.spec.plain import finite_or_none, without_nan


def default_sweep(points: int = 25, seeds: int = 3, steps: int = 100) -> SweepConfig:
    """Return explicit, exact and CG-3 steps over the same range of s = η, or η·τ.

    Plain SGD on the default task, the digits, 64-128-64-10. Proximal steps want a large η and a
    small step size on the explicit last layer, here 100 and 0.1: with η = 1 they are far from any
    limit and slow.

    Args:
        points: Step sizes per method.
        seeds: Seeds, from 0.
        steps: Optimizer steps of every run.
    """
    lr = {"low": 1e-2, "high": 1e3, "count": points}
    tau = {"low": 1e-4, "high": 1e1, "count": points}
    implicit = {"name": "sgd", "lr": 100.0, "explicit_lr": 0.1}
    methods = (
        {"direction": {"solver": "explicit"}, "optimizer": {"name": "sgd"}, "lr": lr},
        {"direction": {"solver": "exact"}, "optimizer": implicit, "tau": tau},
        {"direction": {"solver": "cg", "cg_steps": 3}, "optimizer": implicit, "tau": tau},
    )
    return SweepConfig.parse({"methods": methods, "steps": steps, "seeds": seeds})


def plane_sweep(points: int = 15, seeds: int = 1, steps: int = 100) -> SweepConfig:
    """Return the exact step over the τ × η plane, on the task of `default_sweep`.

    Args:
        points: Values of each step size.
        seeds: Seeds, from 0.
        steps: Optimizer steps of every run.
    """
    method = {
        "direction": {"solver": "exact"},
        "optimizer": {"name": "sgd", "explicit_lr": 0.1},
        "lr": {"low": 0.1, "high": 1e3, "count": points},
        "tau": {"low": 1e-4, "high": 1e1, "count": points},
    }
    return SweepConfig.parse({"methods": (method,), "steps": steps, "seeds": seeds})


class LimitPoint(TypedDict):
    """One point of a predicted boundary.

    Attributes:
        lr: η there.
        tau: τ there; None for an explicit method.
        s: The same as step size s, see `MethodPayload`.
    """

    lr: float
    tau: float | None
    s: float


class LimitPayload(TypedDict):
    """Where a method is predicted to become unstable, at the initial weights of one seed.

    Attributes:
        seed: Of the initial weights.
        points: The boundary: one point where η or τ varies, one per τ where both do; empty where
            nothing is predicted.
        sharpness: λ_max(∇²J) or λ_max(P∇²J) at the only point; None where there are several.
        words: What is predicted, or why nothing is.
    """

    seed: int
    points: list[LimitPoint]
    sharpness: float | None
    words: str


class MethodPayload(TypedDict):
    """One method of the map. Lists without a remark have one entry per cell, in order.

    Attributes:
        label: What a person reads.
        solver: "explicit", "exact" or "cg".
        cg_steps: k, for "cg".
        optimizer: Name in `proxprop.spec.catalog.optimizers`.
        varies: ["lr"], ["tau"] or ["lr", "tau"].
        shape: [values of η, values of τ]; cells run over η (outer) by τ (inner).
        axis: What the step size s is for this method: "lr" (s = η) or "lr_tau" (s = η·τ).
        lr: η.
        tau: τ; of no effect for "explicit".
        s: The step size s, by which methods are compared.
        members: Per seed: the member whose points are this run's.
        outcomes: Per seed: "finished", "diverged", "collapsed", or None while pending.
        losses: Per seed: full training loss after the last step; None where pending or diverged.
        accuracies: Per seed: validation accuracy likewise (training accuracy where no samples are
            set aside).
        steps: Per seed: steps done; fewer than asked for where it diverged; None while pending.
        words: Per seed: how it ended, "" while pending.
        limits: One entry per seed, None until it is known.
    """

    label: str
    solver: str
    cg_steps: int
    optimizer: str
    varies: list[str]
    shape: list[int]
    axis: Literal["lr", "lr_tau"]
    lr: list[float]
    tau: list[float]
    s: list[float]
    members: list[list[int]]
    outcomes: list[list[str | None]]
    losses: list[list[float | None]]
    accuracies: list[list[float | None]]
    steps: list[list[int | None]]
    words: list[list[str]]
    limits: list[LimitPayload | None]


class MapPayload(TypedDict):
    """The whole map.

    Attributes:
        steps: Steps asked of every run.
        seeds: The seeds.
        runs: How many runs the sweep has.
        finished: How many have ended.
        constant_loss: Training loss of the best constant predictor.
        initial_losses: Per seed: full training loss of the initial weights, None until known.
        methods: The methods.
    """

    steps: int
    seeds: list[int]
    runs: int
    finished: int
    constant_loss: float
    initial_losses: list[float | None]
    methods: list[MethodPayload]


def predicted_step(method: MethodPayload) -> float | None:
    """Return the step size s below which a method is predicted stable: geometric mean over seeds.

    None where nothing is predicted, or where both η and τ vary.
    """
    limits = [limit for limit in method["limits"] if limit is not None and limit["points"]]
    if not limits or len(method["varies"]) != 1:
        return None
    return geometric_mean(limit["points"][0]["s"] for limit in limits)


@dataclass(frozen=True)
class RunResult:
    """How one run of a sweep ended.

    Attributes:
        outcome: "finished", "diverged" or "collapsed".
        words: One sentence.
        step: Steps done.
        train_loss: Full training loss, NaN where it diverged; so the others.
        train_accuracy: Fraction right.
        validation_loss: Likewise; NaN where no samples are set aside.
        validation_accuracy: Likewise.
    """

    outcome: Outcome
    words: str
    step: int
    train_loss: float = math.nan
    train_accuracy: float = math.nan
    validation_loss: float = math.nan
    validation_accuracy: float = math.nan

    @property
    def columns(self) -> dict[str, float]:
        """Values of the "evaluations" point."""
        return {name: getattr(self, name) for name in MEASURES}


class Board:
    """What is known of a sweep so far.

    Args:
        config: The sweep.
        constant_loss: Training loss of the best constant predictor.

    Attributes:
        results: Member → how its run ended.
        initial_losses: Seed index → loss of the initial weights.
        limits: (method, seed index) → prediction.
    """

    def __init__(self, config: SweepConfig, constant_loss: float) -> None:
        self._config = config
        self._constant_loss = constant_loss
        self._cells = config.cells()
        self.results: dict[int, RunResult] = {}
        self.initial_losses: dict[int, float] = {}
        self.limits: dict[tuple[int, int], LimitPayload] = {}

    @property
    def outcomes(self) -> dict[str, int]:
        """How many runs ended in which way."""
        return dict(Counter(result.outcome for result in self.results.values()))

    def payload(self) -> MapPayload:
        """Return the map as plain data."""
        config = self._config
        return {
            "steps": config.steps,
            "seeds": [config.seed + index for index in range(config.seeds)],
            "runs": len(self._cells) * config.seeds,
            "finished": len(self.results),
            "constant_loss": self._constant_loss,
            "initial_losses": [self.initial_losses.get(i) for i in range(config.seeds)],
            "methods": [self._method(index) for index in range(len(config.methods))],
        }

    def state(self, members: Collection[int]) -> dict[str, Any]:
        """Return what is known of `members`, and all the rest, as plain data for a snapshot."""
        return {
            "results": {str(m): without_nan(asdict(self.results[m])) for m in sorted(members)},
            "initial_losses": {str(i): loss for i, loss in self.initial_losses.items()},
            "limits": [[method, seed, limit] for (method, seed), limit in self.limits.items()],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Restore what `state` returned."""
        self.results = {int(member): _result(values) for member, values in state["results"].items()}
        self.initial_losses = {int(i): loss for i, loss in state["initial_losses"].items()}
        self.limits = {(method, seed): limit for method, seed, limit in state["limits"]}

    def _method(self, index: int) -> MethodPayload:
        method, seeds = self._config.methods[index], self._config.seeds
        cells = [cell for cell in self._cells if cell.method == index]
        members = [[self._config.member(cell, seed) for seed in range(seeds)] for cell in cells]

        results = [[self.results.get(member) for member in row] for row in members]

        def each(read: Callable[[RunResult], Any], pending: Any = None) -> list[list[Any]]:
            return [[pending if r is None else read(r) for r in row] for row in results]

        return {
            "label": method.name,
            "solver": method.direction.solver,
            "cg_steps": method.direction.cg_steps,
            "optimizer": method.optimizer.name,
            "varies": list(method.varies),
            "shape": list(method.shape),
            "axis": method.axis,
            "lr": [cell.lr for cell in cells],
            "tau": [cell.tau for cell in cells],
            "s": [method.place(cell.lr, cell.tau) for cell in cells],
            "members": members,
            "outcomes": each(lambda result: result.outcome),
            "losses": each(lambda result: finite_or_none(result.train_loss)),
            "accuracies": each(_accuracy),
            "steps": each(lambda result: result.step),
            "words": each(lambda result: result.words, ""),
            "limits": [self.limits.get((index, seed)) for seed in range(seeds)],
        }


def _accuracy(result: RunResult) -> float | None:
    validation = finite_or_none(result.validation_accuracy)
    return finite_or_none(result.train_accuracy) if validation is None else validation


def _result(values: dict[str, Any]) -> RunResult:
    numbers: dict[str, Any] = {k: math.nan if v is None else v for k, v in values.items()}
    return RunResult(**numbers)
