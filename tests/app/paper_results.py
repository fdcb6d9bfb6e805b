"""Made-up results of the paper's experiments, with numbers that can be worked out by hand."""

from __future__ import annotations

from proxprop.paper.result import (
    Contender,
    Data,
    Provenance,
    Result,
    Seed,
    StabilityMethod,
    StabilityResult,
)
from proxprop.spec.config import RunConfig

BASE = {"data.name": "cifar10", "model.name": "paper-mlp", "batch_size": 500}
ABOUT = {
    "scale": "laptop",
    "recorded": "2026-03-04T05:06:07+00:00",
    "provenance": Provenance(
        versions={"torch": "2.15.0+cpu"}, device="cpu", processor="Abacus", threads=2
    ),
    "data": Data(name="CIFAR-10", stored="class folders", train=40, validation=5, test=10),
}


def seed(
    losses: tuple[float | None, ...],
    *,
    pace: float = 10.0,
    number: int = 0,
    outcome: str = "finished",
    accuracies: tuple[float | None, ...] = (),
) -> Seed:
    """Return a seed that evaluates after every epoch of `pace` seconds."""
    count = len(losses)
    return Seed(
        seed=number,
        outcome=outcome,
        epoch=tuple(map(float, range(count))),
        train_loss=losses,
        validation_accuracy=accuracies or tuple(0.1 + 0.05 * i for i in range(count)),
        seconds=tuple(pace * i for i in range(count)),
        test_accuracy=0.5 if outcome == "finished" else None,
    )


def contender(key: str, *seeds: Seed, label: str = "", **changes: object) -> Contender:
    """Return a contender with a true config."""
    config = RunConfig().replace(**{**BASE, **changes})
    return Contender(
        key=key, label=label or key, config=config.model_dump(mode="json"), seeds=seeds
    )


PLAIN = {"direction.solver": "explicit", "optimizer.lr": 0.05}


def mlp(**changes: object) -> Result:
    """Plain ends at 1 after 4 epochs of 10 s; exact is there at epoch 1.5, second 18."""
    contenders = (
        contender(
            "plain",
            seed((2.0, 1.8, 1.6, 1.3, 1.0)),
            label="explicit",
            **PLAIN,
        ),
        contender("exact", seed((2.0, 1.25, 0.8, 0.4, 0.3), pace=12.0), label="implicit (exact)"),
        contender(
            "cg3",
            seed((2.0, 1.9, None), outcome="diverged"),
            label="implicit (CG 3)",
            **{"direction.solver": "cg"},
        ),
    )
    values = {
        "experiment": "mlp",
        "part": "main",
        "title": "MLP",
        "epochs": 4,
        "planned_epochs": 50,
        "complete": True,
        "contenders": contenders,
        **ABOUT,
        **changes,
    }
    return Result(**values)


def batch() -> Result:
    """Exact steps at two τ and two batch sizes; one diverged."""
    entries = [
        (125, 0.05, seed((2.0, 1.5))),
        (125, 0.2, seed((2.0, 1.0))),
        (500, 0.05, seed((2.0, 1.2))),
        (500, 0.2, seed((2.0, None), outcome="diverged")),
    ]
    contenders = tuple(
        contender(f"exact-{size}-{tau}", one, **{"batch_size": size, "direction.tau": tau})
        for size, tau, one in entries
    )
    return mlp(experiment="batch", title="Batch", contenders=contenders, epochs=1)


def stability() -> StabilityResult:
    """Two methods, two seeds, three step sizes; plain loses one seed at the largest."""
    plain = StabilityMethod(
        key="plain",
        label="explicit",
        solver="explicit",
        lr=(0.1, 1.0, 10.0),
        tau=(None, None, None),
        step_size=(0.1, 1.0, 10.0),
        losses=((2.0, 1.8), (1.0, 1.2), (0.9, None)),
        outcomes=(("finished",) * 2, ("finished",) * 2, ("finished", "diverged")),
    )
    exact = StabilityMethod(
        key="exact",
        label="implicit (exact)",
        solver="exact",
        lr=(0.1, 1.0, 10.0),
        tau=(1.0, 1.0, 1.0),
        step_size=(0.1, 1.0, 10.0),
        losses=((2.1, 2.1), (1.5, 1.5), (0.5, 0.7)),
        outcomes=(("finished",) * 2,) * 3,
    )
    return StabilityResult(
        **ABOUT,
        part="main",
        title="Step sizes",
        complete=True,
        config={},
        steps=72,
        seeds=(0, 1),
        initial_loss=2.3,
        constant_loss=2.25,
        methods=(plain, exact),
    )
