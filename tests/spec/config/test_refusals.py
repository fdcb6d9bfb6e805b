from __future__ import annotations

import json
import re
from typing import Any

import pytest

from proxprop.spec.config import ConfigError, Problem, RunConfig, from_query, load_config
from proxprop.spec.config.query import flatten

from .cases import REFUSED, UNKNOWN, nested


def refusal(values: Any) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        RunConfig.parse(values)
    return caught.value.problems


def test_every_field_has_a_case() -> None:
    covered = {field for field, *_ in REFUSED}
    fields = set(flatten(RunConfig()))
    assert {name for name in fields if not any(c.startswith(name) for c in covered)} == set()


@pytest.mark.parametrize(("field", "value", "rule", "shown"), REFUSED)
def test_refused_values_are_told_with_field_rule_and_value(
    field: str, value: Any, rule: str, shown: str
) -> None:
    (problem,) = refusal(nested(field, value))
    assert problem.field == field
    assert problem.message.startswith(rule)
    assert shown in problem.message
    assert str(problem).startswith(f"{field}: ")


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_names_are_told(name: str) -> None:
    (problem,) = refusal(nested(name, 1))
    assert problem == Problem(name, "is not a field of this config; check the spelling")


def test_all_problems_are_told_at_once() -> None:
    problems = refusal({"direction": {"tau": -1}, "optimizer": {"lr": 0}, "seed": "x"})
    assert [problem.field for problem in problems] == ["seed", "direction.tau", "optimizer.lr"]


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"data": {"name": "folder"}}, "data.path", "is required for data 'folder'"),
        (
            {"data": {"name": "moons"}, "model": {"name": "small-convnet"}},
            "model.name",
            "needs images, but 'moons' has points; choose 'mlp'",
        ),
        (
            {"model": {"name": "small-convnet", "widths": [8, 8, 8, 8]}},
            "model.widths",
            "too many for 8×8 images; use fewer",
        ),
        (
            {"data": {"name": "moons", "samples": 50}, "batch_size": 42},
            "batch_size",
            "must be at most the 41 training samples of moons, got 42",
        ),
        (
            {"data": {"samples": 10, "validation": 0.95}},
            "data.validation",
            "leaves no sample to train on, got 0.95",
        ),
        ({"direction": None}, "direction", "must be an object with named fields"),
        ({"model": []}, "model", "must be an object with named fields"),
    ],
)
def test_fields_that_do_not_go_together(values: Any, field: str, words: str) -> None:
    (problem,) = refusal(values)
    assert problem.field == field
    assert words in problem.message


@pytest.mark.parametrize("values", [None, 3, "run", [], [1, 2]])
def test_data_that_is_no_object(values: Any) -> None:
    (problem,) = refusal(values)
    assert problem.message.startswith("must be an object with named fields")
    with pytest.raises(ConfigError, match="must be an object with named fields"):
        load_config(values)


@pytest.mark.parametrize(
    "text", ["", "{", "{'seed': 1}", '{"seed": 1,}', "[" * 200_000, '{"seed": ' + "9" * 5000 + "}"]
)
def test_text_that_is_no_json(text: str) -> None:
    with pytest.raises(ConfigError, match="not valid JSON"):
        RunConfig.parse_json(text)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999"])
def test_json_with_infinite_numbers(text: str) -> None:
    with pytest.raises(ConfigError, match=r"direction\.tau: must be finite"):
        RunConfig.parse_json(f'{{"direction": {{"tau": {text}}}}}')


# Entries of lists have no names of their own in a link.
@pytest.mark.parametrize(
    ("field", "value"), [(f, value) for f, value, *_ in REFUSED if not re.search(r"\d", f)]
)
def test_links_refuse_the_same(field: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        from_query({field: value if isinstance(value, str) else json.dumps(value)})
    assert [problem.field for problem in caught.value.problems] == [field]


@pytest.mark.parametrize("name", [*UNKNOWN, "direction", "optimizer.schedule", "", "."])
def test_links_refuse_unknown_names(name: str) -> None:
    with pytest.raises(ConfigError, match="is not a field of a run"):
        from_query({name: "1"})


def test_long_values_are_cut() -> None:
    (problem,) = refusal({"seed": "9" * 10_000})
    assert len(problem.message) < 200


@pytest.mark.parametrize("name", ["foo.bar", "seed.x", "direction.tau.x", "optimizer.betas.0"])
def test_replace_refuses_unknown_names(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig().replace(**{name: 1})
    assert caught.value.problems == [Problem(name, "is not a field of this config")]


def test_replace_refuses_what_parse_refuses() -> None:
    with pytest.raises(ConfigError, match=r"direction\.tau: must be > 0, got -1"):
        RunConfig().replace(**{"direction.tau": -1})
