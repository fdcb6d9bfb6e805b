from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from proxprop.spec.catalog.data import DATA
from proxprop.spec.catalog.models import ACTIVATIONS, INITS
from proxprop.spec.catalog.optimizers import OPTIMIZERS, SOLVERS
from proxprop.spec.config import (
    ConfigError,
    DataConfig,
    DirectionConfig,
    OptimizerConfig,
    RaceConfig,
    RunConfig,
    SweepConfig,
    from_query,
    load_config,
    to_query,
)
from proxprop.spec.config.query import flatten, nest
from proxprop.spec.config.run import training_samples

positive = st.floats(1e-12, 1e6)
fraction = st.floats(0, 0.999)
seeds = st.integers(0, 2**32 - 1)
MOST_VALIDATION = 0.5
# Whatever data set and validation share are drawn, such a batch fits.
SMALLEST_TRAINING_SET = min(
    training_samples(DataConfig(name=name, validation=MOST_VALIDATION))
    for name, spec in DATA.items()
    if spec.kind != "folder"
)
# Texts that look like something else are what a link could get wrong.
paths = st.text(min_size=1, max_size=20) | st.sampled_from(["1", "null", "true", '"a"', "[1]", " "])

CHANGE = st.fixed_dictionaries(
    {"step": st.integers(0, 10**6)},
    optional={},
).flatmap(
    lambda change: st.fixed_dictionaries(
        {},
        optional={
            "lr": positive,
            "explicit_lr": st.none() | positive,
            "tau": positive,
            "cg_steps": st.integers(1, 1000),
            "solver": st.sampled_from(SOLVERS),
            "instruments": st.sampled_from(["off", "cheap", "full"]),
        },
    ).map(lambda values: {**change, "values": values})
)

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "data.noise": st.floats(0, 10),
    "data.image_size": st.none() | st.integers(1, 1024),
    "data.standardize": st.booleans(),
    "data.validation": st.floats(0, MOST_VALIDATION),
    "data.split_seed": seeds,
    "data.split": st.sampled_from(["auto", "folders", "classes"]),
    "data.damaged": st.sampled_from(["refuse", "skip"]),
    "data.label": st.none() | paths,
    "model.widths": st.lists(st.integers(1, 5000), min_size=1, max_size=5).map(tuple),
    "model.activation": st.sampled_from(ACTIVATIONS),
    "model.init": st.sampled_from(INITS),
    "model.bias": st.booleans(),
    "batch_size": st.integers(1, SMALLEST_TRAINING_SET),
    "seed": seeds,
    "devices": st.integers(1, 4),
    "device": st.sampled_from(["auto", "cpu", "cuda"]),
    "precision": st.sampled_from(["float32", "float64", "bfloat16"]),
    "evaluation.every": st.floats(1e-3, 1e4),
    "evaluation.train": st.booleans(),
    "direction.solver": st.sampled_from(SOLVERS),
    "direction.tau": positive,
    "direction.cg_steps": st.integers(1, 1000),
    "direction.cg_rtol": fraction,
    "direction.gram": st.sampled_from(["batch", "running"]),
    "direction.decay": fraction,
    "direction.refresh": st.integers(1, 100_000),
    "direction.layers": st.sampled_from(["hidden", "all"]),
    "optimizer.name": st.sampled_from(
        sorted(name for name, spec in OPTIMIZERS.items() if not spec.missing)
    ),
    "optimizer.lr": positive,
    "optimizer.explicit_lr": st.none() | positive,
    "optimizer.momentum": fraction,
    "optimizer.betas": st.tuples(fraction, fraction),
    "optimizer.eps": positive,
    "optimizer.weight_decay": st.floats(0, 10),
    "optimizer.schedule.name": st.sampled_from(["constant", "cosine", "step", "exponential"]),
    "optimizer.schedule.gamma": st.floats(1e-3, 1),
    "optimizer.clip_norm": st.none() | positive,
    "budget.epochs": st.floats(1e-3, 1e6),
    "budget.seconds": st.none() | st.floats(1e-3, 1e7),
    "budget.steps": st.none() | st.integers(1, 10**9),
    "instruments.tier": st.sampled_from(["off", "cheap", "full"]),
    "checkpoint.seconds": st.floats(1e-3, 86_400),
    "checkpoint.along": st.integers(0, 100),
    "pace": st.none() | st.floats(0.01, 1000),
    "log": st.sampled_from(["off", "tensorboard", "wandb", "trackio"]),
    "changes": st.lists(CHANGE, max_size=3).map(tuple),
}
DATA_CHOICE = st.one_of(
    st.sampled_from([name for name, spec in DATA.items() if spec.kind != "folder"]).map(
        lambda name: {"data.name": name}
    ),
    paths.map(lambda path: {"data.name": "folder", "data.path": path}),
)


