from __future__ import annotations

import subprocess
import sys

import pytest

from proxprop.spec.config import ConfigError, RaceConfig, RunConfig, SweepConfig

# Everything written out, so that a change of a default is no change of meaning.
PINNED = """
{"data": {"name": "digits", "path": null, "samples": null, "noise": 0.1, "image_size": null,
          "standardize": false, "validation": 0.1, "split_seed": 0},
 "model": {"name": "mlp", "widths": [128, 64], "activation": "relu", "init": "default",
           "bias": true},
 "batch_size": 100, "seed": 0, "device": "cpu", "precision": "float32",
 "evaluation": {"every": 1.0, "train": true}, "kind": "run",
 "direction": {"solver": "exact", "tau": 0.05, "cg_steps": 3, "cg_rtol": 0.0, "layers": "hidden"},
 "optimizer": {"name": "nesterov", "lr": 1.0, "explicit_lr": null, "momentum": 0.95,
               "betas": [0.9, 0.999], "eps": 1e-8, "alpha": 0.99, "rho": 0.9, "history_size": 10,
               "max_iter": 5, "weight_decay": 0.0,
               "schedule": {"name": "constant", "warmup": 0.0, "gamma": 0.1, "every": 10.0,
                            "final": 0.0}, "clip_norm": null},
 "budget": {"epochs": 30.0, "seconds": null, "steps": null},
 "instruments": {"tier": "cheap", "every": 20}, "checkpoint": {"seconds": 10.0},
 "changes": [{"step": 5, "values": {"tau": 0.1, "explicit_lr": null}}]}
"""
# A digest marks runs as equal: it may change only together with the fields of a config.
GOLDEN = [
    ({}, "f79d49c013a4"),
    ({"data.name": "moons", "data.samples": 200}, "8f2f4fa854a5"),
    ({"direction.solver": "cg", "direction.tau": 1, "changes": []}, "ba4eb0f4f3ee"),
]


@pytest.mark.parametrize(("changes", "digest"), GOLDEN)
def test_golden_digests(changes: dict[str, object], digest: str) -> None:
    assert RunConfig.parse_json(PINNED).replace(**changes).digest == digest


def test_digest_does_not_depend_on_how_a_config_was_written() -> None:
    one = RunConfig.parse_json('{"seed": 3, "optimizer": {"lr": 1, "betas": [0.9, 0.999]}}')
    other = RunConfig.parse({"optimizer": {"lr": "1.0"}, "seed": "3"})
    assert one.digest == other.digest == RunConfig(seed=3).digest


def test_digest_ignores_the_checkpoint_cadence_alone() -> None:
    digest = RunConfig().digest
    assert RunConfig().replace(**{"checkpoint.seconds": 99}).digest == digest
    for change in ({"seed": 1}, {"direction.tau": 0.06}, {"instruments.tier": "off"}):
        assert RunConfig().replace(**change).digest != digest


def test_settings_of_the_running_gram_count_only_while_it_is_in_use() -> None:
    config = RunConfig()
    assert (
        config.replace(**{"direction.decay": 0.5, "direction.refresh": 3}).digest == config.digest
    )
    running = config.replace(**{"direction.gram": "running"})
    assert running.digest != config.digest
    for change in ({"direction.decay": 0.5}, {"direction.refresh": 3}):
        assert running.replace(**change).digest != running.digest


def test_cg_with_a_running_gram_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match=r"direction.gram: must be 'batch' with solver 'cg'"):
        RunConfig.parse({"direction": {"solver": "cg", "gram": "running"}})


RACE = {
    "contenders": [{"label": "a"}, {"label": "b", "direction": {"solver": "explicit"}}],
    "instruments": {"tier": "off", "every": 20},  # the defaults of then
}
SWEEP = {"methods": [{"lr": {"low": 0.1, "high": 1, "count": 3}}]}


def test_digests_of_races_and_sweeps_are_those_of_version_0_1_0() -> None:
    assert RaceConfig.parse(RACE).digest == "a337a40d2ad7"
    assert SweepConfig.parse(SWEEP).digest == "c75350c9f0fd"


@pytest.mark.parametrize(
    ("field", "used"), [("split", "classes"), ("damaged", "skip"), ("label", "kind")]
)
def test_later_settings_of_the_data_count_once_they_are_used(field: str, used: str) -> None:
    for config in (RunConfig(), RaceConfig.parse(RACE), SweepConfig.parse(SWEEP)):
        assert config.replace(**{f"data.{field}": used}).digest != config.digest


def test_digest_is_the_same_in_another_process() -> None:
    script = "from proxprop.spec.config import RunConfig; print(RunConfig().digest)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == RunConfig().digest
