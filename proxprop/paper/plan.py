"""The paper's experiments as races and a sweep: every number of section 5, and what goes beyond it.

Frerix et al. 2018 write τ for our η and τ_θ for our τ. The experiments:

- mlp/main: figure 2; Nesterov 0.95 on 3072-4000-1000-4000-10, batch 500. In full, CG 3 and CG 10
  race apart and shorter.
- mlp/rivals, convnet/rivals: ours. Everyone at step sizes searched alike, Muon among them: the
  paper's rivals are those of 2018, and its step sizes not the best of either kind.
- mlp/controls, mlp/adam: ours. With η = 1 the paper's explicit last layer runs 20 times faster than
  in its plain rival; the controls tell the two apart.
- convnet/main: figure 3; and beyond the paper exact steps, with the batch's and a running Gram.
- stability/main: table 1, loss after a fixed number of steps against η at τ = 1.
- batch/main: ours. The Gram is a sum over the batch, so the batch size scales τ's effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from proxprop.paper.result import Experiment, Scale
from proxprop.spec.config import (
    Contender,
    DataConfig,
    DirectionConfig,
    RaceConfig,
    SweepConfig,
)

PAPER_EPOCHS = 50
BATCH = 500
ETA, TAU, PLAIN_ETA = 1.0, 0.05, 0.05  # section 5.1
STUDIED_TAU, STUDIED_BATCHES = (0.0125, TAU, 0.2), (125, BATCH, 2000)
ADAM_ETA, ADAM_TAU = 1e-3, 1.0  # sections 5.1 (end) and 5.3

# Laptop: a tenth of the images to train on, at the paper's widths and batch size. A third as many
# again validate, so that accuracies are not all noise (one standard error: 1.3 points).
_SUBSET = {"samples": 6000, "validation": 0.25}
_SPLIT: dict[Scale, dict[str, Any]] = {"laptop": _SUBSET, "full": {"validation": 0.1}}
_EPOCHS: dict[Scale, dict[str, int]] = {
    "laptop": {
        "mlp/main": 8,
        "mlp/controls": 6,
        "mlp/adam": 5,
        "mlp/rivals": 5,
        "convnet/main": 20,
        "convnet/rivals": 20,
        "batch/main": 8,
    },
    "full": {"mlp/rivals": 20},
}
_SHORTER = 20  # epochs of CG 3 and CG 10 beside the 50 of explicit, exact and CG 5
_SEARCHES: dict[Scale, dict[str, Any]] = {  # alike for everyone
    "laptop": {"trials": 6, "epochs": 2, "seeds": 1},
    "full": {"trials": 10, "epochs": 1, "seeds": 1},
}
_SWEPT: dict[Scale, dict[str, Any]] = {
    "laptop": {"model": {"name": "mlp", "widths": (128, 64)}, "steps": 72, "seeds": 2},
    "full": {"model": {"name": "paper-mlp"}, "steps": PAPER_EPOCHS * 90, "seeds": 1},
}
_SMALL_MLP = {"name": "mlp", "widths": (400, 100, 400)}  # a tenth of the paper's widths
_CADENCE = {"laptop": 60.0, "full": 120.0}  # seconds between checkpoints of up to a gigabyte


@dataclass(frozen=True)
class Field:
    """Contenders that race one another.

    Attributes:
        keys: Their stable names.
        config: The race, on one seed.
    """

    keys: tuple[str, ...]
    config: RaceConfig


@dataclass(frozen=True)
class Part:
    """One part of an experiment: what goes into one result file.

    Attributes:
        experiment: Which experiment.
        name: "main", "controls", "adam", "rivals".
        scale: At which scale.
        title: What a person reads.
        fields: Its races, none for the sweep.
        sweep: The sweep, for "stability".
        references: Contenders of "main" that are shown beside, copied from its result.
    """

    experiment: Experiment
    name: str
    scale: Scale
    title: str
    fields: tuple[Field, ...] = ()
    sweep: SweepConfig | None = None
    references: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Its name among all parts, such as "mlp/main"."""
        return f"{self.experiment}/{self.name}"

    @property
    def epochs(self) -> int:
        """Epochs of its plan; 0 for the sweep, which counts steps."""
        return int(max((field.config.budget.epochs or 0 for field in self.fields), default=0))


