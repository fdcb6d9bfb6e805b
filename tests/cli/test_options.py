"""Options, --set and a file make the config a person meant, or words about what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from proxprop.cli import app
from proxprop.cli.options import build
from proxprop.spec.config import ConfigError, RunConfig


def run(options: dict[str, Any] | None = None, *settings: str) -> RunConfig:
    config = build(None, options or {}, settings)
    assert isinstance(config, RunConfig)
    return config


def test_nothing_given_is_the_default() -> None:
    assert run({"direction.tau": None}) == RunConfig()


def test_options_and_set_override_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"seed": 3, "direction": {"tau": 0.2, "solver": "cg"}}))
    config = build(file, {"direction.tau": 0.3, "seed": 4}, ["seed=5", "model.widths=[7, 8]"])
    assert isinstance(config, RunConfig)
    assert (config.seed, config.direction.tau, config.direction.solver) == (5, 0.3, "cg")
    assert config.model.widths == (7, 8)


def test_a_written_config_comes_back(tmp_path: Path) -> None:
    config = RunConfig().replace(**{"optimizer.name": "adam", "optimizer.lr": 0.002})
    (tmp_path / "c.json").write_text(config.model_dump_json())
    assert build(tmp_path / "c.json", {}, []) == config


@pytest.mark.parametrize(
    ("options", "lr"),
    [
        ({"direction.solver": "explicit"}, 0.05),
        ({"optimizer.name": "adam"}, 1e-3),
        ({"optimizer.name": "sgd", "direction.solver": "cg"}, 1.0),
        ({"optimizer.name": "adam", "optimizer.lr": 0.5}, 0.5),
    ],
)
def test_the_step_size_suits_the_optimizer_unless_given(options: dict[str, Any], lr: float) -> None:
    assert run(options).optimizer.lr == lr


def test_a_budget_in_seconds_has_no_hidden_limit_of_epochs() -> None:
    assert run({"budget.seconds": 60.0}).budget.epochs is None
    assert run({}, "budget.steps=60").budget.epochs is None
    assert run({"budget.seconds": 60.0, "budget.epochs": 2.0}).budget.epochs == 2.0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["direction.tau=-1"], "direction.tau: must be > 0"),
        (["direction.tau=NaN"], "direction.tau: must be finite"),
        (["direction.taw=1"], "direction.taw: is not a field"),
        (["seed.x=1"], "seed"),
        (["nonsense"], "--set: must look like direction.tau=0.1, got 'nonsense'"),
        (["data.name=imagenet"], "unknown data set 'imagenet'"),
        (["optimizer.name=magic"], "unknown optimizer 'magic'"),
    ],
)
def test_what_is_wrong_is_named(settings: list[str], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run({}, *settings)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "not valid JSON"), ("[1]", "must hold an object"), (None, "No such file")],
)
def test_a_file_that_is_no_config_is_named(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "c.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=words):
        build(file, {}, [])


def test_a_file_with_a_number_for_a_group_of_fields_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text('{"optimizer": 3}')
    with pytest.raises(ConfigError, match="optimizer: must be an object"):
        build(file, {"direction.solver": "cg"}, [])


_LONG = "1" * 5000


@pytest.mark.parametrize(
    "setting",
    [
        "direction=[]",
        "optimizer.name=[]",
        "kind={}",
        f"seed={_LONG}",
        f"direction.tau={_LONG[:4200]}",
        f"model.widths=[{_LONG}]",
        f"data={'[' * 10_000}",
        f"changes={'[' * 10_000}{']' * 10_000}",
        f"data.name={'x' * 10_000_000}",
        f"{'x' * 10_000_000}=1",
        "x" * 10_000_000,
        f"model.widths={['x' * 50] * 20_000}".replace("'", '"'),
    ],
    ids=lambda setting: setting[:20],
)
def test_absurd_settings_are_refused_briefly(setting: str) -> None:
    with pytest.raises(ConfigError) as refused:
        run(None, setting)
    assert 5 < len(str(refused.value)) < 5000


def test_absurd_options_and_files_are_refused_briefly(tmp_path: Path) -> None:
    for text in (f'{{"seed": {_LONG}}}', '{"data": ' * 10_000, "\ud800η" * 9, '{"budget": [1]}'):
        (tmp_path / "c.json").write_bytes(text.encode("utf-16", "surrogatepass"))
        (tmp_path / "d.json").write_text(text.encode("utf-8", "replace").decode())
        for name in ("c.json", "d.json"):
            with pytest.raises(ConfigError) as refused:
                build(tmp_path / name, {"budget.steps": 5}, [])
            assert len(str(refused.value)) < 5000
    with pytest.raises(ConfigError, match="budget"):
        build(None, {"budget.steps": 5}, ["budget=3"])
    ended = CliRunner().invoke(app, ["train", "--widths", _LONG])
    assert (ended.exit_code, type(ended.exception)) == (2, SystemExit)