@st.composite
def runs(draw: st.DrawFn) -> RunConfig:
    chosen = draw(st.fixed_dictionaries({}, optional=FIELDS)) | draw(DATA_CHOICE)
    if chosen.get("direction.solver") == "cg":
        chosen.pop("direction.gram", None)  # CG refuses a running Gram
    solver = chosen.get("direction.solver", DirectionConfig().solver)
    name = chosen.get("optimizer.name", OptimizerConfig().name)
    if OPTIMIZERS[name].pairing(solver).support == "no":  # some take no proximal directions
        del chosen["optimizer.name"]
    if chosen.get("optimizer.name") == "hessian-free" or chosen.get("batch_size", 100) < 4:
        chosen.pop("devices", None)  # cannot be shared out
    return RunConfig.parse(nest(chosen))


@settings(max_examples=300, deadline=None)
@given(runs())
def test_query_round_trip(config: RunConfig) -> None:
    query = to_query(config)
    assert all(isinstance(text, str) for text in query.values())
    assert from_query(query) == config


@settings(max_examples=300, deadline=None)
@given(runs())
def test_json_round_trip(config: RunConfig) -> None:
    text = config.model_dump_json()
    again = RunConfig.parse_json(text)
    assert again == config
    assert again.model_dump_json() == text
    assert again.digest == config.digest
    assert load_config(json.loads(text)) == config


@settings(max_examples=100, deadline=None)
@given(runs(), runs())
def test_replacing_every_field_gives_the_other(one: RunConfig, other: RunConfig) -> None:
    assert one.replace(**flatten(other)) == other


@settings(max_examples=100, deadline=None)
@given(runs())
def test_flatten_and_nest_are_inverse(config: RunConfig) -> None:
    assert nest(flatten(config)) == config.model_dump(mode="json")


def test_defaults_make_an_empty_query() -> None:
    assert to_query(RunConfig()) == {}
    assert from_query({}) == RunConfig()


def test_query_reads_as_a_person_writes_it() -> None:
    config = RunConfig().replace(
        **{"direction.tau": 0.5, "data.name": "moons", "model.widths": (32,), "model.bias": False}
    )
    assert to_query(config) == {
        "data.name": "moons",
        "model.widths": "[32]",
        "model.bias": "false",
        "direction.tau": "0.5",
    }


def test_replace_leaves_the_original_and_changes_only_what_is_named() -> None:
    config = RunConfig()
    changed = config.replace(**{"direction.tau": 0.1, "seed": 3, "budget.seconds": 5})
    assert config == RunConfig()
    before, after = flatten(config), flatten(changed)
    assert {name for name in before if before[name] != after[name]} == {
        "direction.tau",
        "seed",
        "budget.seconds",
    }


def test_configs_are_frozen_and_hashable() -> None:
    config = RunConfig()
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 3  # type: ignore[misc]
    assert hash(config) == hash(RunConfig())


def test_load_config_knows_the_kinds() -> None:
    contenders = [{"direction": {"solver": "explicit"}}, {}]
    sweep = [{"lr": {"low": 0.1, "high": 1}}]
    assert isinstance(load_config({}), RunConfig)
    assert isinstance(load_config({"kind": "run"}), RunConfig)
    assert isinstance(load_config({"kind": "race", "contenders": contenders}), RaceConfig)
    assert isinstance(load_config({"kind": "sweep", "methods": sweep}), SweepConfig)
    for kind in ("marathon", None, 3):
        with pytest.raises(ConfigError, match=r"^kind: must be one of 'run', 'race', 'sweep'"):
            load_config({"kind": kind})


def test_load_config_names_fields_without_the_kind() -> None:
    with pytest.raises(ConfigError, match=r"^contenders\.1\.direction\.tau: must be > 0"):
        load_config({"kind": "race", "contenders": [{}, {"direction": {"tau": 0}}]})