def plans(scale: Scale, data: DataConfig) -> tuple[Part, ...]:
    """Return every part at one scale, in the order they are carried out.

    Args:
        scale: "laptop" or "full".
        data: Which CIFAR-10; its split is set by the scale.
    """
    data = data.replace(**_SPLIT[scale])
    return tuple(_parts(scale, data))


def _parts(scale: Scale, data: DataConfig) -> Iterator[Part]:
    def part(
        place: str,
        title: str,
        *entries: Entry,
        references: tuple[str, ...] = (),
        search: dict[str, Any] | None = None,
    ) -> Part:
        experiment, name = place.split("/")
        model = {"name": f"paper-{experiment}"}
        only = _field(scale, place, data, model, BATCH, entries, search)
        return Part(experiment, name, scale, title, (only,), references=references)  # type: ignore[arg-type]

    adam = partial(_entry, lr=ADAM_ETA, tau=ADAM_TAU, optimizer="adam", prefix="Adam, ")
    control = partial(_entry, solver="exact", explicit_lr=PLAIN_ETA)
    yield _figure_2(scale, data)
    yield part(
        "convnet/main", "ConvNet, Adam on implicit directions (the paper's figure 3)",
        adam("adam", "explicit"), adam("adam-cg3", "cg"), adam("adam-cg10", "cg", steps=10),
        adam("adam-exact", "exact"), adam("adam-running", "exact", gram="running"),
    )  # fmt: skip
    yield part(
        "mlp/controls", "MLP: whose gain is it, the implicit step's or the last layer's?",
        _entry("plain-last-1", "explicit", PLAIN_ETA, 1.0, label="explicit, last layer η 1"),
        control("exact-last-.05", label="exact, last layer η 0.05"),
        control("exact-eta-10", lr=10.0, label="exact, η 10, last layer η 0.05"),
        control("exact-eta-30", lr=30.0, label="exact, η 30, last layer η 0.05"),
        references=("plain", "exact"),
    )  # fmt: skip
    yield part(
        "mlp/adam", "MLP, Adam on implicit directions",
        adam("adam", "explicit"), adam("adam-exact", "exact"), adam("adam-cg3", "cg"),
        references=("plain", "exact"),
    )  # fmt: skip
    tuned = partial(_entry, explicit_lr=PLAIN_ETA)
    tuned_adam = partial(_entry, lr=ADAM_ETA, tau=ADAM_TAU, optimizer="adam")
    rivals = (
        _entry("nesterov", "explicit", PLAIN_ETA, label="Nesterov, explicit"),
        tuned_adam("adam", "explicit", label="Adam, explicit"),
        _entry("muon", "explicit", 0.02, ADAM_ETA, optimizer="muon", label="Muon + AdamW"),
    )
    yield part(
        "mlp/rivals", "MLP: everyone at step sizes searched alike", *rivals,
        tuned("exact", "exact", label="Nesterov, exact"),
        tuned_adam("adam-exact", "exact", label="Adam, exact"),
        search=_SEARCHES[scale],
    )  # fmt: skip
    yield part(
        "convnet/rivals", "ConvNet: everyone at step sizes searched alike", *rivals,
        tuned_adam("adam-exact", "exact", label="Adam, exact"),
        tuned_adam("adam-running", "exact", gram="running", label="Adam, running"),
        search=_SEARCHES[scale],
    )  # fmt: skip
    yield _stability(scale, data)
    yield _batches(scale, data)


