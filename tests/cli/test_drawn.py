"""Drawn configs and command lines end only in messages and exit codes that mean what they say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from proxprop.cli import app
from proxprop.runs.store import Store
from proxprop.spec.config import ConfigError, RunConfig, load_config
from proxprop.spec.racing import default_race
from proxprop.spec.sweeping import default_sweep

_PLAIN = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    st.sampled_from([0, 1, -1, 1e-3, 1e300, 10**400, "digits", "adam", "cg", "exact", "nan", ""]),
)
_VALUE = st.recursive(
    _PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "lr", "tau", "kind", "x", ""]), inner, max_size=3
        )
    ),
    max_leaves=5,
)
_STARTS = [
    config.model_dump(mode="json") for config in (RunConfig(), default_race(), default_sweep())
]


def _places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        if isinstance(value, dict | list):
            yield from _places(value, (*path, key))
        else:
            yield (*path, key)


def _put(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = _put(copy[path[0]], path[1:], value)
    return copy


@settings(max_examples=500, deadline=None)
@given(data=st.data(), start=st.sampled_from(_STARTS))
def test_a_config_with_anything_in_a_field_is_read_or_refused(data: Any, start: Any) -> None:
    read_or_refuse(data, start)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(data=st.data(), start=st.sampled_from(_STARTS))
def test_a_thousand_configs_are_read_or_refused(data: Any, start: Any) -> None:
    read_or_refuse(data, start)


def read_or_refuse(data: Any, start: Any) -> None:
    """Put anything into a field of a config, and have it read."""
    path = data.draw(st.sampled_from(list(_places(start))))
    values = _put(start, path, data.draw(_VALUE))
    try:
        config = load_config(values)
    except ConfigError as error:
        refusal = error
    else:
        assert load_config(config.model_dump(mode="json")) == config
        return
    assert 0 < len(str(refusal)) < 10_000
    assert all(problem.message for problem in refusal.problems)


_OPTIONS = st.sampled_from(
    [
        *("--data", "--widths", "--tau", "--lr", "--epochs", "--steps", "--seconds", "--seed"),
        *("--solver", "--optimizer", "--set", "--name", "--resume", "--config", "--json", "--x"),
        *("--preset", "--target", "--measure", "--baseline", "--points", "--plane", "--limit"),
        *("--status", "--version", "--help", "--momentum", "--model", "--batch-size"),
        *("--begin-again", "--purge", "--yes"),
    ]
)
_WORDS = st.one_of(
    st.text(max_size=6),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["digits", "adam", "cg", "8,8", "lr=1", "direction=[]", "optimizer.lr=0.1"]),
    st.sampled_from(["direction.tau=[[", "a.b.c=1", "seed=", "=", "1e999", "/", "nope", "failed"]),
)
_COMMANDS = [["train"], ["race"], ["sweep"], ["runs"], ["runs", "list"], ["runs", "show"]]
_COMMANDS += [
    ["runs", "export"],
    ["runs", "resume"],
    ["runs", "restore"],
    ["runs", "delete"],
    ["restore"],
    [],
]


_LINES = {
    "command": st.sampled_from(_COMMANDS),
    "options": st.lists(
        st.tuples(_OPTIONS, _WORDS) | st.tuples(_WORDS) | st.tuples(_OPTIONS), max_size=4
    ),
}


@settings(max_examples=200, deadline=None)
@given(**_LINES)
def test_a_drawn_command_line_ends_in_words(
    home: Path, command: list[str], options: list[tuple[str, ...]]
) -> None:
    end_in_words(home, command, options)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(**_LINES)
def test_a_thousand_command_lines_end_in_words(
    home: Path, command: list[str], options: list[tuple[str, ...]]
) -> None:
    end_in_words(home, command, options)


def end_in_words(home: Path, command: list[str], options: list[tuple[str, ...]]) -> None:
    """Carry out a command line, short of training."""

    def begun(*_: object, **__: object) -> None:
        raise typer.Exit(0)

    line = [*command, *(word for option in options for word in option)]
    with (
        patch("proxprop.cli.starting.carry_out", begun),
        patch.dict("os.environ", PROXPROP_HOME=str(home)),
    ):
        result = CliRunner().invoke(app, line)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 1, 2)
    if result.exit_code:
        assert 0 < len(result.output) < 20_000
    assert "Traceback" not in result.output


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    Store(folder / "proxprop.db").create_run(RunConfig(), "one")
    return folder
