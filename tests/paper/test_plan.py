"""The plans carry the paper's numbers (Frerix et al. 2018, section 5)."""

from __future__ import annotations

import pytest

from proxprop.paper.jobs import jobs_of
from proxprop.paper.plan import Part, plans
from proxprop.spec.catalog.models import layer_table
from proxprop.spec.config import Contender, DataConfig, RaceConfig, RunConfig
from proxprop.spec.config.run import split_sizes, training_samples
from proxprop.spec.racing import race_labels
from proxprop.spec.racing.search import candidates
from tests.paper.made_up import parts


def runs(part: Part) -> dict[str, RunConfig]:
    return {
        key: field.config.run(index)
        for field in part.fields
        for index, key in enumerate(field.keys)
    }


def step(run: RunConfig) -> tuple[str, str, float, float, int]:
    """Optimizer, direction, η, η of the last layer, and k where there are CG steps."""
    steps = run.direction.cg_steps if run.direction.solver == "cg" else 0
    lr, last = run.optimizer.lr, run.optimizer.last_lr
    return run.optimizer.name, run.direction.solver, lr, last, steps


def test_the_mlp_of_figure_2() -> None:
    part = parts("full")["mlp/main"]
    assert {key: step(run) for key, run in runs(part).items()} == {
        "plain": ("nesterov", "explicit", 0.05, 0.05, 0),
        "exact": ("nesterov", "exact", 1.0, 1.0, 0),
        "cg3": ("nesterov", "cg", 1.0, 1.0, 3),
        "cg5": ("nesterov", "cg", 1.0, 1.0, 5),
        "cg10": ("nesterov", "cg", 1.0, 1.0, 10),
    }
    assert part.epochs == 50
    assert {key: run.budget.epochs for key, run in runs(part).items()} == {
        **dict.fromkeys(("plain", "exact", "cg5"), 50),
        **dict.fromkeys(("cg3", "cg10"), 20),
    }
    for run in runs(part).values():
        assert run.optimizer.momentum == 0.95
        assert run.optimizer.weight_decay == 0
        assert run.batch_size == 500
        assert run.direction.layers == "hidden"
        assert run.direction.tau == 0.05
        assert run.direction.cg_rtol == 0
        assert not run.data.standardize
        assert run.evaluation.train
        assert run.evaluation.every == 1
        layers = layer_table(run.model.name, run.model.widths, "relu", (3, 32, 32), 10)
        assert [row.fan_in for row in layers if row.kind == "linear"] == [3072, 4000, 1000, 4000]


def test_the_convnet_of_figure_3_and_exact_steps_beyond_it() -> None:
    part = parts("full")["convnet/main"]
    assert {key: step(run) for key, run in runs(part).items()} == {
        "adam": ("adam", "explicit", 1e-3, 1e-3, 0),
        "adam-cg3": ("adam", "cg", 1e-3, 1e-3, 3),
        "adam-cg10": ("adam", "cg", 1e-3, 1e-3, 10),
        "adam-exact": ("adam", "exact", 1e-3, 1e-3, 0),
        "adam-running": ("adam", "exact", 1e-3, 1e-3, 0),
    }
    assert {key for key, run in runs(part).items() if run.direction.running} == {"adam-running"}
    for run in runs(part).values():
        assert run.direction.tau == 1.0
        assert run.model.name == "paper-convnet"
        assert run.batch_size == 500
        assert run.budget.epochs == 50


@pytest.mark.parametrize("network", ["mlp", "convnet"])
def test_rivals_are_searched_alike(network: str) -> None:
    (field,) = parts("full")[f"{network}/rivals"].fields
    config = field.config
    assert config.search is not None
    tried = [candidates(one, config.search.trials, config.seed) for one in config.contenders]
    assert {len(trials) for trials in tried} == {10}
    solvers = [one.direction.solver for one in config.contenders]
    assert solvers == ["explicit", "explicit", "explicit", "exact", "exact"]
    assert [one.optimizer.name for one in config.contenders[:3]] == ["nesterov", "adam", "muon"]


def test_the_controls() -> None:
    part = parts("full")["mlp/controls"]
    assert {key: step(run) for key, run in runs(part).items()} == {
        "plain-last-1": ("nesterov", "explicit", 0.05, 1.0, 0),
        "exact-last-.05": ("nesterov", "exact", 1.0, 0.05, 0),
        "exact-eta-10": ("nesterov", "exact", 10.0, 0.05, 0),
        "exact-eta-30": ("nesterov", "exact", 30.0, 0.05, 0),
    }
    assert part.references == ("plain", "exact")


def test_table_1() -> None:
    sweep = parts("full")["stability/main"].sweep
    assert sweep is not None
    assert sweep.steps == 50 * 90  # 50 epochs of 45,000 images in batches of 500
    assert sweep.model.name == "paper-mlp"
    assert [(m.direction.solver, m.direction.cg_steps) for m in sweep.methods[1:3]] == [
        ("cg", 3),
        ("cg", 5),
    ]
    for method in sweep.methods:
        tried = method.lr_values
        for eta in (50, 5, 0.5, 0.05, 5e-3, 5e-4):  # of the paper's table
            assert any(abs(value / eta - 1) < 1e-9 for value in tried), eta
        assert (method.direction.tau, method.optimizer.momentum) == (
            0.05 if method.direction.solver == "explicit" else 1.0,
            0.95,
        )


def test_45_000_images_train_and_5_000_validate() -> None:
    for part in plans("full", DataConfig(name="cifar10")):
        data = part.sweep.data if part.sweep else part.fields[0].config.data
        assert training_samples(data) == 45_000
        assert split_sizes(50_000, data.validation, official_test=True).validation == 5_000


def test_the_laptop_keeps_everything_but_images_and_epochs() -> None:
    full = parts("full")
    for place, part in parts().items():
        if part.sweep is not None:
            continue
        assert part.epochs < full[place].epochs
        for key, run in runs(part).items():
            other = runs(full[place])[key]
            epochs = other.budget.epochs
            same = {"data.samples": None, "data.validation": 0.1, "budget.epochs": epochs}
            cadence = {"checkpoint.seconds": other.checkpoint.seconds}
            assert run.replace(**same, **cadence) == other
            assert training_samples(run.data) == 4_500


@pytest.mark.parametrize("scale", ["laptop", "full"])
def test_keys_and_labels_tell_contenders_apart(scale: str) -> None:
    for part in parts(scale).values():  # type: ignore[arg-type]
        keys = [key for field in part.fields for key in field.keys]
        labels = [label for field in part.fields for label in race_labels(field.config)]
        given = [c.label for field in part.fields for c in field.config.contenders]
        assert len(set(keys)) == len(keys)
        assert len(set(labels)) == len(labels)
        assert labels == given, "the plan's own labels are unique already"


def test_seeds_change_nothing_else() -> None:
    first, *_, last = (job.config for job in jobs_of(parts()["mlp/main"], 4))
    assert isinstance(first, RaceConfig)
    assert (first.seed, last.seed) == (0, 3)
    assert last.replace(seed=0) == first
    assert last.digest != first.digest
    assert isinstance(first.contenders[0], Contender)