def _figure_2(scale: Scale, data: DataConfig) -> Part:
    """Figure 2: one race of five at laptop scale; in full one of three, a shorter one of two."""
    plain, exact = _entry("plain", "explicit", PLAIN_ETA), _entry("exact", "exact")
    cg3, cg5, cg10 = (_entry(f"cg{steps}", "cg", steps=steps) for steps in (3, 5, 10))
    field = partial(_field, scale, "mlp/main", data, {"name": "paper-mlp"}, BATCH)
    fields: tuple[Field, ...] = (field((plain, exact, cg3, cg5, cg10)),)
    if scale == "full":
        fields = (field((plain, exact, cg5)), field((cg3, cg10), epochs=_SHORTER))
    return Part("mlp", "main", scale, "MLP, Nesterov momentum (the paper's figure 2)", fields)


def _stability(scale: Scale, data: DataConfig) -> Part:
    """Table 1: η from 5e-4 to 50 in half decades, at τ = 1 and Nesterov 0.95."""
    optimizer = {"name": "nesterov", "momentum": 0.95}
    eta = {"low": 5e-4, "high": 50.0, "count": 11}
    directions = [
        _direction("explicit"),
        *(_direction("cg", ADAM_TAU, steps) for steps in (3, 5)),
        _direction("exact", ADAM_TAU),
    ]
    methods = [
        {"label": direction.label, "direction": direction, "optimizer": optimizer, "lr": eta}
        for direction in directions
    ]
    sweep = SweepConfig.parse(
        {"data": data, "batch_size": BATCH, "methods": methods, **_SWEPT[scale]}
    )
    title = "MLP: training loss against the step size (the paper's table 1)"
    return Part("stability", "main", scale, title, sweep=sweep)


# The stability sweep's methods, in order.
METHOD_KEYS = ("plain", "cg3", "cg5", "exact")


def _batches(scale: Scale, data: DataConfig) -> Part:
    """Exact and CG 3 steps at three values of τ for each of three batch sizes."""
    fields = []
    for batch in STUDIED_BATCHES:
        entries = tuple(
            _entry(
                f"{key}-batch-{batch}-tau-{tau:g}",
                solver,
                tau=tau,
                label=f"{label}, batch {batch}, τ {tau:g}",
            )
            for key, solver, label in (("exact", "exact", "exact"), ("cg3", "cg", "CG 3"))
            for tau in STUDIED_TAU
        )
        fields.append(_field(scale, "batch/main", data, _SMALL_MLP, batch, entries))
    return Part("batch", "main", scale, "Small MLP: τ against the batch size", tuple(fields))


Entry = tuple[str, Contender]


def _field(
    scale: Scale,
    place: str,
    data: DataConfig,
    model: dict[str, Any],
    batch: int,
    entries: tuple[Entry, ...],
    search: dict[str, Any] | None = None,
    epochs: int | None = None,
) -> Field:
    keys, contenders = zip(*entries)
    config = RaceConfig.parse(
        {
            "data": data,
            "model": model,
            "batch_size": batch,
            "contenders": contenders,
            "budget": {"epochs": epochs or _EPOCHS[scale].get(place, PAPER_EPOCHS)},
            "checkpoint": {"seconds": _CADENCE[scale]},
            "search": search,
        }
    )
    return Field(keys, config)


def _entry(
    key: str,
    solver: str,
    lr: float = ETA,
    explicit_lr: float | None = None,
    *,
    tau: float = TAU,
    steps: int = 3,
    gram: str = "batch",
    optimizer: str = "nesterov",
    label: str = "",
    prefix: str = "",
) -> Entry:
    """Return a contender and its key; without a label it is called by its direction."""
    direction = _direction(solver, tau, steps, gram)
    chosen = {"name": optimizer, "lr": lr, "explicit_lr": explicit_lr}
    label = label or f"{prefix}{direction.label}"
    return key, Contender.parse({"label": label, "direction": direction, "optimizer": chosen})


def _direction(
    solver: str, tau: float = TAU, steps: int = 3, gram: str = "batch"
) -> DirectionConfig:
    return DirectionConfig.parse({"solver": solver, "cg_steps": steps, "tau": tau, "gram": gram})
