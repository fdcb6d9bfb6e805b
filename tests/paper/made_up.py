"""Results with made-up numbers, for rules to decide on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proxprop.paper.plan import METHOD_KEYS, Part, plans
from proxprop.paper.result import (
    Contender,
    Data,
    Outcome,
    Provenance,
    Result,
    Scale,
    Seed,
    StabilityMethod,
    StabilityResult,
)
from proxprop.spec.config import DataConfig

COMMON: dict[str, Any] = {
    "provenance": Provenance(versions={"torch": "0"}, device="cpu", processor="none", threads=2),
    "data": Data(name="CIFAR-10", stored="made up", train=100, validation=1000, test=10_000),
    "complete": True,
    "recorded": "2026-01-01T00:00:00+00:00",
}


def parts(scale: Scale = "laptop") -> dict[str, Part]:
    return {part.place: part for part in plans(scale, DataConfig(name="cifar10"))}


def seed(
    losses: Sequence[float | None],
    seconds: float = 1.0,
    test: float | None = None,
    number: int = 0,
    outcome: Outcome = "finished",
    validation: float = 0.5,
) -> Seed:
    """Return a run with these losses after 1, 2, … epochs of equal length."""
    count = len(losses) + 1
    return Seed(
        seed=number,
        outcome=outcome,
        epoch=tuple(map(float, range(count))),
        train_loss=(2.3, *losses),
        validation_accuracy=(0.1, *[validation] * (count - 1)),
        seconds=tuple(seconds * epoch for epoch in range(count)),
        test_accuracy=test,
    )


def result(place: str, seeds: Mapping[str, Seed | Sequence[Seed]], **changes: Any) -> Result:
    """Return a result of one part; contenders not named have one run that tells nothing."""
    part = parts()[place]
    known = [
        (key, field.config.run(index).model_dump(mode="json"))
        for field in part.fields
        for index, key in enumerate(field.keys)
    ]
    main = parts()[f"{part.experiment}/main"].fields[0]
    known += [
        (key, main.config.run(main.keys.index(key)).model_dump(mode="json"))
        for key in part.references
    ]
    contenders = []
    for key, config in known:
        given = seeds.get(key, seed([2.0, 1.9]))
        runs = (given,) if isinstance(given, Seed) else tuple(given)
        contenders.append(Contender(key=key, label=key, config=config, seeds=runs))
    values = {
        **COMMON, "experiment": part.experiment, "part": part.name, "scale": "laptop",
        "title": "made up", "epochs": 2.0, "planned_epochs": 8.0, "contenders": contenders,
    }  # fmt: skip
    return Result(**{**values, **changes})


def stability(losses: Mapping[str, Sequence[float | None]], **changes: Any) -> StabilityResult:
    """Return a sweep over η = 0.01, 0.1, 1, 10; None stands for a run that diverged."""
    eta = (0.01, 0.1, 1.0, 10.0)
    methods = [
        StabilityMethod(
            key=key,
            label=key,
            solver="explicit" if key == "plain" else "cg",
            lr=eta,
            tau=(None if key == "plain" else 1.0,) * 4,
            step_size=eta,
            losses=tuple((loss,) for loss in losses[key]),
            outcomes=tuple(("diverged" if loss is None else "finished",) for loss in losses[key]),
        )
        for key in METHOD_KEYS
        if key in losses
    ]
    values = {
        **COMMON, "part": "main", "scale": "laptop", "title": "made up", "config": {}, "steps": 10,
        "seeds": (0,), "initial_loss": 2.3, "constant_loss": 2.3, "methods": tuple(methods),
    }  # fmt: skip
    return StabilityResult(**{**values, **changes})
