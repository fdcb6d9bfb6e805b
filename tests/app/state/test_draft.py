"""What a person typed, read exactly and refused in words."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.components.notation import exact_number
from app.forms.fields import log_grid, shown
from app.forms.settings import SETTINGS
from app.state.draft import DEFAULTS, check, check_files, check_task, read_query, read_text
from proxprop.spec.config import RunConfig, from_query, to_query
from proxprop.spec.config.query import flatten

positive = st.floats(min_value=1e-300, max_value=1e300, allow_subnormal=False)


@given(positive)
def test_shown_numbers_read_back_exactly(value: float) -> None:
    assert read_text("optimizer.lr", shown("optimizer.lr", value)) == value
    assert float(exact_number(value)) == value


@given(positive, positive, st.integers(0, 2**32 - 1), st.lists(st.integers(1, 9999), min_size=1))
def test_links_round_trip_exactly(lr: float, tau: float, seed: int, widths: list[int]) -> None:
    changes = {
        "optimizer.lr": lr,
        "direction.tau": tau,
        "seed": seed,
        "model.widths": tuple(widths[:20]),
    }
    config = RunConfig().replace(**changes)
    values, unknown = read_query(to_query(config), RunConfig())
    assert (check(values), unknown) == ((config, {}), [])
    assert from_query(to_query(config)) == config


def test_link_on_top_of_a_run_holds_only_the_difference() -> None:
    base = RunConfig().replace(**{"optimizer.lr": 3.0, "seed": 7})
    config = base.replace(**{"optimizer.lr": 1.0})
    assert to_query(config, base) == {"optimizer.lr": "1.0"}
    assert check(read_query({"optimizer.lr": "1.0"}, base)[0])[0] == config


@pytest.mark.parametrize(
    ("field", "typed", "value"),
    [
        ("optimizer.lr", "1e-3", 0.001),
        ("optimizer.lr", " 0,05 ", 0.05),
        ("optimizer.explicit_lr", "", None),
        ("model.widths", "784-128, 64", [784, 128, 64]),
        ("optimizer.betas", "0.9, 1e-1", [0.9, 0.1]),
        ("data.path", "/data/photos, 2", "/data/photos, 2"),
        ("data.samples", "500", 500),
        ("batch_size", "", ""),
    ],
)
def test_typed_text_is_read(field: str, typed: str, value: object) -> None:
    assert read_text(field, typed) == value


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("direction.tau", "-1", "must be > 0, got -1"),
        ("direction.tau", "0", "must be > 0, got 0"),
        ("direction.tau", "nan", "must be finite"),
        ("direction.tau", "inf", "must be finite"),
        ("direction.tau", "much", "must be a number, got 'much'"),
        ("direction.cg_steps", "0", "must be ≥ 1, got 0"),
        ("direction.cg_steps", "2.5", "must be a whole number, got 2.5"),
        ("model.widths", "", "needs at least 1 entry"),
        ("model.widths", "64, x", "must be a whole number, got 'x'"),
        ("batch_size", "99999", "must be at most the 1455 training samples of digits, got 99999"),
        ("budget.epochs", "", "set epochs, seconds or steps"),
        ("optimizer.momentum", "1", "must be < 1, got 1"),
    ],
)
def test_bad_values_are_refused_beside_their_field(field: str, typed: str, words: str) -> None:
    config, problems = check({**DEFAULTS, field: read_text(field, typed)})
    assert config is None
    assert list(problems) == [field]
    assert words in problems[field]


def test_all_bad_values_are_named_at_once() -> None:
    # Batch against data is a rule over several fields; it must not hide behind the momentum.
    _, problems = check({**DEFAULTS, "optimizer.momentum": 3, "batch_size": 10**6})
    assert set(problems) == {"optimizer.momentum", "batch_size"}


def test_network_is_known_although_the_step_is_not() -> None:
    task = check_task({**DEFAULTS, "model.widths": [5, 4], "direction.tau": "?"})
    assert task is not None
    assert task.model.widths == (5, 4)


def test_unknown_names_in_a_link_are_told() -> None:
    values, unknown = read_query({"foo": "1", "seed": "3"}, RunConfig())
    assert (values["seed"], unknown) == (3, ["foo"])


@pytest.mark.parametrize("field", ["direction.tau", "optimizer.lr", "optimizer.explicit_lr"])
def test_step_size_sliders_are_logarithmic(field: str) -> None:
    grid = log_grid(SETTINGS[field].low, SETTINGS[field].high)
    ratios = [math.log10(after / before) for before, after in pairwise(grid)]
    assert max(ratios) < 0.13
    assert min(ratios) > 0.07
    assert 0.05 in grid
    assert 1.0 in grid


def test_every_setting_has_words() -> None:
    assert set(flatten(RunConfig())) - set(SETTINGS) == {"kind", "changes"}
    assert all(words.label and words.help.endswith(".") for words in SETTINGS.values())


def test_image_folder_is_looked_into_before_anything_starts(tmp_path: Path) -> None:
    folder = {**DEFAULTS, "data.name": "folder", "data.path": str(tmp_path / "photos")}
    config, _ = check(folder)
    assert config is not None
    assert "does not exist" in check_files(config)["data.path"]
    for name in ("cats", "dogs"):
        (tmp_path / "animals" / name).mkdir(parents=True)
        for index in range(10):
            pixels = np.full((6, 6, 3), index, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "animals" / name / f"{index}.png")
    config = config.replace(**{"data.path": str(tmp_path / "animals"), "batch_size": 8})
    assert check_files(config) == {}
    large = config.replace(batch_size=100)
    assert "must be at most the 16 training samples" in check_files(large)["batch_size"]
